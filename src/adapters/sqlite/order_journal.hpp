// The journal of placed orders: what makes an order durable before it is in the tables.
//
// One record for each batch, written and synced at once. Orders are numbered for as long as the
// database lives, and the tables know the newest that they hold. So nothing is ever erased: the file
// has two halves, one is written while the tables take what is in the other, and what an earlier round
// left behind has numbers which the tables hold.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "adapters/sqlite/vfs_file.hpp"
#include "domain/order.hpp"
#include "domain/order_plan.hpp"

namespace waybill::sqlite {

// An order that was placed: as it was answered, and the record of its idempotency key.
struct JournaledOrder {
    std::uint64_t sequence = 0;
    Order order;
    std::optional<IdempotencyKey> idempotency;
};

[[nodiscard]] std::string encode_journaled(const Order& order, const std::optional<IdempotencyKey>& idempotency);
// Empty for bytes that encode_journaled did not make.
[[nodiscard]] std::optional<JournaledOrder> decode_journaled(std::uint64_t sequence, std::string_view bytes);

// Not thread-safe.
class OrderJournal {
public:
    enum class Outcome {
        durable,
        not_written,  // the disk is full: nothing of the batch is in the journal
        in_doubt,     // the batch may be in the journal or not
    };

    // `half_bytes` belongs to the file for as long as there are orders in it. Throws SqliteError.
    OrderJournal(std::filesystem::path file, std::uint64_t half_bytes);

    // Calls `visit` with each order, in the order of their numbers; each half ends with the first
    // record that is not whole. Throws SqliteError, and std::runtime_error for a record that is whole
    // but cannot be read.
    void replay(const std::function<void(JournaledOrder)>& visit);

    // What the file holds with numbers above `sequence`, at any place, also where replay does not come.
    struct Found {
        std::uint64_t newest = 0;         // in a record that is whole; 0: there is none
        std::uint64_t broken_octets = 0;  // of a record that would be the next, and is not whole
    };
    // A record is written after the one before it was synced. So where replay has ended, a whole one with a
    // higher number says that the file is damaged. Throws SqliteError.
    [[nodiscard]] Found look_beyond(std::uint64_t sequence);

    // `orders` are the bytes of encode_journaled; the first has the number `sequence`. The half must
    // have room for them, and never changes under orders that the tables lack.
    [[nodiscard]] Outcome append(std::uint64_t sequence, std::span<const std::string> orders);
    [[nodiscard]] bool has_room_for(std::span<const std::string> orders) const;

    // The number of the newest order in the half that is not written; 0: none of this process.
    [[nodiscard]] std::uint64_t newest_of_other_half() const { return newest_[1 - half_]; }

    // The next record goes to the front of the other half, whose orders are in the tables.
    void turn();

    // The next record goes to the front of this half: every order is in the tables.
    void start_over() { end_ = front(half_); }

    // The same on a file opened anew, after doubt. Throws SqliteError.
    void reopen();

    // Gives the space back. An error leaves the file as it is, which is harmless.
    void clear();

private:
    [[nodiscard]] std::uint64_t front(std::size_t half) const { return half * half_bytes_; }
    [[nodiscard]] int make_room(std::uint64_t end);

    const std::filesystem::path path_;
    const std::uint64_t half_bytes_;
    std::unique_ptr<VfsFile> file_;
    std::size_t half_ = 0;
    std::array<std::uint64_t, 2> newest_{};
    std::uint64_t end_ = 0;   // where the next record goes
    std::uint64_t size_ = 0;  // of the file
};

}  // namespace waybill::sqlite

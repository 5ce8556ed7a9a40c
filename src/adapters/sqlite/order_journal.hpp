// The journal of placed orders: what makes an order durable before it is in the tables.
//
// One record for each batch, written and synced at once. Orders are numbered for as long as the
// database lives, and the tables know the newest that they hold. So nothing is ever erased: a journal
// whose orders are all in the tables starts over at its front, and what the earlier round left behind
// that has numbers which the tables hold.
#pragma once

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

    // Throws SqliteError.
    explicit OrderJournal(std::filesystem::path file);

    // Calls `visit` with each order from the front of the file to the first record that is not whole.
    // Throws SqliteError, and std::runtime_error for a record that is whole
    // but cannot be read.
    void replay(const std::function<void(JournaledOrder)>& visit);

    // `orders` are the bytes of encode_journaled; the first has the number `sequence`.
    [[nodiscard]] Outcome append(std::uint64_t sequence, std::span<const std::string> orders);

    // The next record is written at the front: everything so far is in the tables.
    void start_over() { end_ = 0; }

    // The same on a file opened anew, after doubt. Throws SqliteError.
    void reopen();

    // Gives the space back. An error leaves the file as it is, which is harmless.
    void clear();

    [[nodiscard]] std::uint64_t bytes() const { return end_; }

private:
    [[nodiscard]] int make_room(std::uint64_t end);

    const std::filesystem::path path_;
    std::unique_ptr<VfsFile> file_;
    std::uint64_t end_ = 0;   // where the next record goes
    std::uint64_t size_ = 0;  // of the file
};

}  // namespace waybill::sqlite

// Who may run its transaction now. Turns only save conflicts: nothing depends on them, nobody waits
// long for one, and whoever gets none goes on without.
//
// Within the process, transactions of one lane follow each other. Between processes those on stock
// take turns by a document (holder, counter, and who wants to be next), but only while conflicts were
// met lately: a process that is alone pays nothing.
// Thread-safe.
#pragma once

#include <array>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>

#include "adapters/mongo/connection.hpp"

namespace waybill::mongo {

inline constexpr Milliseconds turn_wait_max{250};         // nobody waits longer
inline constexpr Milliseconds turn_poll{4};               // how often a waiter looks, jittered
inline constexpr Milliseconds turn_stale_after{1'000};    // a holder that did nothing for so long is gone
inline constexpr Milliseconds contention_memory{10'000};  // how long a conflict is remembered

// What a transaction competes for.
enum class Lane : std::uint8_t { none, stock, claims };

class Turns {
public:
    explicit Turns(Clock& clock);

    // The place of one thread in its lane, until destroyed.
    class Place {
    public:
        Place(Turns& turns, Lane lane);
        Place(const Place&) = delete;
        Place& operator=(const Place&) = delete;
        ~Place();

    private:
        Turns& turns_;
        Lane lane_;
        bool held_ = false;
    };

    // Remembers that somebody else was met.
    void met_conflict(Lane lane);
    [[nodiscard]] bool is_contended(Lane lane) const;

    // The number of our turn; empty: go on without.
    [[nodiscard]] std::optional<std::int64_t> take(Connection& connection);
    void give_back(Connection& connection, std::int64_t turn) noexcept;

private:
    struct LaneState {
        bool busy = false;
        std::optional<SteadyTime> conflict_at;
    };
    [[nodiscard]] LaneState& state_of(Lane lane) { return lanes_.at(static_cast<std::size_t>(lane)); }
    [[nodiscard]] const LaneState& state_of(Lane lane) const { return lanes_.at(static_cast<std::size_t>(lane)); }
    // The document, as it was read.
    struct Seen {
        bool is_open = false;  // to us: nobody holds it, and nobody else is next
        std::int64_t turn = 0;
    };
    [[nodiscard]] Seen look(Connection& connection) const;
    [[nodiscard]] std::optional<std::int64_t> wait_for_turn(Connection& connection);
    [[nodiscard]] std::optional<std::int64_t> try_take(Connection& connection, const Document& where) const;
    [[nodiscard]] Document open_to_us() const;
    void set_next(Connection& connection, const Document& from, const Document& to) const;
    [[nodiscard]] bool has_stood_still(std::int64_t turn);
    [[nodiscard]] Milliseconds pause();

    Clock& clock_;
    std::string me_;
    mutable std::mutex mutex_;
    std::condition_variable freed_;
    std::array<LaneState, 3> lanes_{};
    std::int64_t seen_turn_ = -1;  // that kept us waiting
    SteadyTime seen_since_{};
};

}  // namespace waybill::mongo

// What was asked of a store and what it answered, each with its place in the recording of the store's
// disk, so that for a cut at any place it is known what was attempted and what was acknowledged.
//
// Plain data. While threads are at work each step has one thread that writes it.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "ports/store_types.hpp"
#include "tests/support/disk_recording.hpp"

namespace waybill::testing {

// `done`: acknowledged. Many attempts are one step: the first beginning, the first success.
struct Step {
    DiskRecording::Stamp begun = DiskRecording::never;
    DiskRecording::Stamp done = DiskRecording::never;
    [[nodiscard]] bool attempted() const { return begun != DiskRecording::never; }
    [[nodiscard]] bool acknowledged() const { return done != DiskRecording::never; }
};

struct OrderStory {
    NewOrder wanted;
    Step placing;
    std::optional<Order> placed{};  // with placing.done
    Step refusal{};                 // done: it was said that nothing was stored
    Step claim{};
    Step cancel{};
    Step processed{};
    Step failed{};
    Step mail{};  // settled
    std::vector<std::pair<DiskRecording::Stamp, OrderStatus>> seen{};
};

struct StockStory {
    StockChange change;
    Step step;
};

struct SessionStory {
    SessionId id;
    Step creation;
    std::map<std::uint32_t, Step> rotations{};  // by the generation that they lead to
    Step revocation{};
};

struct PriceStory {
    MinorUnits price = 0;
    Step step;
};

// Every product is seeded with `stock_seeded` pieces at `location`; what `shelf` holds is only ever set,
// of the others only differences are booked.
struct History {
    static constexpr std::int64_t stock_seeded = 400;
    static constexpr MinorUnits price_seeded = 250;
    static const std::string location;
    static const ProductId shelf;
    static const std::vector<ProductId> products;  // without the shelf
    static const std::vector<UserId> users;        // customers, then the one who changes stock

    bool asks_nobody = false;  // the store itself makes Processed what was placed
    Step seeding;
    std::map<UserId, Step> accounts;
    std::map<OrderId, OrderStory> orders;
    std::deque<StockStory> stock;  // in the order in which they were asked for
    std::deque<SessionStory> sessions;
    std::deque<PriceStory> prices;  // of the shelf

    // As a client sees it after a cut: what was not answered by then may have happened or not, what was
    // asked later has not. Every stamp is of the past.
    [[nodiscard]] History cut_at(DiskRecording::Stamp at) const;
    [[nodiscard]] std::size_t acknowledged_orders() const;
};

}  // namespace waybill::testing

// A shop at work on a store: customers who place, repeat and cancel orders, a worker, a mailer, a
// keeper of the stock, logins; each on a thread of its own, all written down in a History.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <mutex>
#include <random>
#include <string>
#include <vector>

#include "ports/store.hpp"
#include "tests/durability/history.hpp"
#include "tests/support/fake_clock.hpp"

namespace waybill::testing {

class ShopLoad {
public:
    struct Size {
        std::size_t customers = 3;
        std::size_t batches_each = 16;
        std::size_t batch_max = 8;
    };

    // `name` is part of every id that this load makes.
    ShopLoad(Store& store, const DiskRecording& recording, FakeClock& clock, History& history, std::string name,
             std::uint64_t seed);

    // The catalogue and the accounts. Before all else.
    void set_up();

    // One order after another, at most `orders_max`, until `is_enough`; while nobody else is in the shop.
    void place_until(const std::function<bool()>& is_enough, std::size_t orders_max);

    // Until the customers have ordered all that they want, or the store was said to be lost.
    void run(const Size& size);
    void stop() { stopped_ = true; }

    // Answers that no honest store gives, in words; empty when there was none.
    [[nodiscard]] std::vector<std::string> surprises() const;

private:
    using Dice = std::mt19937_64;

    void shop(std::size_t customer, const Size& size);
    void cancel_some();
    void work();
    void send_mail();
    void keep_stock();
    void keep_sessions();
    void look_around();

    [[nodiscard]] std::vector<OrderStory*> make_batch(std::size_t customer, std::size_t size, Dice& dice);
    void place(const std::vector<OrderStory*>& batch);
    void place_again(OrderStory& story, Dice& dice);
    void settle(std::span<const ClaimedWork> claimed, Dice& dice);

    [[nodiscard]] Dice dice_of(std::uint64_t who) const { return Dice(seed_ * 1'000 + who); }
    [[nodiscard]] OrderStory* find(const OrderId& id);
    [[nodiscard]] OrderStory* find_any(Dice& dice);
    [[nodiscard]] bool goes_on() const { return customers_ > 0 && !stopped_; }
    void begin(Step& step) const;
    void end(Step& step) const;
    void expect(const Error& error, const std::string& what);

    Store& store_;
    const DiskRecording& recording_;
    FakeClock& clock_;
    History& history_;
    const std::string name_;
    const std::uint64_t seed_;
    std::atomic<std::size_t> customers_ = 0;  // still at it
    std::atomic<bool> stopped_ = false;
    mutable std::mutex mutex_;  // the maps of the history, and what is below
    std::vector<OrderStory*> placed_;
    std::vector<std::string> surprises_;
};

}  // namespace waybill::testing

// A shop with one product, one customer and the doubles around them, on which claimed work is done.
#pragma once

#include <future>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <thread>
#include <utility>

#include "app/mail_renderer.hpp"
#include "app/metrics.hpp"
#include "app/processing.hpp"
#include "app/work_signal.hpp"
#include "tests/support/fake_clock.hpp"
#include "tests/support/fake_fulfilment.hpp"
#include "tests/support/fake_mailer.hpp"
#include "tests/support/flaky_store.hpp"
#include "tests/support/memory_store.hpp"
#include "tests/support/recording_log.hpp"

namespace waybill::testing {

struct WorkWorld {
    static constexpr std::int64_t initial_stock = 100;
    inline static const ProductId product{"product-1"};
    inline static const std::string location = "bangalore";
    inline static const std::string address = "ann@example.org";
    inline static const TraceContext trace{{1, 2, 3}, {4, 5}, 1};  // of every order

    explicit WorkWorld(WorkPolicy policy = {}, std::size_t in_flight_max = 16)
        : fulfilment(in_flight_max),
          mailer(in_flight_max),
          processing(policy, store, fulfilment, mailer, renderer, clock, log, metrics, signal) {
        User user{UserId{"ann"}, address, "Ann", "hash", Role::customer, {}};
        if (!memory.create_user(user, std::nullopt)) throw std::logic_error("no user");
        const SeedProduct seed{{product, "A lamp", "", 1'250, true, {}, {}}, {{product, location, initial_stock}}};
        if (!memory.seed({&seed, 1})) throw std::logic_error("no product");
    }

    // As the intake does it, but for the signal.
    OrderId place(const std::string& id, std::int64_t quantity = 1) {
        NewOrder order{OrderId{id}, UserId{"ann"}, location, {{product, quantity}}, {}, {}};
        order.trace = trace;
        if (!memory.place_orders({&order, 1}).front()) throw std::logic_error("not placed");
        return order.order_id;
    }

    Order order(const OrderId& id) { return memory.find_order(id).value().value(); }
    OrderStatus status(const OrderId& id) { return order(id).status; }
    std::int64_t available() { return memory.list_stock({}, std::nullopt, 1).value().at(0).available; }
    std::vector<DeadLetter> dead_letters() { return memory.list_dead_letters(std::nullopt, 100).value(); }
    std::int64_t waiting(WorkKind kind) {
        const StoreStats stats = memory.stats().value();
        const auto found = stats.work.find(kind);
        return found == stats.work.end() ? 0 : found->second.count;
    }

    // Whether somebody who waits for `kind` is woken.
    bool wakes(WorkKind kind) {
        std::promise<void> woken;
        const std::jthread waiter([&](const std::stop_token& stop) {
            signal.wait(kind, std::chrono::hours(1), stop);
            woken.set_value();
        });
        return woken.get_future().wait_for(std::chrono::seconds(10)) == std::future_status::ready;
    }

    FakeClock clock;
    RecordingLog log;
    MemoryStore memory{clock};
    FlakyStore store{memory};
    FakeFulfilment fulfilment;
    FakeMailer mailer;
    MailRenderer renderer{{"orders@shop.example", "Lamp Shop", {}}, {}};
    Metrics metrics;
    WorkSignal signal;
    Processing processing;
};

}  // namespace waybill::testing

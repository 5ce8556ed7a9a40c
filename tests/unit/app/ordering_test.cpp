#include "app/ordering.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <future>

#include "app/catalogue.hpp"
#include "domain/encoding.hpp"
#include "tests/support/fake_cache.hpp"
#include "tests/support/fake_clock.hpp"
#include "tests/support/memory_store.hpp"
#include "tests/support/recording_log.hpp"

namespace waybill {
namespace {

using ::testing::ElementsAre;
using testing::FakeCache;
using testing::FakeClock;
using testing::MemoryStore;
using testing::RecordingLog;

constexpr std::chrono::seconds patience{10};

const ProductId lamp{"67c8830b7ef1b848ac52ebec"};
const ProductId mat{"67c8830b7ef1b848ac52ebed"};
const Caller ada{UserId{"ada"}, SessionId{"s1"}, Role::customer};
const Caller bob{UserId{"bob"}, SessionId{"s2"}, Role::customer};
const Caller root{UserId{"root"}, SessionId{"s3"}, Role::admin};

// A store whose order reads can fail, and are counted.
class CountingStore : public MemoryStore {
public:
    using MemoryStore::MemoryStore;
    int reads = 0;
    bool away = false;

    [[nodiscard]] Result<std::optional<Order>> find_order(const OrderId& id) override {
        ++reads;
        if (away) return fail(ErrorCode::unavailable, "away");
        return MemoryStore::find_order(id);
    }
};

class OrderingTest : public ::testing::Test {
protected:
    OrderingTest() { store.seed(demo_catalogue(clock.now())).value(); }

    Result<PlacedOrder> place(const Caller& caller, OrderRequest request) {
        Result<PlacedOrder> answer = fail(ErrorCode::internal, "no answer came");
        ordering.place(caller, std::move(request), [&](Result<PlacedOrder> result) { answer = std::move(result); });
        while (intake.commit_batch()) {
        }
        return answer;
    }

    OrderId place_one(const Caller& caller) {
        clock.advance(Milliseconds{1});  // lists sort by time
        return place(caller, {.lines = {{lamp, 1}}}).value().order.id;
    }

    void finish(const OrderId& id, bool processed = true) {
        const WorkId work = process_work_id(id);
        const LeaseKey lease = store.claim_work(std::span(&work, 1), Milliseconds{1'000})[0].value().work->lease;
        const OrderSettlement settlement{lease, id, processed, processed ? "" : "out of paper"};
        (void)store.settle_orders(std::span(&settlement, 1))[0].value();
    }

    std::int64_t lamps_left() { return store.list_stock({lamp, "bangalore"}, {}, 1).value().at(0).available; }

    bool mail_was_signalled(std::chrono::milliseconds wait) {
        std::stop_source stop;
        auto woken = std::async(std::launch::async, [this, token = stop.get_token()] {
            signal.wait(WorkKind::send_mail, Milliseconds{3'600'000}, token);
        });
        const bool signalled = woken.wait_for(wait) == std::future_status::ready;
        stop.request_stop();
        return signalled;
    }

    FakeClock clock;
    CountingStore store{clock};
    FakeCache cache;
    RecordingLog log;
    Metrics metrics;
    WorkSignal signal;
    OrderIntake intake{{}, store, clock, log, metrics, signal};
    Ordering ordering{{}, intake, store, cache, clock, metrics, signal};
};

// ---- place

TEST_F(OrderingTest, places_one_line_for_each_product) {
    const Result<PlacedOrder> placed = place(ada, {.lines = {{lamp, 1}, {mat, 2}, {lamp, 3}}});
    ASSERT_TRUE(placed);
    EXPECT_EQ(placed->order.user_id, ada.user_id);
    EXPECT_EQ(placed->order.location, "bangalore");
    ASSERT_EQ(placed->order.lines.size(), 2u);
    EXPECT_EQ(placed->order.lines[0].quantity, 4);
    EXPECT_EQ(placed->order.lines[1].quantity, 2);
}

TEST_F(OrderingTest, gives_every_order_its_own_id) { EXPECT_NE(place_one(ada), place_one(ada)); }

TEST_F(OrderingTest, refuses_a_malformed_order_before_it_waits) {
    const Result<PlacedOrder> placed = place(ada, {.lines = {{lamp, 0}}});
    ASSERT_FALSE(placed);
    EXPECT_EQ(placed.error().code, ErrorCode::validation_failed);
    ASSERT_EQ(placed.error().fields.size(), 1u);
    EXPECT_EQ(placed.error().fields[0].pointer, "/items/0/quantity");
    EXPECT_EQ(metrics.orders_refused.Value(), 1);
    EXPECT_EQ(metrics.order_batch_size.Collect().histogram.sample_count, 0u);
}

TEST_F(OrderingTest, passes_on_what_the_customer_expects_and_the_key) {
    const Result<PlacedOrder> mismatch = place(ada, {.lines = {{lamp, 1}}, .expected_total = 1});
    ASSERT_FALSE(mismatch);
    EXPECT_EQ(mismatch.error().code, ErrorCode::total_mismatch);

    const OrderRequest keyed{.lines = {{lamp, 1}}, .idempotency = IdempotencyKey{"k", {}}};
    const Result<PlacedOrder> first = place(ada, keyed);
    const Result<PlacedOrder> again = place(ada, keyed);
    const Result<PlacedOrder> other = place(bob, keyed);
    EXPECT_FALSE(first.value().replayed);
    EXPECT_TRUE(again.value().replayed);
    EXPECT_EQ(again.value().order, first.value().order);
    EXPECT_FALSE(other.value().replayed);
}

TEST_F(OrderingTest, uses_the_default_location_only_where_none_is_named) {
    store.change_stock({root.user_id, lamp, "pune", 5, {}, "", {}}).value();
    const Result<PlacedOrder> undecided = place(ada, {.lines = {{lamp, 1}}});
    ASSERT_FALSE(undecided);
    EXPECT_EQ(undecided.error().code, ErrorCode::unknown_location);

    Ordering with_default({.default_location = "pune"}, intake, store, cache, clock, metrics, signal);
    std::vector<std::string> locations;
    for (const std::optional<std::string>& location :
         {std::optional<std::string>{}, std::optional<std::string>{"bangalore"}}) {
        with_default.place(ada, {.location = location, .lines = {{lamp, 1}}},
                           [&](Result<PlacedOrder> result) { locations.push_back(result.value().order.location); });
    }
    (void)intake.commit_batch();
    EXPECT_THAT(locations, ElementsAre("pune", "bangalore"));
}

TEST_F(OrderingTest, counts_the_size_of_a_request_against_the_batch) {
    OrderIntake small({.batch_bytes_max = 100}, store, clock, log, metrics, signal);
    Ordering front({}, small, store, cache, clock, metrics, signal);
    int answered = 0;
    for (int i = 0; i < 2; ++i) front.place(ada, {.lines = {{lamp, 1}}, .size = 60}, [&](auto) { ++answered; });
    EXPECT_TRUE(small.commit_batch());
    EXPECT_EQ(answered, 1);
}

// ---- find

TEST_F(OrderingTest, reads_a_living_order_from_the_store_every_time) {
    const OrderId id = place_one(ada);
    for (int i = 0; i < 2; ++i) {
        const Result<FoundOrder> found = ordering.find(ada, id);
        ASSERT_TRUE(found);
        EXPECT_FALSE(found->from_cache);
        EXPECT_EQ(found->order.status, OrderStatus::pending);
    }
    EXPECT_EQ(store.reads, 2);
    EXPECT_EQ(cache.size(), 0u);
    EXPECT_EQ(metrics.cache_misses.Value(), 2);
}

TEST_F(OrderingTest, reads_a_terminal_order_from_the_cache_the_second_time) {
    const OrderId id = place_one(ada);
    finish(id);
    const Result<FoundOrder> first = ordering.find(ada, id);
    const Result<FoundOrder> second = ordering.find(ada, id);
    ASSERT_TRUE(first && second);
    EXPECT_FALSE(first->from_cache);
    EXPECT_TRUE(second->from_cache);
    EXPECT_EQ(second->order, first->order);
    EXPECT_EQ(second->order.status, OrderStatus::processed);
    EXPECT_EQ(store.reads, 1);
    EXPECT_EQ(metrics.cache_hits.Value(), 1);
    EXPECT_EQ(metrics.cache_misses.Value(), 1);
}

TEST_F(OrderingTest, shows_an_order_to_its_owner_and_admins_only) {
    const OrderId living = place_one(ada);
    const OrderId cached = place_one(ada);
    finish(cached);
    ASSERT_TRUE(ordering.find(ada, cached));
    ASSERT_EQ(cache.size(), 1u);
    const Result<FoundOrder> absent = ordering.find(bob, OrderId{"none"});
    ASSERT_FALSE(absent);
    for (const OrderId& id : {living, cached}) {
        const Result<FoundOrder> foreign = ordering.find(bob, id);
        ASSERT_FALSE(foreign);
        EXPECT_EQ(foreign.error().code, ErrorCode::not_found);
        EXPECT_EQ(foreign.error().detail, absent.error().detail);
        EXPECT_TRUE(ordering.find(root, id));
    }
}

TEST_F(OrderingTest, looks_for_no_order_under_what_is_no_id) {
    const Result<FoundOrder> found = ordering.find(root, OrderId{"a:b"});
    ASSERT_FALSE(found);
    EXPECT_EQ(found.error().code, ErrorCode::not_found);
    EXPECT_EQ(store.reads, 0);
}

TEST_F(OrderingTest, believes_no_cache_entry_that_it_did_not_write_for_this_order) {
    const OrderId id = place_one(ada);
    const Order stored = store.find_order(id).value().value();
    Order living = stored;
    Order other = stored;
    other.id = OrderId{"other"};
    other.status = OrderStatus::processed;
    other.finished_at = clock.now();
    for (const std::string& entry :
         {std::string("rubbish"), std::string(), encode_order(living), encode_order(other)}) {
        cache.put("order:" + id.text, entry, Milliseconds{1'000});
        const Result<FoundOrder> found = ordering.find(ada, id);
        ASSERT_TRUE(found);
        EXPECT_FALSE(found->from_cache);
        EXPECT_EQ(found->order, stored);
    }
}

TEST_F(OrderingTest, finds_no_living_order_while_the_store_is_away) {
    const OrderId id = place_one(ada);
    const OrderId done = place_one(ada);
    finish(done);
    ASSERT_TRUE(ordering.find(ada, done));
    store.away = true;
    EXPECT_EQ(ordering.find(ada, id).error().code, ErrorCode::unavailable);
    EXPECT_TRUE(ordering.find(ada, done));
}

// ---- list

TEST_F(OrderingTest, lists_ones_own_orders_newest_first_in_pages) {
    std::vector<OrderId> mine;
    for (int i = 0; i < 3; ++i) {
        mine.push_back(place_one(ada));
        place_one(bob);
    }
    const Result<Page<Order>> first = ordering.list(ada, {}, {}, 2);
    ASSERT_TRUE(first && first->next);
    ASSERT_EQ(first->data.size(), 2u);
    EXPECT_EQ(first->data[0].id, mine[2]);
    EXPECT_EQ(first->data[1].id, mine[1]);
    const Result<Page<Order>> last = ordering.list(ada, {}, first->next, 2);
    ASSERT_TRUE(last);
    ASSERT_EQ(last->data.size(), 1u);
    EXPECT_EQ(last->data[0].id, mine[0]);
    EXPECT_FALSE(last->next);
}

TEST_F(OrderingTest, ends_a_list_with_a_full_page) {
    for (int i = 0; i < 2; ++i) place_one(ada);
    const Result<Page<Order>> page = ordering.list(ada, {}, {}, 2);
    EXPECT_EQ(page.value().data.size(), 2u);
    EXPECT_FALSE(page.value().next);
}

TEST_F(OrderingTest, bounds_the_length_of_a_page) {
    for (std::size_t i = 0; i < page_limit_max + 1; ++i) place_one(ada);
    EXPECT_EQ(ordering.list(ada, {}, {}, 100'000).value().data.size(), page_limit_max);
    EXPECT_EQ(ordering.list(ada, {}, {}, 0).value().data.size(), 1u);
}

TEST_F(OrderingTest, lets_only_admins_choose_whose_orders_they_list) {
    place_one(ada);
    const OrderId bobs = place_one(bob);
    const OrderFilter of_bob{.user_id = bob.user_id, .status = {}};
    EXPECT_EQ(ordering.list(ada, of_bob, {}, 10).value().data.at(0).user_id, ada.user_id);
    EXPECT_EQ(ordering.list(root, of_bob, {}, 10).value().data.size(), 1u);
    EXPECT_EQ(ordering.list(root, of_bob, {}, 10).value().data.at(0).id, bobs);
    EXPECT_EQ(ordering.list(root, {}, {}, 10).value().data.size(), 2u);
}

TEST_F(OrderingTest, lists_orders_of_one_status) {
    const OrderId done = place_one(ada);
    place_one(ada);
    finish(done);
    const Result<Page<Order>> page = ordering.list(ada, {.user_id = {}, .status = OrderStatus::processed}, {}, 10);
    ASSERT_EQ(page.value().data.size(), 1u);
    EXPECT_EQ(page.value().data[0].id, done);
}

// ---- cancel

TEST_F(OrderingTest, cancels_a_pending_order_and_wakes_the_mailer) {
    const OrderId id = place_one(ada);
    EXPECT_EQ(lamps_left(), 999'999);
    const Result<Order> cancelled = ordering.cancel(ada, id);
    ASSERT_TRUE(cancelled);
    EXPECT_EQ(cancelled->status, OrderStatus::cancelled);
    EXPECT_EQ(lamps_left(), 1'000'000);
    EXPECT_TRUE(mail_was_signalled(patience));
    EXPECT_EQ(metrics.orders_cancelled.Value(), 1);
}

TEST_F(OrderingTest, answers_a_second_cancel_with_the_cancelled_order) {
    const OrderId id = place_one(ada);
    const Result<Order> first = ordering.cancel(ada, id);
    cache.clear();
    for (int i = 0; i < 2; ++i) EXPECT_EQ(ordering.cancel(ada, id).value(), first.value());
    EXPECT_EQ(lamps_left(), 1'000'000);
    EXPECT_EQ(metrics.orders_cancelled.Value(), 1);
}

TEST_F(OrderingTest, cancels_for_the_owner_and_admins_only) {
    const OrderId id = place_one(ada);
    const Result<Order> foreign = ordering.cancel(bob, id);
    ASSERT_FALSE(foreign);
    EXPECT_EQ(foreign.error().code, ErrorCode::not_found);
    EXPECT_EQ(foreign.error().detail, ordering.cancel(bob, OrderId{"none"}).error().detail);
    EXPECT_EQ(lamps_left(), 999'999);
    EXPECT_TRUE(ordering.cancel(root, id));
}

TEST_F(OrderingTest, cancels_nothing_that_was_claimed) {
    const OrderId id = place_one(ada);
    ASSERT_EQ(store.claim_work(WorkKind::process_order, 1, Milliseconds{1'000}).value().size(), 1u);
    EXPECT_EQ(ordering.cancel(ada, id).error().code, ErrorCode::invalid_transition);
    finish(place_one(ada));
    EXPECT_FALSE(mail_was_signalled(std::chrono::milliseconds{30}));
    EXPECT_EQ(metrics.orders_cancelled.Value(), 0);
    EXPECT_EQ(cache.size(), 0u);
}

}  // namespace
}  // namespace waybill

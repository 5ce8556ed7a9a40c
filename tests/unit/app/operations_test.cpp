#include "app/operations.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <future>

#include "app/catalogue.hpp"
#include "tests/support/fake_clock.hpp"
#include "tests/support/flaky_store.hpp"
#include "tests/support/memory_store.hpp"

namespace waybill {
namespace {

using testing::FakeClock;
using testing::FlakyStore;
using testing::MemoryStore;

constexpr std::chrono::seconds patience{10};
constexpr std::chrono::milliseconds glimpse{30};
constexpr Milliseconds lease_time{1'000};

class OperationsTest : public ::testing::Test {
protected:
    OperationsTest() { memory.seed(demo_catalogue(clock.now())).value(); }

    void place(const std::string& id) {
        clock.advance(Milliseconds{1});  // lists sort by time
        const NewOrder order{OrderId{id}, UserId{"ada"}, {}, {{ProductId{"67c8830b7ef1b848ac52ebec"}, 1}}, {}, {}};
        (void)memory.place_orders(std::span(&order, 1))[0].value();
    }

    // An order that was given up: a dead letter that can only be discarded, and a mail that is due.
    WorkId bury_order(const std::string& id) {
        place(id);
        const WorkId work = process_work_id(OrderId{id});
        const LeaseKey lease = memory.claim_work(std::span(&work, 1), lease_time)[0].value().work->lease;
        const OrderSettlement settlement{lease, OrderId{id}, false, "crashed", true, 6};
        (void)memory.settle_orders(std::span(&settlement, 1))[0].value();
        return work;
    }

    // A mail that was refused for good.
    WorkId bury_mail(const std::string& id) {
        place(id);
        memory.cancel_order(OrderId{id}, {}).value();
        const std::vector<ClaimedWork> claimed = memory.claim_work(WorkKind::send_mail, 1, lease_time).value();
        const MailSettlement settlement{claimed.at(0).lease, true, "no such mailbox", 1};
        (void)memory.settle_mails(std::span(&settlement, 1))[0].value();
        return claimed[0].lease.work_id;
    }

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
    MemoryStore memory{clock};
    FlakyStore store{memory};
    Metrics metrics;
    WorkSignal signal;
    Operations operations{store, clock, metrics, signal};
};

TEST_F(OperationsTest, lists_dead_letters_newest_first_in_pages) {
    const WorkId oldest = bury_mail("order-1");
    const WorkId middle = bury_mail("order-2");
    const WorkId newest = bury_mail("order-3");
    const Result<Page<DeadLetter>> first = operations.list_dead_letters({}, 2);
    ASSERT_TRUE(first && first->next);
    ASSERT_EQ(first->data.size(), 2u);
    EXPECT_EQ(first->data[0].id, newest);
    EXPECT_EQ(first->data[1].id, middle);
    const Result<Page<DeadLetter>> last = operations.list_dead_letters(first->next, 2);
    ASSERT_TRUE(last);
    ASSERT_EQ(last->data.size(), 1u);
    EXPECT_EQ(last->data[0].id, oldest);
    EXPECT_FALSE(last->next);
}

TEST_F(OperationsTest, bounds_the_length_of_a_page) {
    for (std::size_t i = 0; i < page_limit_max + 1; ++i) bury_mail("order-" + std::to_string(i));
    EXPECT_EQ(operations.list_dead_letters({}, 100'000).value().data.size(), page_limit_max);
    EXPECT_EQ(operations.list_dead_letters({}, 0).value().data.size(), 1u);
}

TEST_F(OperationsTest, requeues_a_mail_and_wakes_the_mailer) {
    const WorkId mail = bury_mail("order-1");
    const Result<DeadLetter> letter = operations.requeue_dead_letter(mail);
    ASSERT_TRUE(letter);
    EXPECT_EQ(letter->id, mail);
    EXPECT_TRUE(mail_was_signalled(patience));
    EXPECT_TRUE(operations.list_dead_letters({}, 10).value().data.empty());
    EXPECT_EQ(memory.claim_work(WorkKind::send_mail, 1, lease_time).value().size(), 1u);
}

TEST_F(OperationsTest, requeues_no_order) {
    const WorkId order = bury_order("order-1");
    EXPECT_EQ(operations.requeue_dead_letter(order).error().code, ErrorCode::invalid_transition);
    EXPECT_EQ(operations.requeue_dead_letter(WorkId{"none"}).error().code, ErrorCode::not_found);
    EXPECT_FALSE(mail_was_signalled(glimpse));
}

TEST_F(OperationsTest, discards_dead_letters_of_either_kind) {
    const WorkId order = bury_order("order-1");
    EXPECT_EQ(operations.discard_dead_letter(order).value().id, order);
    EXPECT_EQ(operations.discard_dead_letter(order).error().code, ErrorCode::not_found);
    EXPECT_EQ(operations.figures().value().store.dead_letters, 0);
}

TEST_F(OperationsTest, shows_what_the_store_holds_and_how_long_we_run) {
    place("order-1");
    bury_order("order-2");
    clock.advance(Milliseconds{5'000});
    const Result<Figures> figures = operations.figures();
    ASSERT_TRUE(figures);
    EXPECT_EQ(figures->store.work.at(WorkKind::process_order).count, 1);
    EXPECT_EQ(figures->store.work.at(WorkKind::process_order).oldest_age, Milliseconds{5'001});
    EXPECT_EQ(figures->store.dead_letters, 1);
    EXPECT_EQ(figures->uptime, Milliseconds{5'002});
}

TEST_F(OperationsTest, keeps_the_uptime_when_the_wall_clock_jumps) {
    clock.jump_wall(Milliseconds{3'600'000});
    EXPECT_EQ(operations.figures().value().uptime, Milliseconds{0});
}

TEST_F(OperationsTest, shows_each_count_under_its_own_name) {
    const std::map<std::string, prometheus::Counter*> counters{
        {"ordersPlaced", &metrics.orders_placed},
        {"ordersReplayed", &metrics.orders_replayed},
        {"ordersRefused", &metrics.orders_refused},
        {"stockRefusals", &metrics.stock_refusals},
        {"ordersOverloaded", &metrics.orders_overloaded},
        {"ordersOutcomeUnknown", &metrics.orders_outcome_unknown},
        {"ordersProcessed", &metrics.orders_processed},
        {"ordersFailed", &metrics.orders_failed},
        {"ordersCancelled", &metrics.orders_cancelled},
        {"workRetries", &metrics.work_retries(WorkKind::send_mail)},
        {"workLeasesLost", &metrics.work_leases_lost},
        {"workCrashes", &metrics.work_crashes},
        {"deadLetters", &metrics.dead_letters(WorkKind::send_mail)},
        {"mailsSent", &metrics.mails_sent},
        {"cacheHits", &metrics.cache_hits},
        {"cacheMisses", &metrics.cache_misses},
    };
    std::map<std::string, double> expected;
    for (const auto& [name, counter] : counters) {
        expected[name] = static_cast<double>(expected.size() + 1);
        counter->Increment(expected[name]);
    }
    EXPECT_EQ(operations.figures().value().counts_since_start, expected);
}

TEST_F(OperationsTest, the_metrics_of_the_store_say_what_the_figures_say) {
    place("o-1");
    clock.advance(Milliseconds{5'001});
    ASSERT_TRUE(operations.read_store_figures());
    EXPECT_EQ(metrics.work_items(WorkKind::process_order).Value(), 1);
    EXPECT_EQ(metrics.work_oldest_age_seconds(WorkKind::process_order).Value(), 5.001);
    EXPECT_EQ(metrics.work_items(WorkKind::send_mail).Value(), 0);
    EXPECT_EQ(metrics.work_oldest_age_seconds(WorkKind::send_mail).Value(), 0);

    store.fail_next("stats", 1);
    EXPECT_EQ(operations.read_store_figures().error().code, ErrorCode::unavailable);
    EXPECT_EQ(metrics.work_items(WorkKind::process_order).Value(), 1) << "what was last known";
}

TEST_F(OperationsTest, shows_the_orders_of_a_journal_also_while_the_store_does_not_answer) {
    struct Journaled : FlakyStore {
        using FlakyStore::FlakyStore;
        [[nodiscard]] std::optional<std::size_t> orders_in_journal() const override { return 16'384; }
    } journaled(memory);
    Operations over_journal{journaled, clock, metrics, signal};
    journaled.fail_always();
    over_journal.read_journal_figure();
    EXPECT_THAT(metrics.render(), ::testing::HasSubstr("\nwaybill_orders_in_journal 16384\n"));
}

TEST_F(OperationsTest, shows_no_journal_where_there_is_none) {
    operations.read_journal_figure();
    EXPECT_THAT(metrics.render(), ::testing::Not(::testing::HasSubstr("waybill_orders_in_journal")));
}

TEST_F(OperationsTest, shows_the_mean_size_of_a_batch) {
    EXPECT_EQ(operations.figures().value().order_batch_size_mean, 0) << "before the first batch";
    metrics.order_batch_size.Observe(1);
    metrics.order_batch_size.Observe(4);
    EXPECT_EQ(operations.figures().value().order_batches, 2);
    EXPECT_EQ(operations.figures().value().order_batch_size_mean, 2.5);
}

TEST_F(OperationsTest, says_whether_the_store_answers) {
    EXPECT_TRUE(operations.check_store());
    store.fail_next("ping", 1);
    EXPECT_EQ(operations.check_store().error().code, ErrorCode::unavailable);
}

}  // namespace
}  // namespace waybill

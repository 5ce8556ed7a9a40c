#include "app/metrics.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <set>
#include <sstream>

namespace waybill {
namespace {

using ::testing::HasSubstr;
using ::testing::MatchesRegex;
using ::testing::Not;

struct Exposition {
    std::set<std::string> described;           // # HELP
    std::map<std::string, std::string> types;  // # TYPE
};

Exposition read(const std::string& text) {
    Exposition found;
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line);) {
        std::istringstream words(line);
        std::string hash, what, name, rest;
        words >> hash >> what >> name >> rest;
        if (hash == "#" && what == "HELP" && !rest.empty()) found.described.insert(name);
        if (hash == "#" && what == "TYPE") found.types[name] = rest;
    }
    return found;
}

TEST(Metrics, shows_every_family_before_anything_was_counted) {
    const Exposition found = read(Metrics().render());
    EXPECT_EQ(found.types.size(), 26u);
    EXPECT_TRUE(found.types.contains("waybill_orders_placed_total"));
    EXPECT_TRUE(found.types.contains("waybill_cache_misses_total"));
}

TEST(Metrics, keeps_the_naming_rules_of_prometheus) {
    const Exposition found = read(Metrics().render());
    for (const auto& [name, type] : found.types) {
        EXPECT_THAT(name, MatchesRegex("waybill_[a-z]+[a-z_]*[a-z]")) << name;
        EXPECT_EQ(name.ends_with("_total"), type == "counter") << name;
        EXPECT_TRUE(found.described.contains(name)) << name;
        EXPECT_EQ(name.find("_ms"), std::string::npos) << name;
    }
}

TEST(Metrics, counts_into_its_own_family) {
    Metrics metrics;
    metrics.orders_placed.Increment(3);
    metrics.orders_waiting.Set(7);
    EXPECT_THAT(metrics.render(), HasSubstr("\nwaybill_orders_placed_total 3\n"));
    EXPECT_THAT(metrics.render(), HasSubstr("\nwaybill_orders_waiting 7\n"));
    EXPECT_THAT(metrics.render(), HasSubstr("\nwaybill_orders_replayed_total 0\n"));
}

TEST(Metrics, shows_a_journal_only_where_there_is_one) {
    Metrics metrics;
    EXPECT_THAT(metrics.render(), Not(HasSubstr("waybill_orders_in_journal")));
    for (const std::size_t orders : {std::size_t{3}, std::size_t{0}}) {
        metrics.set_orders_in_journal(orders);
        EXPECT_THAT(metrics.render(), HasSubstr("\nwaybill_orders_in_journal " + std::to_string(orders) + "\n"));
    }
}

TEST(Metrics, has_a_bucket_for_every_batch_size) {
    Metrics metrics;
    metrics.order_batch_size.Observe(1);
    metrics.order_batch_size.Observe(256);
    EXPECT_THAT(metrics.render(), HasSubstr("waybill_order_batch_size_bucket{le=\"1\"} 1\n"));
    EXPECT_THAT(metrics.render(), HasSubstr("waybill_order_batch_size_bucket{le=\"128\"} 1\n"));
    EXPECT_THAT(metrics.render(), HasSubstr("waybill_order_batch_size_bucket{le=\"256\"} 2\n"));
}

TEST(Metrics, measures_commits_in_seconds) {
    Metrics metrics;
    metrics.order_commit_seconds.Observe(0.003);
    EXPECT_THAT(metrics.render(), HasSubstr("waybill_order_commit_seconds_bucket{le=\"0.0025\"} 0\n"));
    EXPECT_THAT(metrics.render(), HasSubstr("waybill_order_commit_seconds_bucket{le=\"0.005\"} 1\n"));
}

TEST(Metrics, counts_work_by_kind_and_outcome) {
    Metrics metrics;
    metrics.work_retries(WorkKind::send_mail).Increment(2);
    metrics.work_tries(WorkKind::process_order, TryOutcome::no_answer).Increment();
    metrics.work_tries(WorkKind::send_mail, TryOutcome::crashed).Increment(4);
    const std::string text = metrics.render();
    EXPECT_THAT(text, HasSubstr("\nwaybill_work_retries_total{kind=\"send_mail\"} 2\n"));
    EXPECT_THAT(text, HasSubstr("\nwaybill_work_retries_total{kind=\"process_order\"} 0\n"));
    EXPECT_THAT(text, HasSubstr("{kind=\"process_order\",outcome=\"no_answer\"} 1\n"));
    EXPECT_THAT(text, HasSubstr("{kind=\"send_mail\",outcome=\"crashed\"} 4\n"));
    EXPECT_EQ(metrics.work_retries.total(), 2);
}

TEST(Metrics, shows_no_round_of_a_loop_that_does_not_run) {
    Metrics metrics;
    EXPECT_EQ(metrics.render().find("waybill_work_last_round_timestamp_seconds"), std::string::npos);
    metrics.add_last_round(WorkKind::send_mail).Set(7);
    EXPECT_THAT(metrics.render(), HasSubstr("\nwaybill_work_last_round_timestamp_seconds{kind=\"send_mail\"} 7\n"));
}

TEST(Metrics, shows_each_dependency_as_it_was_last_set) {
    Metrics metrics;
    metrics.set_dependency("redis", true);
    metrics.set_dependency("sqs", true);
    metrics.set_dependency("redis", false);
    EXPECT_THAT(metrics.render(), HasSubstr("\nwaybill_dependency_up{dependency=\"redis\"} 0\n"));
    EXPECT_THAT(metrics.render(), HasSubstr("\nwaybill_dependency_up{dependency=\"sqs\"} 1\n"));
}

TEST(Metrics, asks_for_what_changes_by_itself_before_each_rendering) {
    Metrics metrics;
    metrics.before_rendering([&] { metrics.orders_waiting.Increment(); });
    EXPECT_THAT(metrics.render(), HasSubstr("\nwaybill_orders_waiting 1\n"));
    EXPECT_THAT(metrics.render(), HasSubstr("\nwaybill_orders_waiting 2\n"));
}

TEST(Metrics, renders_families_of_others_too) {
    Metrics metrics;
    prometheus::BuildCounter()
        .Name("waybill_http_requests_total")
        .Help("Requests.")
        .Register(metrics.families())
        .Add({{"status", "200"}})
        .Increment();
    EXPECT_THAT(metrics.render(), HasSubstr("waybill_http_requests_total{status=\"200\"} 1\n"));
}

}  // namespace
}  // namespace waybill

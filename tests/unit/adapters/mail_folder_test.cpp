#include <gtest/gtest.h>

#include <fstream>
#include <future>
#include <iterator>
#include <map>
#include <memory>
#include <set>
#include <vector>

#include "adapters/local/local.hpp"
#include "tests/support/fake_clock.hpp"
#include "tests/support/recording_log.hpp"
#include "tests/support/temporary_directory.hpp"

namespace waybill::local {
namespace {

namespace fs = std::filesystem;
using waybill::testing::FakeClock;
using waybill::testing::RecordingLog;
using waybill::testing::TemporaryDirectory;

Mail make_mail(const std::string& identity, const std::string& raw = "Subject: x\r\n\r\n") {
    return {identity, "shop@example.org", "ann@example.org", raw, FakeClock::start};
}

std::future<MailResult> send(Mailer& mailer, Mail mail) {
    auto promise = std::make_shared<std::promise<MailResult>>();
    mailer.send(std::move(mail), [promise](MailResult result) { promise->set_value(std::move(result)); });
    return promise->get_future();
}

std::string content(const fs::path& file) {
    std::ifstream in(file, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
}

std::set<std::string> names_in(const fs::path& folder) {
    std::set<std::string> names;
    for (const auto& entry : fs::directory_iterator(folder)) names.insert(entry.path().filename().string());
    return names;
}

TEST(MailFolder, writes_a_mail_under_its_day_and_identity) {
    const TemporaryDirectory place;
    RecordingLog log;
    const auto mailer = make_mail_folder({.folder = place.path() / "a" / "mail"}, log);
    const MailResult result = send(*mailer, make_mail("o-1-processed", "raw\r\nbytes")).get();
    EXPECT_EQ(result.outcome, MailOutcome::sent);
    EXPECT_EQ(names_in(place.path() / "a" / "mail"), (std::set<std::string>{"2026-01-01"}));
    EXPECT_EQ(names_in(place.path() / "a" / "mail" / "2026-01-01"), (std::set<std::string>{"o-1-processed.eml"}));
    EXPECT_EQ(content(place.path() / "a" / "mail" / "2026-01-01" / "o-1-processed.eml"), "raw\r\nbytes");
}

TEST(MailFolder, puts_mails_of_one_batch_under_their_own_days) {
    const TemporaryDirectory place;
    RecordingLog log;
    const auto mailer = make_mail_folder({.folder = place.path()}, log);
    std::vector<std::future<MailResult>> results;
    std::map<std::string, std::set<std::string>> expected;
    for (int i = 0; i < 60; ++i) {
        Mail mail = make_mail("o-" + std::to_string(i) + "-processed");
        const bool next_day = i % 3 == 0;
        if (next_day) mail.date += std::chrono::days(1);
        expected[next_day ? "2026-01-02" : "2026-01-01"].insert(mail.identity + ".eml");
        results.push_back(send(*mailer, std::move(mail)));
    }
    for (auto& result : results) EXPECT_EQ(result.get().outcome, MailOutcome::sent);
    for (const auto& [day, names] : expected) EXPECT_EQ(names_in(place.path() / day), names);
}

TEST(MailFolder, only_its_owner_can_read_a_mail) {
    const TemporaryDirectory place;
    RecordingLog log;
    const fs::path folder = place.path() / "mail";
    const auto mailer = make_mail_folder({.folder = folder}, log);
    EXPECT_EQ(fs::status(folder).permissions() & fs::perms::all, fs::perms::owner_all);
    EXPECT_EQ(send(*mailer, make_mail("o-1-processed")).get().outcome, MailOutcome::sent);
    const fs::path day = folder / "2026-01-01";
    EXPECT_EQ(fs::status(day).permissions() & fs::perms::all, fs::perms::owner_all);
    EXPECT_EQ(fs::status(day / "o-1-processed.eml").permissions() & fs::perms::all,
              fs::perms::owner_read | fs::perms::owner_write);
}

TEST(MailFolder, a_repeated_mail_replaces_its_file) {
    const TemporaryDirectory place;
    RecordingLog log;
    const auto mailer = make_mail_folder({.folder = place.path()}, log);
    EXPECT_EQ(send(*mailer, make_mail("o-1-processed", "first and long")).get().outcome, MailOutcome::sent);
    EXPECT_EQ(send(*mailer, make_mail("o-1-processed", "second")).get().outcome, MailOutcome::sent);
    EXPECT_EQ(names_in(place.path() / "2026-01-01").size(), 1u);
    EXPECT_EQ(content(place.path() / "2026-01-01" / "o-1-processed.eml"), "second");
}

TEST(MailFolder, refuses_an_identity_that_is_no_file_name) {
    const TemporaryDirectory place;
    RecordingLog log;
    const auto mailer = make_mail_folder({.folder = place.path() / "mail"}, log);
    for (const std::string identity : {"", "../x", "a/b", "a.b", "\xc3\xa9"}) {
        EXPECT_EQ(send(*mailer, make_mail(identity)).get().outcome, MailOutcome::refused) << identity;
    }
    EXPECT_EQ(send(*mailer, make_mail(std::string("a\0b", 3))).get().outcome, MailOutcome::refused);
    EXPECT_EQ(send(*mailer, make_mail(std::string(97, 'a'))).get().outcome, MailOutcome::refused);
    EXPECT_EQ(names_in(place.path()), (std::set<std::string>{"mail"}));
    EXPECT_TRUE(names_in(place.path() / "mail").empty());
}

TEST(MailFolder, one_bad_mail_does_not_disturb_its_neighbours) {
    const TemporaryDirectory place;
    RecordingLog log;
    // A folder in the place of the file: the rename cannot succeed.
    fs::create_directories(place.path() / "2026-01-01" / "bad.eml" / "x");
    const auto mailer = make_mail_folder({.folder = place.path()}, log);
    auto first = send(*mailer, make_mail("first"));
    auto bad = send(*mailer, make_mail("bad"));
    auto last = send(*mailer, make_mail("last"));
    EXPECT_EQ(first.get().outcome, MailOutcome::sent);
    const MailResult refused = bad.get();
    EXPECT_EQ(refused.outcome, MailOutcome::no_answer);
    EXPECT_FALSE(refused.reason.empty());
    EXPECT_EQ(last.get().outcome, MailOutcome::sent);
}

TEST(MailFolder, recovers_when_its_folder_was_removed) {
    const TemporaryDirectory place;
    RecordingLog log;
    const auto mailer = make_mail_folder({.folder = place.path() / "mail"}, log);
    EXPECT_EQ(send(*mailer, make_mail("first")).get().outcome, MailOutcome::sent);
    fs::remove_all(place.path() / "mail");
    EXPECT_EQ(send(*mailer, make_mail("second")).get().outcome, MailOutcome::sent);
    EXPECT_TRUE(fs::exists(place.path() / "mail" / "2026-01-01" / "second.eml"));
}

TEST(MailFolder, does_not_follow_a_link_in_the_place_of_a_day) {
    const TemporaryDirectory place;
    RecordingLog log;
    fs::create_directories(place.path() / "elsewhere");
    const auto mailer = make_mail_folder({.folder = place.path() / "mail"}, log);
    fs::create_directory_symlink(place.path() / "elsewhere", place.path() / "mail" / "2026-01-01");
    EXPECT_EQ(send(*mailer, make_mail("first")).get().outcome, MailOutcome::no_answer);
    EXPECT_TRUE(names_in(place.path() / "elsewhere").empty());
}

TEST(MailFolder, a_folder_that_cannot_be_made_is_an_error_at_once) {
    const TemporaryDirectory place;
    RecordingLog log;
    std::ofstream(place.path() / "file") << "x";
    EXPECT_THROW(static_cast<void>(make_mail_folder({.folder = place.path() / "file" / "mail"}, log)),
                 std::system_error);
}

TEST(MailFolder, answers_every_mail_once_even_when_it_is_closed_at_once) {
    const TemporaryDirectory place;
    RecordingLog log;
    std::vector<std::future<MailResult>> results;
    {
        const auto mailer = make_mail_folder({.folder = place.path(), .in_flight_max = 500}, log);
        for (int i = 0; i < 300; ++i) results.push_back(send(*mailer, make_mail("o-" + std::to_string(i))));
    }
    for (auto& result : results) EXPECT_EQ(result.get().outcome, MailOutcome::sent);
    EXPECT_EQ(names_in(place.path() / "2026-01-01").size(), 300u);
}

TEST(MailFolder, refuses_more_than_its_places_at_once) {
    const TemporaryDirectory place;
    RecordingLog log;
    std::promise<void> go_on;
    std::promise<void> reached;
    // Before the mailer, whose thread is held by a callback that waits for it.
    std::shared_future<void> gate = go_on.get_future().share();
    const auto mailer = make_mail_folder({.folder = place.path(), .in_flight_max = 2}, log);
    EXPECT_EQ(mailer->in_flight_max(), 2u);
    mailer->send(make_mail("holds"), [&, gate](MailResult) {
        reached.set_value();
        gate.wait();
    });
    reached.get_future().wait();
    auto second = send(*mailer, make_mail("second"));
    auto third = send(*mailer, make_mail("third"));
    const MailResult refused = send(*mailer, make_mail("fourth")).get();
    EXPECT_EQ(refused.outcome, MailOutcome::no_answer);
    go_on.set_value();
    EXPECT_EQ(second.get().outcome, MailOutcome::sent);
    EXPECT_EQ(third.get().outcome, MailOutcome::sent);
}

void make_day(const fs::path& folder, const std::string& day, const std::string& file) {
    fs::create_directories(folder / day);
    std::ofstream(folder / day / file) << "x";
}

TEST(SweepMailFolder, deletes_days_that_are_older_than_they_are_kept) {
    const TemporaryDirectory place;
    make_day(place.path(), "2025-12-24", "a.eml");
    make_day(place.path(), "2025-12-24", "b.eml");
    make_day(place.path(), "2025-12-24", ".c.tmp");
    make_day(place.path(), "2025-12-25", "a.eml");
    make_day(place.path(), "2026-01-01", "a.eml");
    constexpr Milliseconds week = std::chrono::hours(24 * 7);
    EXPECT_EQ(sweep_mail_folder(place.path(), FakeClock::start, week), 2u);
    EXPECT_EQ(names_in(place.path()), (std::set<std::string>{"2025-12-25", "2026-01-01"}));
    EXPECT_EQ(sweep_mail_folder(place.path(), FakeClock::start, week), 0u);
    // The last mail of the 25th is a week old at the end of the 1st.
    EXPECT_EQ(sweep_mail_folder(place.path(), FakeClock::start + std::chrono::hours(23), week), 0u);
    EXPECT_EQ(sweep_mail_folder(place.path(), FakeClock::start + std::chrono::hours(24), week), 1u);
}

TEST(SweepMailFolder, touches_only_names_of_its_own_form) {
    const TemporaryDirectory place;
    for (const char* day : {"2020-1-1", "2020-13-01", "2020-02-30", "20200101", "2020-01-01x", "notes", "-020-01-01"}) {
        make_day(place.path(), day, "a.eml");
    }
    make_day(place.path(), "2020-01-01", "a.eml");
    make_day(place.path(), "2020-01-01", "notes.txt");
    make_day(place.path(), "elsewhere", "a.eml");
    fs::create_directory_symlink(place.path() / "elsewhere", place.path() / "2020-01-02");
    EXPECT_EQ(sweep_mail_folder(place.path(), FakeClock::start, Milliseconds(0)), 1u);
    EXPECT_EQ(names_in(place.path()).size(), 10u);
    EXPECT_EQ(names_in(place.path() / "2020-01-01"), (std::set<std::string>{"notes.txt"}));
    EXPECT_EQ(names_in(place.path() / "elsewhere").size(), 1u);
}

TEST(SweepMailFolder, a_missing_folder_is_an_empty_one) {
    EXPECT_EQ(sweep_mail_folder("/nonexistent/mail", FakeClock::start, Milliseconds(0)), 0u);
}

}  // namespace
}  // namespace waybill::local

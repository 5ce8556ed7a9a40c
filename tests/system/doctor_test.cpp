// What an operator is told when something is wrong with a shop, by doctor, by serve and by the commands.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sys/stat.h>

#include <fstream>
#include <sqlite3.h>
#include <unistd.h>

#include "tests/support/temporary_directory.hpp"
#include "tests/system/server_process.hpp"

namespace waybill::system_test {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

constexpr const char* stranger = "61234";  // a user who owns nothing

class Operator : public ::testing::Test {
protected:
    [[nodiscard]] std::string data_dir() const { return (place_.path() / "data").string(); }
    [[nodiscard]] std::filesystem::path file(const std::string& name) const { return place_.path() / "data" / name; }

    [[nodiscard]] ProcessResult run(std::vector<std::string> words, const std::string& input = {}) const {
        words.insert(words.end(), {"--data-dir", data_dir()});
        return run_waybill(words, input);
    }

    void begin_shop() const { ASSERT_EQ(run({"seed"}).exit_status, 0); }

    // A shop that has been served: with a secret, and somebody logged in.
    void serve_once() const {
        ServerProcess server(place_.path(), "server", {"serve", "--listen", "127.0.0.1:0", "--data-dir", data_dir()});
        server.start();
        ASSERT_EQ(server.terminate(), 0);
    }

    // What a start says: it is stopped as soon as it listens.
    [[nodiscard]] std::string log_of_start(const std::string& name = "again") const {
        ServerProcess server(place_.path(), name, {"serve", "--listen", "127.0.0.1:0", "--data-dir", data_dir()});
        server.start();
        EXPECT_EQ(server.terminate(), 0);
        return server.log();
    }

    void sql(const std::string& script) const {
        sqlite3* db = nullptr;
        ASSERT_EQ(sqlite3_open(file("waybill.db").c_str(), &db), SQLITE_OK);
        EXPECT_EQ(sqlite3_exec(db, script.c_str(), nullptr, nullptr, nullptr), SQLITE_OK) << sqlite3_errmsg(db);
        sqlite3_close(db);
    }

    // As a user who owns none of it; root may do everything.
    static ProcessResult run_as_stranger(const std::vector<std::string>& words) {
        if (::geteuid() != 0) return run_waybill(words);
        std::vector<std::string> all{"--reuid", stranger, "--regid", stranger, "--clear-groups", WAYBILL_BINARY};
        all.insert(all.end(), words.begin(), words.end());
        use_binary("/usr/bin/setpriv");
        ProcessResult result = run_waybill(all);
        use_binary(WAYBILL_BINARY);
        return result;
    }

    waybill::testing::TemporaryDirectory place_;
};

using Doctor = Operator;
using LostFiles = Operator;
using CommandsWithoutShop = Operator;
using WrongCause = Operator;

// On a disk of one MiB, which the rest of the machine does not see.
ProcessResult run_on_small_disk(const std::string& folder, const std::string& script) {
    use_binary("/usr/bin/unshare");
    const std::string mounted = "mount -t tmpfs -o size=2m tmpfs \"$0\" && " + script;
    std::vector<std::string> words{"-m", "/bin/sh", "-c", mounted, folder, WAYBILL_BINARY};
    if (::geteuid() != 0) words.insert(words.begin(), "-r");
    ProcessResult result = run_waybill(words);
    use_binary(WAYBILL_BINARY);
    return result;
}

TEST_F(Doctor, looks_at_a_shop_on_a_disk_with_little_room) {
    std::filesystem::create_directory(data_dir());
    const ProcessResult seen =
        run_on_small_disk(data_dir(), "\"$1\" seed --data-dir \"$0\" && exec \"$1\" doctor --data-dir \"$0\"");
    EXPECT_EQ(seen.exit_status, 0) << seen.err;
    EXPECT_THAT(seen.out, HasSubstr("MiB free; make room")) << seen.err;
    EXPECT_THAT(seen.out, HasSubstr("a durable write takes"));
    EXPECT_THAT(seen.out, HasSubstr("the database answers"));
}

TEST_F(Doctor, fails_on_a_full_disk_and_says_to_make_room) {
    std::filesystem::create_directory(data_dir());
    const ProcessResult seen = run_on_small_disk(
        data_dir(), "(cat /dev/zero > \"$0/filler\" 2>/dev/null || true); exec \"$1\" doctor --data-dir \"$0\"");
    EXPECT_EQ(seen.exit_status, 1) << seen.err;
    EXPECT_THAT(seen.out, HasSubstr("FAIL  disk            it is full"));
    EXPECT_THAT(seen.out, HasSubstr("make room"));
}

TEST_F(LostFiles, a_database_that_is_gone_or_empty_is_told_by_doctor_and_serve) {
    serve_once();
    std::filesystem::resize_file(file("waybill.db"), 0);
    const ProcessResult emptied = run({"doctor"});
    EXPECT_EQ(emptied.exit_status, 1);
    EXPECT_THAT(emptied.out, HasSubstr("gone or empty"));
    std::filesystem::remove(file("waybill.db"));
    const ProcessResult seen = run({"doctor"});
    EXPECT_EQ(seen.exit_status, 1);
    EXPECT_THAT(seen.out, AllOf(HasSubstr("(secret, mail)"), HasSubstr("restore it from a backup"),
                                HasSubstr("to begin a new shop")));
    EXPECT_THAT(run({"dead-letters", "ls"}).err, HasSubstr("gone or empty"));
    EXPECT_THAT(run({"backup", (place_.path() / "backup").string()}).err, HasSubstr("gone or empty"));
    EXPECT_FALSE(std::filesystem::exists(file("waybill.db")));
    EXPECT_THAT(log_of_start(), AllOf(HasSubstr("WARN"), HasSubstr("database-lost")));
}

TEST_F(LostFiles, a_new_secret_that_ends_logins_is_a_warning) {
    serve_once();
    sql("INSERT INTO sessions VALUES ('s', 'u', 1, 0, 0, 0, 4000000000000, NULL, '')");
    std::filesystem::remove(file("secret"));
    const ProcessResult seen = run({"doctor"});
    EXPECT_EQ(seen.exit_status, 0) << seen.out;
    EXPECT_THAT(seen.out, HasSubstr("every login ends"));
    EXPECT_THAT(log_of_start(), AllOf(HasSubstr("WARN"), HasSubstr("secret-lost")));
    EXPECT_THAT(log_of_start("with it"), Not(HasSubstr("secret-lost")));
}

TEST_F(LostFiles, the_first_start_of_a_shop_warns_of_nothing) {
    begin_shop();
    EXPECT_THAT(log_of_start(), Not(HasSubstr("-lost")));
}

TEST_F(LostFiles, old_mails_are_deleted_where_mails_are_written_to_the_folder_and_nowhere_else) {
    const std::filesystem::path old_mail = file("mail") / "2020-01-01" / "o-1-processed.eml";
    std::filesystem::create_directories(old_mail.parent_path());
    std::ofstream(old_mail) << "From: shop@example.com\r\n\r\n";
    const std::vector<std::string> serve{"serve", "--listen", "127.0.0.1:0", "--data-dir", data_dir()};
    {
        ServerProcess elsewhere(place_.path(), "smtp", serve, {"SMTP_URL=smtp://127.0.0.1:1"});
        elsewhere.start();
        EXPECT_EQ(elsewhere.terminate(), 0);
    }
    EXPECT_TRUE(std::filesystem::exists(old_mail));
    ServerProcess here(place_.path(), "folder", serve);
    here.start();
    EXPECT_TRUE(eventually([&] { return here.log().contains("mails-deleted"); }));
    EXPECT_FALSE(std::filesystem::exists(old_mail));
}

TEST_F(CommandsWithoutShop, make_none) {
    for (const std::vector<std::string>& words : std::vector<std::vector<std::string>>{
             {"dead-letters", "ls"}, {"dead-letters", "requeue", "x"}, {"dead-letters", "discard", "x"}}) {
        const ProcessResult refused = run(words);
        EXPECT_EQ(refused.exit_status, 1) << words.back();
        EXPECT_EQ(refused.out, "");
        EXPECT_EQ(refused.err, "waybill: There is no shop in " + data_dir() + ".\n");
        EXPECT_FALSE(std::filesystem::exists(data_dir()));
    }
}

TEST_F(CommandsWithoutShop, a_refused_password_or_address_makes_none_and_is_told_once) {
    const ProcessResult password = run({"user", "create", "--email", "a@example.com"}, "short\n");
    EXPECT_EQ(password.exit_status, 1);
    EXPECT_EQ(password.err, "waybill: password: A password has 6 to 128 characters.\n");
    const ProcessResult email = run({"user", "create", "--email", "nope"}, "long enough\n");
    EXPECT_EQ(email.err, "waybill: email: This is no e-mail address.\n");
    EXPECT_FALSE(std::filesystem::exists(data_dir()));
    EXPECT_EQ(run({"user", "create", "--email", "a@example.com", "--admin"}, "long enough\n").exit_status, 0);
}

TEST_F(CommandsWithoutShop, wrong_settings_of_parts_are_mistakes_of_usage_and_make_none) {
    const std::vector<std::string> serve{"serve", "--listen", "127.0.0.1:0", "--data-dir", data_dir()};
    for (const char* variable :
         {"SMTP_URL=http://localhost", "REDIS_URL=redis://localhost:port", "WAYBILL_MAIL_TEMPLATES=/nowhere/at/all"}) {
        const ProcessResult refused = run_waybill(serve, {}, {variable});
        EXPECT_EQ(refused.exit_status, 2) << variable << refused.err;
        EXPECT_FALSE(std::filesystem::exists(data_dir())) << variable;
    }
}

TEST_F(WrongCause, a_data_directory_that_cannot_be_is_a_failure) {
    std::ofstream(data_dir()) << "a file";
    const ProcessResult seen = run({"doctor"});
    EXPECT_EQ(seen.exit_status, 1);
    EXPECT_THAT(seen.out, HasSubstr("is no folder"));
    std::filesystem::permissions(place_.path(),
                                 std::filesystem::perms::owner_read | std::filesystem::perms::owner_exec |
                                     std::filesystem::perms::others_read | std::filesystem::perms::others_exec);
    const std::string below = (place_.path() / "a" / "b").string();
    const ProcessResult unwritable = run_as_stranger({"doctor", "--data-dir", below});
    EXPECT_EQ(unwritable.exit_status, 1) << unwritable.out;
    EXPECT_THAT(unwritable.out, AllOf(HasSubstr("FAIL  data directory"), HasSubstr("cannot be made")));
    std::filesystem::permissions(place_.path(), std::filesystem::perms::owner_all);
}

TEST_F(WrongCause, a_shop_of_another_user_is_not_taken_for_none) {
    serve_once();
    std::filesystem::permissions(place_.path(), std::filesystem::perms::others_exec,
                                 std::filesystem::perm_options::add);
    if (::geteuid() != 0) std::filesystem::permissions(data_dir(), std::filesystem::perms::none);
    for (const char* command : {"doctor", "backup"}) {
        std::vector<std::string> words{command, "--data-dir", data_dir()};
        if (words.front() == "backup") words.emplace_back("/tmp/never-written");
        const ProcessResult refused = run_as_stranger(words);
        EXPECT_EQ(refused.exit_status, 1) << command;
        EXPECT_THAT(refused.out + refused.err, AllOf(HasSubstr("Permission denied"), HasSubstr("the user that owns it"),
                                                     Not(HasSubstr("no shop")), Not(HasSubstr("there is none"))));
    }
    std::filesystem::permissions(data_dir(), std::filesystem::perms::owner_all);
}

TEST_F(WrongCause, a_database_of_another_program_is_named_as_that) {
    std::filesystem::create_directory(data_dir());
    sql("CREATE TABLE notes (text TEXT); PRAGMA user_version = 4");
    for (const std::vector<std::string>& words :
         std::vector<std::vector<std::string>>{{"doctor"}, {"dead-letters", "ls"}, {"seed"}}) {
        const ProcessResult refused = run(words);
        EXPECT_EQ(refused.exit_status, 1);
        EXPECT_THAT(refused.out + refused.err, HasSubstr("is no Waybill database")) << words.front();
    }
}

TEST_F(WrongCause, doctor_and_serve_agree_about_the_secret) {
    begin_shop();
    const auto doctor_says = [&] {
        const ProcessResult seen = run({"doctor"});
        EXPECT_EQ(seen.exit_status, 1) << seen.out;
        return seen.out;
    };
    std::ofstream(file("secret")) << "too short\n";
    ::chmod(file("secret").c_str(), 0600);
    EXPECT_THAT(doctor_says(), HasSubstr("FAIL  secret          The secret in"));
    std::filesystem::remove(file("secret"));
    std::filesystem::create_directory(file("secret"));
    EXPECT_THAT(doctor_says(), AllOf(HasSubstr("a secret is a file"), Not(HasSubstr("chmod"))));
    std::filesystem::remove(file("secret"));
    std::ofstream(file("secret")) << std::string(64, 's') << "\n";
    ::chmod(file("secret").c_str(), 0644);
    EXPECT_THAT(doctor_says(), HasSubstr("chmod 600"));
    EXPECT_THAT(log_of_start(), AllOf(HasSubstr("WARN"), HasSubstr("chmod 600")));
}

TEST_F(WrongCause, threads_that_cannot_start_are_not_the_mail_folders_fault) {
    std::filesystem::create_directory(data_dir());
    ::chmod(data_dir().c_str(), 0777);
    std::filesystem::permissions(place_.path(), std::filesystem::perms::others_exec,
                                 std::filesystem::perm_options::add);
    for (const int processes : {1, 4, 10}) {
        const std::string limited = "ulimit -u " + std::to_string(processes) + " && exec \"$0\" \"$@\"";
        std::vector<std::string> words{"--reuid", stranger, "--regid", stranger, "--clear-groups"};
        use_binary(::geteuid() == 0 ? "/usr/bin/setpriv" : "/usr/bin/env");
        if (::geteuid() != 0) words.clear();
        for (const std::string& word :
             {std::string("/bin/bash"), std::string("-c"), limited, std::string(WAYBILL_BINARY), std::string("serve"),
              std::string("--listen"), std::string("127.0.0.1:0"), std::string("--data-dir"), data_dir()}) {
            words.push_back(word);
        }
        const ProcessResult refused = run_waybill(words);
        use_binary(WAYBILL_BINARY);
        EXPECT_EQ(refused.exit_status, 1) << processes;
        EXPECT_THAT(refused.err, AllOf(HasSubstr("no more threads"), HasSubstr("TasksMax"))) << processes;
    }
}

TEST_F(Doctor, leaves_an_older_schema_as_it_is_and_says_what_updates_it) {
    begin_shop();
    sql("DROP INDEX sessions_live; CREATE INDEX sessions_by_user ON sessions (user_id, created_at, session_id);"
        " PRAGMA user_version = 4");
    const ProcessResult seen = run({"doctor"});
    EXPECT_EQ(seen.exit_status, 0) << seen.out;
    EXPECT_THAT(seen.out, AllOf(HasSubstr("note  store"), HasSubstr("older Waybill (schema 4"),
                                HasSubstr("start the server once")));
    const ProcessResult listed = run({"dead-letters", "ls"});
    EXPECT_EQ(listed.exit_status, 1);
    EXPECT_THAT(listed.err, HasSubstr("start the server once"));
    EXPECT_THAT(run({"seed"}).out, HasSubstr("left alone")) << "a command that writes brings it up to date";
    EXPECT_EQ(run({"dead-letters", "ls"}).exit_status, 0);
}

TEST_F(Doctor, and_every_command_name_a_variable_that_is_no_setting) {
    const std::vector<std::string> typo{"WAYBILL_CURENCY=EUR", "WAYBILL_SERVICE_HOST=10.0.0.1",
                                        "WAYBILL_PORT=tcp://10.0.0.1:80"};
    const ProcessResult seen = run_waybill({"doctor", "--data-dir", data_dir()}, {}, typo);
    EXPECT_EQ(seen.exit_status, 0);
    EXPECT_THAT(seen.out, AllOf(StartsWith("note  settings"), HasSubstr("WAYBILL_CURENCY (in the environment)"),
                                HasSubstr("WAYBILL_CURRENCY is one"), Not(HasSubstr("WAYBILL_PORT"))));
    EXPECT_THAT(run_waybill({"config"}, {}, typo).err, AllOf(HasSubstr("WARN"), HasSubstr("WAYBILL_CURENCY")));
}

}  // namespace
}  // namespace waybill::system_test

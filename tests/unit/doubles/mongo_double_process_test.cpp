#include <gtest/gtest.h>

#include <sys/prctl.h>
#include <sys/wait.h>

#include <array>
#include <csignal>
#include <string>
#include <thread>
#include <unistd.h>

#include "tests/unit/doubles/mongo_driver.hpp"

namespace waybill::testing {

namespace {

// The program, until it is destroyed.
class MongoDoubleProcess : public ::testing::Test {
protected:
    void SetUp() override {
        std::array<int, 2> out{};
        ASSERT_EQ(::pipe(out.data()), 0);
        pid_ = ::fork();
        if (pid_ == 0) {
            ::prctl(PR_SET_PDEATHSIG, SIGKILL);
            ::dup2(out[1], STDOUT_FILENO);
            ::execl(MONGO_DOUBLE_BINARY, MONGO_DOUBLE_BINARY, "--port", "0", nullptr);
            ::_exit(127);
        }
        ::close(out[1]);
        std::string line;
        char one = 0;
        while (::read(out[0], &one, 1) == 1 && one != '\n') line += one;
        ::close(out[0]);
        static const std::string begin = "listening on ";
        ASSERT_EQ(line.substr(0, begin.size()), begin);
        uri = line.substr(begin.size());
    }
    void TearDown() override {
        if (pid_ > 0 && !ended_) (void)end(SIGKILL);
    }
    int end(int signal) {
        int status = 0;
        ::kill(pid_, signal);
        ::waitpid(pid_, &status, 0);
        ended_ = true;
        return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    }

    std::string uri;

private:
    pid_t pid_ = -1;
    bool ended_ = false;
};

TEST_F(MongoDoubleProcess, tells_its_address_and_ends_when_it_is_told_to) {
    EXPECT_NE(uri.find("mongodb://127.0.0.1:"), std::string::npos);
    EXPECT_NE(uri.find("/?replicaSet=rs0"), std::string::npos);
    Driver driver(uri);
    EXPECT_TRUE(is_ok(driver.run(insert_of("stock", {Object{{"_id", 1}}}))));
    EXPECT_EQ(end(SIGTERM), 0);
}

TEST_F(MongoDoubleProcess, loses_no_increment_of_several_clients_that_repeat_their_conflicts) {
    static constexpr int clients = 4;
    static constexpr int rounds = 25;
    ASSERT_TRUE(is_ok(Driver(uri).run(insert_of("stock", {Object{{"_id", "p"}, {"n", 0}}}))));
    const auto buy = [&] {
        Driver driver(uri);
        DriverSession session(driver.get());
        for (int done = 0; done < rounds;) {
            ASSERT_TRUE(session.start());
            const Object found = driver.run(find_of("stock", Object{{"_id", "p"}}), &session);
            const std::int64_t n = is_ok(found) ? first_batch(found).front().as<Object>()->at("n").to_int64() : 0;
            const Object written =
                driver.run(update_of("stock", Object{{"_id", "p"}}, Object{{"$set", Object{{"n", n + 1}}}}), &session);
            if (is_ok(found) && is_ok(written) && is_ok(session.commit())) {
                ++done;
            } else {
                ASSERT_TRUE(has_label(written, "TransientTransactionError")) << mongo::to_json(written);
                session.abort();
            }
        }
    };
    {
        std::vector<std::jthread> threads;
        for (int i = 0; i < clients; ++i) threads.emplace_back(buy);
    }
    const Object found = Driver(uri).run(find_of("stock"));
    EXPECT_EQ(first_batch(found).front().as<Object>()->at("n"), Value(std::int64_t{clients * rounds}));
}

TEST_F(MongoDoubleProcess, takes_its_faults_over_the_wire) {
    Driver driver(uri);
    ASSERT_TRUE(
        is_ok(driver.run(Object{{"waybillFault", Object{{"command", "insert"}, {"code", 64}}}}, nullptr, "admin")));
    EXPECT_EQ(code_of(driver.run(insert_of("stock", {Object{{"_id", 1}}}))), 64);
    EXPECT_TRUE(is_ok(driver.run(insert_of("stock", {Object{{"_id", 1}}}))));
}

}  // namespace

}  // namespace waybill::testing

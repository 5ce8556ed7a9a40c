#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sys/wait.h>

#include <array>
#include <pty.h>
#include <signal.h>
#include <string>
#include <termios.h>
#include <unistd.h>
#include <utmp.h>

#include "tests/support/temporary_directory.hpp"
#include "tests/system/server_process.hpp"

namespace waybill::system_test {
namespace {

// `waybill user create` on a terminal of its own.
class Prompt {
public:
    explicit Prompt(const std::string& data_dir) {
        EXPECT_EQ(::openpty(&keyboard_, &screen_, nullptr, nullptr, nullptr), 0);
        pid_ = ::fork();
        if (pid_ != 0) return;
        ::login_tty(screen_);
        ::execl(WAYBILL_BINARY, WAYBILL_BINARY, "user", "create", "--email", "a@example.com", "--data-dir",
                data_dir.c_str(), nullptr);
        ::_exit(127);
    }
    ~Prompt() {
        if (!is_over_) ::kill(pid_, SIGKILL);
        if (!is_over_) ::waitpid(pid_, nullptr, 0);
        ::close(keyboard_);
        ::close(screen_);
    }
    Prompt(const Prompt&) = delete;
    Prompt& operator=(const Prompt&) = delete;

    // Until it asks, or its output ends.
    void await_question() {
        std::array<char, 256> bytes{};
        while (!seen_.contains("Password: ")) {
            const ssize_t size = ::read(keyboard_, bytes.data(), bytes.size());
            if (size <= 0) break;
            seen_.append(bytes.data(), static_cast<std::size_t>(size));
        }
        EXPECT_THAT(seen_, ::testing::HasSubstr("Password: "));
    }
    void type(const std::string& keys) const {
        EXPECT_EQ(::write(keyboard_, keys.data(), keys.size()), static_cast<ssize_t>(keys.size()));
    }
    void send(int signal_number) const { ::kill(pid_, signal_number); }
    [[nodiscard]] bool shows_what_is_typed() const {
        termios state{};
        EXPECT_EQ(::tcgetattr(screen_, &state), 0);
        return (state.c_lflag & ECHO) != 0;
    }
    // 128 + signal when it was killed.
    int wait_for_exit() {
        int status = 0;
        is_over_ = eventually([&] { return ::waitpid(pid_, &status, WNOHANG) == pid_; });
        EXPECT_TRUE(is_over_);
        return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    }

private:
    int keyboard_ = -1;
    int screen_ = -1;
    pid_t pid_ = -1;
    bool is_over_ = false;
    std::string seen_;
};

TEST(PasswordPrompt, gives_the_terminal_back_however_it_ends) {
    const waybill::testing::TemporaryDirectory place;
    const std::string data_dir = (place.path() / "data").string();
    for (const int signal_number : {SIGINT, SIGTERM}) {
        Prompt prompt(data_dir);
        prompt.await_question();
        EXPECT_FALSE(prompt.shows_what_is_typed());
        if (signal_number == SIGINT) {
            prompt.type("half\x03");
        } else {
            prompt.send(signal_number);
        }
        EXPECT_EQ(prompt.wait_for_exit(), 128 + signal_number);
        EXPECT_TRUE(prompt.shows_what_is_typed()) << signal_number;
        EXPECT_FALSE(std::filesystem::exists(data_dir)) << "made before there was a password";
    }
    Prompt prompt(data_dir);
    prompt.await_question();
    prompt.type("long enough\n");
    EXPECT_EQ(prompt.wait_for_exit(), 0);
    EXPECT_TRUE(prompt.shows_what_is_typed());
}

}  // namespace
}  // namespace waybill::system_test

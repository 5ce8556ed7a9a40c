// A mail server of one test (tests/doubles/smtp/smtpd.mjs) on a free port of 127.0.0.1, which ends with
// it. What it answers depends on the names before the @, as that file says. Thread-safe but for freezing.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "domain/time.hpp"
#include "tests/support/temporary_directory.hpp"

namespace waybill::testing {

struct MailServerOptions {
    std::string mode = "starttls";  // or "tls" (from the first octet), or "plain"
    std::string user{};             // empty: nobody has to log in
    std::string password{};
    bool offers_login = true;
    std::string greeting{};  // "554": turns every connection away
    std::string certificate_names = "DNS:localhost,IP:127.0.0.1";
};

class MailServer {
public:
    struct Taken {
        std::string from;
        std::string to;
        std::string raw;
        bool tls = false;
        std::string user;
        std::string connection;
    };

    // Throws std::runtime_error when it does not start; script/doubles installs it.
    explicit MailServer(MailServerOptions options = {});
    ~MailServer();
    MailServer(const MailServer&) = delete;
    MailServer& operator=(const MailServer&) = delete;

    // `credentials`: "user:password@".
    [[nodiscard]] std::string url(const std::string& credentials = "", const std::string& host = "127.0.0.1") const;

    // Its own certificate, which is its own authority.
    [[nodiscard]] std::string ca_file() const { return directory_.path() / "certificate.pem"; }

    [[nodiscard]] std::vector<Taken> mails() const;
    [[nodiscard]] bool wait_for_mails(std::size_t count, Milliseconds timeout = Milliseconds{20'000});
    [[nodiscard]] std::size_t connections() const;
    [[nodiscard]] bool wait_for_connections(std::size_t count, Milliseconds timeout = Milliseconds{20'000});

    void freeze();
    void thaw();

private:
    void make_certificate();
    void read_events();
    void note_event(const std::string& line);

    const MailServerOptions options_;
    TemporaryDirectory directory_;
    int pid_ = -1;
    int input_ = -1;
    int output_ = -1;
    std::string port_;
    mutable std::mutex mutex_;
    std::condition_variable changed_;
    std::vector<Taken> mails_;
    std::size_t connections_ = 0;
    std::jthread reader_;
};

}  // namespace waybill::testing

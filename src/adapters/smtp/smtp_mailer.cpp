#include <curl/curl.h>
#include <sys/socket.h>

#include <algorithm>
#include <chrono>
#include <deque>
#include <iterator>
#include <mutex>
#include <new>
#include <optional>
#include <set>
#include <stop_token>
#include <thread>
#include <unistd.h>
#include <utility>
#include <vector>

#include "adapters/smtp/smtp.hpp"
#include "adapters/smtp/transfer.hpp"
#include "ports/thread_name.hpp"

namespace waybill::smtp {

namespace {

// Only bounds how long the thread sleeps when nothing happens; new mails wake it.
constexpr Milliseconds idle_poll{1'000};

struct MultiDeleter {
    void operator()(CURLM* handle) const { curl_multi_cleanup(handle); }
};
using Multi = std::unique_ptr<CURLM, MultiDeleter>;

// The sockets that libcurl has open. Of one thread at a time.
class Sockets {
public:
    void watch(CURL* easy) {
        curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, &open);
        curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, static_cast<void*>(this));
        curl_easy_setopt(easy, CURLOPT_CLOSESOCKETFUNCTION, &close);
        curl_easy_setopt(easy, CURLOPT_CLOSESOCKETDATA, static_cast<void*>(this));
    }

    // libcurl says QUIT to each connection that it closes and waits minutes for the answer of a
    // server that is frozen; with nothing more to be read it does not wait.
    void stop_reading() {
        for (const curl_socket_t socket : open_) ::shutdown(socket, SHUT_RD);
    }

private:
    static curl_socket_t open(void* self, curlsocktype /*purpose*/, curl_sockaddr* address) {
        const curl_socket_t made = ::socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
        if (made != CURL_SOCKET_BAD) static_cast<Sockets*>(self)->open_.insert(made);
        return made;
    }
    static int close(void* self, curl_socket_t socket) {
        static_cast<Sockets*>(self)->open_.erase(socket);
        return ::close(socket);
    }

    std::set<curl_socket_t> open_;
};

struct WaitingMail {
    Mail mail;
    Mailer::Done done;
    std::unique_ptr<Transfer> transfer{};  // once it has begun
};
using WaitingMailPtr = std::unique_ptr<WaitingMail>;

MailResult no_answer(std::string reason) { return {MailOutcome::no_answer, std::move(reason)}; }

// One thread drives all conversations.
class SmtpMailer final : public Mailer {
public:
    SmtpMailer(const SmtpOptions& options, Clock& clock, Log& log)
        : options_(options),
          address_(parse_server_address(options.url)),
          in_flight_max_(std::max<std::size_t>(options.in_flight_max, 1)),
          connections_max_(std::max<std::size_t>(options.connections_max, 1)),
          clock_(clock),
          log_(log),
          multi_(curl_multi_init()) {
        if (!multi_) throw std::bad_alloc();
        curl_multi_setopt(multi_.get(), CURLMOPT_MAXCONNECTS, static_cast<long>(connections_max_));
        running_.reserve(connections_max_);
        thread_ = std::jthread([this](const std::stop_token& stop) {
            name_thread("mail-smtp");
            run(stop);
        });
    }

    ~SmtpMailer() override {
        thread_.request_stop();
        curl_multi_wakeup(multi_.get());
        thread_.join();
        sockets_.stop_reading();
    }

    void send(Mail mail, Done done) override {
        if (std::optional<MailResult> known = judge(mail)) return done(std::move(*known));
        try {
            auto waiting = std::make_unique<WaitingMail>(WaitingMail{std::move(mail), {}});
            const std::lock_guard lock(mutex_);
            if (in_flight_ < in_flight_max_) {
                waiting_.push_back(std::move(waiting));
                waiting_.back()->done = std::move(done);
                ++in_flight_;
                curl_multi_wakeup(multi_.get());
                return;
            }
        } catch (const std::exception&) {
            return done(no_answer("The mail could not be prepared."));
        }
        done(no_answer("Too many mails are under way."));
    }

    std::size_t in_flight_max() const override { return in_flight_max_; }

private:
    // What is known without the server. A line break in an address would be one more command.
    [[nodiscard]] std::optional<MailResult> judge(const Mail& mail) const {
        if (!is_mail_address(mail.from)) return no_answer("The sender is not a plain mail address.");
        if (!is_mail_address(mail.to)) {
            return MailResult{MailOutcome::refused, "The recipient is not a plain mail address."};
        }
        if (mail.raw.size() > options_.mail_bytes_max) {
            return MailResult{MailOutcome::refused, "The mail is larger than its limit."};
        }
        return std::nullopt;
    }

    void run(const std::stop_token& stop) {
        while (!stop.stop_requested()) {
            while (WaitingMailPtr next = take_due()) start(std::move(next));
            int running = 0;
            curl_multi_perform(multi_.get(), &running);
            finish_ended();
            curl_multi_poll(multi_.get(), nullptr, 0, static_cast<int>(pause().count()), nullptr);
        }
        abandon_all();
    }

    WaitingMailPtr take_due() {
        const SteadyTime now = clock_.steady_now();
        const std::lock_guard lock(mutex_);
        if (waiting_.empty() || running_.size() >= connections_max_ || now < next_start_) return nullptr;
        if (options_.mails_per_second > 0) {
            const std::chrono::duration<double> spacing(1 / options_.mails_per_second);
            next_start_ = now + std::chrono::ceil<std::chrono::nanoseconds>(spacing);
        }
        WaitingMailPtr next = std::move(waiting_.front());
        waiting_.pop_front();
        return next;
    }

    [[nodiscard]] Milliseconds pause() {
        const std::lock_guard lock(mutex_);
        if (waiting_.empty() || running_.size() >= connections_max_) return idle_poll;
        const auto left = std::chrono::ceil<Milliseconds>(next_start_ - clock_.steady_now());
        return std::clamp(left, Milliseconds::zero(), idle_poll);
    }

    void start(WaitingMailPtr mail) {
        try {
            mail->transfer = std::make_unique<Transfer>(options_, address_);
            mail->transfer->carry(mail->mail);
            sockets_.watch(mail->transfer->easy());
        } catch (const std::exception&) {
            return end(*mail, no_answer("The mail could not be prepared."));
        }
        if (curl_multi_add_handle(multi_.get(), mail->transfer->easy()) != CURLM_OK) {
            return end(*mail, no_answer("The mail could not be prepared."));
        }
        running_.push_back(std::move(mail));
    }

    void finish_ended() {
        int left = 0;
        while (const CURLMsg* message = curl_multi_info_read(multi_.get(), &left)) {
            if (message->msg != CURLMSG_DONE) continue;
            const CURLcode code = message->data.result;
            const WaitingMailPtr mail = take_running(message->easy_handle);
            if (!mail) continue;
            curl_multi_remove_handle(multi_.get(), mail->transfer->easy());
            MailResult result = read_result(*mail->transfer, code);
            note(result);
            end(*mail, std::move(result));
        }
    }

    static MailResult read_result(const Transfer& transfer, CURLcode code) {
        if (code == CURLE_OK) return {MailOutcome::sent, {}};
        return verdict_of(transfer.conversation(), transfer.last_status(), transfer.problem_of(code));
    }

    WaitingMailPtr take_running(const CURL* easy) {
        const auto found =
            std::ranges::find_if(running_, [&](const auto& mail) { return mail->transfer->easy() == easy; });
        if (found == running_.end()) return nullptr;
        WaitingMailPtr mail = std::move(*found);
        running_.erase(found);
        return mail;
    }

    void abandon_all() {
        for (const WaitingMailPtr& mail : running_) curl_multi_remove_handle(multi_.get(), mail->transfer->easy());
        std::vector<WaitingMailPtr> mails = std::move(running_);
        {
            const std::lock_guard lock(mutex_);
            std::ranges::move(waiting_, std::back_inserter(mails));
            waiting_.clear();
        }
        for (const WaitingMailPtr& mail : mails) end(*mail, no_answer("This process stops."));
    }

    void end(WaitingMail& mail, MailResult result) {
        {
            const std::lock_guard lock(mutex_);
            --in_flight_;
        }
        mail.done(std::move(result));
    }

    // Once for each outage.
    void note(const MailResult& result) {
        const bool away = result.outcome == MailOutcome::no_answer;
        if ((away && result.of_this_mail) || std::exchange(away_, away) == away) return;
        if (away) {
            log_.write(LogLevel::warn, "mail-server-away", {{"server", address_.name()}, {"error", result.reason}});
        } else {
            log_.write(LogLevel::info, "mail-server-back", {{"server", address_.name()}});
        }
    }

    const SmtpOptions options_;
    const ServerAddress address_;
    const std::size_t in_flight_max_;
    const std::size_t connections_max_;
    Clock& clock_;
    Log& log_;
    Sockets sockets_;  // before the handles, whose closing calls it
    Multi multi_;
    std::mutex mutex_;
    std::size_t in_flight_ = 0;
    std::deque<WaitingMailPtr> waiting_;
    // Of the thread only.
    std::vector<WaitingMailPtr> running_;
    SteadyTime next_start_{};
    bool away_ = false;
    std::jthread thread_;
};

}  // namespace

std::unique_ptr<Mailer> make_smtp_mailer(const SmtpOptions& options, Clock& clock, Log& log) {
    check_options(options);
    start_curl();
    return std::make_unique<SmtpMailer>(options, clock, log);
}

Result<std::string> check_smtp(const SmtpOptions& options) {
    check_options(options);
    start_curl();
    const ServerAddress address = parse_server_address(options.url);
    Transfer transfer(options, address);
    transfer.only_look();
    const CURLcode code = curl_easy_perform(transfer.easy());
    const Conversation& seen = transfer.conversation();
    if (code != CURLE_OK) {
        // What answers a login might repeat it.
        const bool refused = transfer.last_status() >= 400 && seen.stage != SmtpStage::login;
        std::string problem = transfer.problem_of(code);
        if (refused) problem += " It said: " + seen.last_reply;
        return fail(ErrorCode::unavailable, std::move(problem));
    }
    if (address.has_login() && !seen.logged_in) {
        return fail(ErrorCode::unavailable,
                    "The mail server " + address.name() + " offers no login; take user and password out of the URL.");
    }
    std::string sentence = address.name() + " answers";
    sentence += address.implicit_tls || seen.encrypted ? ", over TLS with a verified certificate" : ", without TLS";
    if (seen.logged_in) sentence += ", and the login is good";
    return sentence + ".";
}

}  // namespace waybill::smtp

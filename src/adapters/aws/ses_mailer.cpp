#include <algorithm>
#include <condition_variable>
#include <deque>
#include <exception>
#include <mutex>
#include <stdexcept>
#include <stop_token>
#include <thread>
#include <utility>
#include <vector>

#include "adapters/aws/aws.hpp"
#include "adapters/aws/send_rate.hpp"
#include "adapters/aws/ses_messages.hpp"
#include "ports/thread_name.hpp"

namespace waybill::aws {

namespace {

// How soon a mail that waits for its turn sees that this process stops.
constexpr Milliseconds wait_slice{100};

constexpr double rate_per_second_max = 10'000;

ServiceOptions service_of(const SesOptions& options) {
    if (options.region.empty()) throw std::invalid_argument("AWS_REGION is needed for SES");
    if (!(options.rate_per_second >= 0 && options.rate_per_second <= rate_per_second_max)) {
        throw std::invalid_argument("the send rate must lie between 0 and 10000 mails a second");
    }
    const std::optional<Endpoint> endpoint =
        parse_endpoint(options.endpoint.empty() ? service_address("email", options.region) : options.endpoint);
    if (!endpoint) throw std::invalid_argument("AWS_ENDPOINT_URL_SESV2 must be http(s)://host[:port]");
    return {"ses", *endpoint, options.region, "ses", options.call};
}

MailResult no_answer(std::string reason) { return {MailOutcome::no_answer, std::move(reason)}; }

struct WaitingMail {
    Mail mail;
    Mailer::Done done;
};

// One thread for each mail that may be under way.
class SesMailer final : public Mailer {
public:
    SesMailer(const SesOptions& options, const ServiceOptions& service, Clock& clock, Log& log)
        : options_(options),
          in_flight_max_(std::max<std::size_t>(options.in_flight_max, 1)),
          clock_(clock),
          client_(service,
                  make_credential_source(options.credentials, service.region, options.call.ca_file, clock, log), clock,
                  log),
          rate_(options.rate_per_second, clock) {
        for (std::size_t i = 0; i < in_flight_max_; ++i) {
            threads_.emplace_back([this](const std::stop_token& stop) {
                name_thread("mail-ses");
                run(stop);
            });
        }
    }

    // All are told before the first is waited for.
    ~SesMailer() override {
        for (std::jthread& thread : threads_) thread.request_stop();
    }

    void send(Mail mail, Done done) override {
        {
            const std::lock_guard lock(mutex_);
            if (in_flight_ < in_flight_max_) {
                ++in_flight_;
                waiting_.push_back({std::move(mail), std::move(done)});
                changed_.notify_one();
                return;
            }
        }
        done(no_answer("Too many mails are under way."));
    }

    std::size_t in_flight_max() const override { return in_flight_max_; }

private:
    void run(const std::stop_token& stop) {
        for (;;) {
            WaitingMail next;
            {
                std::unique_lock lock(mutex_);
                changed_.wait(lock, stop, [this] { return !waiting_.empty(); });
                if (waiting_.empty()) return;  // stopped, and all that waited is answered
                next = std::move(waiting_.front());
                waiting_.pop_front();
            }
            MailResult result = deliver(next.mail, stop);
            {
                const std::lock_guard lock(mutex_);
                --in_flight_;
            }
            next.done(std::move(result));
        }
    }

    MailResult deliver(const Mail& mail, const std::stop_token& stop) {
        try {
            std::string reason = reason_against(mail, options_.raw_bytes_max);
            if (!reason.empty()) return {MailOutcome::refused, std::move(reason)};
            const std::optional<Milliseconds> wait = rate_.take(options_.rate_wait_max);
            if (!wait) return no_answer("The send rate limit is reached.");
            if (!wait_for_turn(*wait, stop)) return no_answer("The mail was not sent because this process stops.");
            return judge(client_.call({.method = "POST",
                                       .path = "/v2/email/outbound-emails",
                                       .headers = {{"content-type", "application/json"}},
                                       .body = mail_request(mail, options_.configuration_set),
                                       .extra_wait = {},
                                       // Whoever sent it tries again, and counts the copies.
                                       .repeat = false},
                                      stop));
        } catch (const std::exception&) {
            return no_answer("The mail could not be handed to SES.");
        }
    }

    bool wait_for_turn(Milliseconds wait, const std::stop_token& stop) {
        const SteadyTime turn = clock_.steady_now() + wait;
        while (!stop.stop_requested()) {
            const auto left = std::chrono::ceil<Milliseconds>(turn - clock_.steady_now());
            if (left <= Milliseconds::zero()) return true;
            clock_.sleep_for(std::min(left, wait_slice));
        }
        return false;
    }

    const SesOptions options_;
    const std::size_t in_flight_max_;
    Clock& clock_;
    ServiceClient client_;
    SendRate rate_;
    std::mutex mutex_;
    std::condition_variable_any changed_;
    std::size_t in_flight_ = 0;
    std::deque<WaitingMail> waiting_;
    std::vector<std::jthread> threads_;  // last: they stop and join before the rest goes
};

// ---- what the doctor asks

Error as_error(const ServiceFailure& failure) {
    const ErrorCode code = failure.kind == FailureKind::credentials ? ErrorCode::forbidden : ErrorCode::unavailable;
    return {code, failure.detail};
}

// Whether SES knows the identity (an address or a domain), and whether it may send.
Result<void> ask_identity(ServiceClient& client, const std::string& identity, MailReport& report) {
    const ServiceAnswer answer =
        client.call({.method = "GET", .path = "/v2/email/identities/" + percent_encode(identity)});
    if (!answer && answer.error().status == 404) return {};
    if (!answer) return fail(as_error(answer.error()));
    report.sender_known = true;
    report.sender_verified = report.sender_verified || is_verified(answer->body);
    return {};
}

}  // namespace

std::unique_ptr<Mailer> make_ses_mailer(const SesOptions& options, Clock& clock, Log& log) {
    return std::make_unique<SesMailer>(options, service_of(options), clock, log);
}

Result<MailReport> check_mail(const SesOptions& options, const std::string& sender, Clock& clock, Log& log) {
    const ServiceOptions service = service_of(options);
    ServiceClient client(service,
                         make_credential_source(options.credentials, service.region, options.call.ca_file, clock, log),
                         clock, log);
    const ServiceAnswer account = client.call({.method = "GET", .path = "/v2/email/account"});
    if (!account) return fail(as_error(account.error()));
    std::optional<MailReport> report = read_account(account->body);
    if (!report) return fail(ErrorCode::unavailable, "SES answered what is no answer of SES.");
    for (const std::string& identity : {sender, sender.substr(sender.find('@') + 1)}) {
        if (const Result<void> asked = ask_identity(client, identity, *report); !asked) return fail(asked.error());
        if (report->sender_verified) break;
    }
    return *std::move(report);
}

}  // namespace waybill::aws

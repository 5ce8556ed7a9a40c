#include "adapters/aws/credentials.hpp"

#include <algorithm>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <utility>

#include "adapters/aws/issuers.hpp"

namespace waybill::aws {

namespace {

constexpr Milliseconds renew_before_end{300'000};  // or a quarter of a shorter life
constexpr Milliseconds failure_pause_min{1'000};
constexpr Milliseconds failure_pause_max{60'000};

// Credentials that are refused sooner than this after they were issued are not asked for again: it
// is not their age that is wrong.
constexpr Milliseconds refusal_counts_after{10'000};

// What a copied line end makes of a key would go into a header.
bool is_printable(std::string_view text) {
    return std::ranges::all_of(text, [](char c) { return c > ' ' && c < '\x7f'; });
}

class StaticSource final : public CredentialSource {
public:
    explicit StaticSource(Credentials credentials) : credentials_(std::move(credentials)) {}
    Result<Credentials> get() override { return credentials_; }
    void refused(const Credentials&) override {}

private:
    const Credentials credentials_;
};

class RefreshedSource final : public CredentialSource {
public:
    RefreshedSource(Issue issue, Clock& clock, Log& log) : issue_(std::move(issue)), clock_(clock), log_(log) {}

    Result<Credentials> get() override {
        std::unique_lock lock(mutex_);
        for (;;) {
            const SteadyTime now = clock_.steady_now();
            const bool usable = current_ && now < ends_at_;
            if (usable && (now < renew_at_ || renewing_ || now < not_before_)) return *current_;
            if (renewing_) {
                renewed_.wait(lock);
                continue;
            }
            if (now < not_before_) return fail(last_error_);
            renew(lock);
        }
    }

    void refused(const Credentials& refused) override {
        const std::lock_guard lock(mutex_);
        const bool fresh = clock_.steady_now() < issued_at_ + refusal_counts_after;
        if (current_ == refused && !fresh) current_.reset();
    }

private:
    void renew(std::unique_lock<std::mutex>& lock) {
        renewing_ = true;
        lock.unlock();
        Result<IssuedCredentials> issued = ask();
        lock.lock();
        renewing_ = false;
        const SteadyTime now = clock_.steady_now();
        if (issued && issued->lifetime > Milliseconds::zero()) {
            adopt(std::move(*issued), now);
        } else {
            back_off(issued ? Error{ErrorCode::unavailable, "The credentials of the role have ended already."}
                            : std::move(issued.error()),
                     now);
        }
        renewed_.notify_all();
    }

    Result<IssuedCredentials> ask() {
        try {
            return issue_();
        } catch (const std::exception&) {
            return fail(ErrorCode::unavailable, "The credentials of the role could not be asked for.");
        }
    }

    void adopt(IssuedCredentials issued, SteadyTime now) {
        current_ = std::move(issued.credentials);
        issued_at_ = now;
        ends_at_ = now + issued.lifetime;
        renew_at_ = ends_at_ - std::min(renew_before_end, issued.lifetime / 4);
        not_before_ = now;
        if (std::exchange(pause_, failure_pause_min) != failure_pause_min) {
            log_.write(LogLevel::info, "aws-credentials-back", {});
        }
    }

    void back_off(Error error, SteadyTime now) {
        if (pause_ == failure_pause_min) {
            log_.write(LogLevel::warn, "aws-credentials-away", {{"error", error.detail}});
        }
        const double jitter = 0.5 + clock_.random_fraction() / 2;
        not_before_ = now + Milliseconds(static_cast<std::int64_t>(static_cast<double>(pause_.count()) * jitter));
        pause_ = std::min(pause_ * 2, failure_pause_max);
        last_error_ = std::move(error);
    }

    const Issue issue_;
    Clock& clock_;
    Log& log_;
    std::mutex mutex_;
    std::condition_variable renewed_;
    bool renewing_ = false;
    std::optional<Credentials> current_;
    SteadyTime issued_at_{};
    SteadyTime ends_at_{};
    SteadyTime renew_at_{};
    SteadyTime not_before_{};
    Milliseconds pause_ = failure_pause_min;
    Error last_error_{};
};

}  // namespace

std::unique_ptr<CredentialSource> make_refreshed_source(Issue issue, Clock& clock, Log& log) {
    return std::make_unique<RefreshedSource>(std::move(issue), clock, log);
}

std::shared_ptr<CredentialSource> make_credential_source(const CredentialOptions& options, const std::string& region,
                                                         const std::string& ca_file, Clock& clock, Log& log) {
    if (options.access_key_id.empty() != options.secret_access_key.empty()) {
        throw std::invalid_argument("AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY only work together");
    }
    for (const std::string* text : {&options.access_key_id, &options.secret_access_key, &options.session_token}) {
        if (!is_printable(*text)) throw std::invalid_argument("the AWS credentials hold a blank or a line end");
    }
    if (!options.access_key_id.empty()) {
        return std::make_shared<StaticSource>(
            Credentials{options.access_key_id, options.secret_access_key, options.session_token});
    }
    if (!options.role_arn.empty() && !options.web_identity_token_file.empty()) {
        return make_refreshed_source(make_web_identity_issue(options, region, ca_file, clock), clock, log);
    }
    if (!options.container_relative_uri.empty() || !options.container_full_uri.empty()) {
        return make_refreshed_source(make_container_issue(options, ca_file, clock), clock, log);
    }
    throw std::invalid_argument(
        "AWS needs credentials: AWS_ACCESS_KEY_ID with AWS_SECRET_ACCESS_KEY, or the role of a container");
}

}  // namespace waybill::aws

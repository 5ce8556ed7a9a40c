#include "adapters/aws/service_client.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

#include "adapters/aws/json.hpp"

namespace waybill::aws {

namespace {

// A signature that is merely wrong is no reason to change the clock, unless the clocks differ by
// nearly what AWS allows (5 minutes).
constexpr Milliseconds suspicious_skew{240'000};

constexpr Milliseconds note_pause{60'000};

constexpr std::size_t code_length_max = 64;

template <std::size_t n>
bool is_one_of(const std::array<std::string_view, n>& list, std::string_view code) {
    return std::ranges::find(list, code) != list.end();
}

constexpr std::array<std::string_view, 9> throttling_codes = {"ThrottlingException",
                                                              "Throttling",
                                                              "RequestThrottled",
                                                              "RequestThrottledException",
                                                              "TooManyRequestsException",
                                                              "RequestLimitExceeded",
                                                              "SlowDown",
                                                              "OverLimit",
                                                              "KmsThrottled"};
constexpr std::array<std::string_view, 3> time_codes = {"RequestExpired", "RequestInTheFuture", "RequestTimeTooSkewed"};
constexpr std::array<std::string_view, 2> signature_codes = {"InvalidSignatureException", "SignatureDoesNotMatch"};
constexpr std::array<std::string_view, 6> renewal_codes = {"ExpiredToken",         "ExpiredTokenException",
                                                           "InvalidClientTokenId", "UnrecognizedClientException",
                                                           "InvalidAccessKeyId",   "InvalidTokenException"};

// Only what a code may be made of: it goes into logs.
std::string clean_code(std::string_view text) {
    std::string out;
    for (const char c : text.substr(0, code_length_max)) {
        const bool fine =
            (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '_';
        if (!fine) break;
        out += c;
    }
    return out;
}

std::string after_hash(const std::string& type) { return type.substr(type.find('#') + 1); }

bool is_transient(FailureKind kind) {
    return kind == FailureKind::no_answer || kind == FailureKind::throttled || kind == FailureKind::server;
}

ServiceFailure failure_of(const HttpResponse& answer, const std::string& authority) {
    std::string code = error_code_of(answer);
    const FailureKind kind = classify(answer.status, code);
    std::string detail = authority + " answered " + std::to_string(answer.status) + " " + code + ".";
    return {kind, answer.status, std::move(code), std::move(detail)};
}

std::optional<int> parse_number(std::string_view text) {
    int value = 0;
    const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (problem != std::errc{} || end != text.data() + text.size()) return std::nullopt;
    return value;
}

}  // namespace

ServiceClient::ServiceClient(ServiceOptions options, std::shared_ptr<CredentialSource> credentials, Clock& clock,
                             Log& log)
    : options_(std::move(options)),
      credentials_(std::move(credentials)),
      clock_(clock),
      log_(log),
      http_(options_.call.idle_connections_max, options_.call.response_bytes_max, options_.call.ca_file),
      signer_(options_.region, options_.signing_name) {}

ServiceAnswer ServiceClient::call(const ServiceRequest& request, const std::stop_token& stop) {
    const Milliseconds timeout = options_.call.timeout + request.extra_wait;
    const SteadyTime deadline = clock_.steady_now() + options_.call.deadline + request.extra_wait;
    Milliseconds backoff = options_.call.backoff_min;
    Repairs repairs;
    bool maybe_done = false;
    for (std::size_t attempt = 1;; ++attempt) {
        const auto left = std::chrono::ceil<Milliseconds>(deadline - clock_.steady_now());
        ServiceAnswer answer = try_once(request, std::clamp(left, Milliseconds{1}, timeout), repairs, stop);
        maybe_done = maybe_done || (!answer && answer.error().maybe_done);
        const bool again = !answer && is_transient(answer.error().kind) && request.repeat &&
                           attempt < options_.call.attempts_max && !stop.stop_requested();
        const Milliseconds pause(
            static_cast<std::int64_t>(static_cast<double>(backoff.count()) * clock_.random_fraction()));
        if (!again || clock_.steady_now() + pause >= deadline) {
            note(answer);
            if (!answer) answer.error().maybe_done = maybe_done;
            return answer;
        }
        clock_.sleep_for(pause);
        backoff = std::min(backoff * 2, options_.call.backoff_max);
    }
}

ServiceAnswer ServiceClient::try_once(const ServiceRequest& request, Milliseconds timeout, Repairs& repairs,
                                      const std::stop_token& stop) {
    for (;;) {
        const Result<Credentials> credentials = credentials_->get();
        if (!credentials) {
            return std::unexpected(
                ServiceFailure{FailureKind::credentials, 0, "NoCredentials", credentials.error().detail});
        }
        const TimePoint time = clock_.now() + Milliseconds(ahead_ms_.load());
        ServiceAnswer answer = send_signed(request, *credentials, time, timeout, stop);
        if (!answer || answer->status < 300) return answer;

        ServiceFailure failure = failure_of(*answer, options_.endpoint.authority);
        if (!repairs.clock && adopt_time(failure, *answer)) {
            repairs.clock = true;
            continue;
        }
        if (!repairs.credentials && is_one_of(renewal_codes, failure.code)) {
            repairs.credentials = true;
            credentials_->refused(*credentials);
            const Result<Credentials> others = credentials_->get();
            if (others && *others != *credentials) continue;
        }
        return std::unexpected(std::move(failure));
    }
}

ServiceAnswer ServiceClient::send_signed(const ServiceRequest& request, const Credentials& credentials, TimePoint time,
                                         Milliseconds timeout, const std::stop_token& stop) {
    SignableRequest signable{request.method, request.path, {}, request.headers, request.body};
    signable.headers.emplace_back("host", options_.endpoint.authority);
    Headers added = signer_.sign(signable, credentials, time);
    HttpRequest http{options_.endpoint,
                     request.method,
                     request.path,
                     request.headers,
                     request.body,
                     options_.call.connect_timeout,
                     timeout};
    http.headers.insert(http.headers.end(), std::make_move_iterator(added.begin()),
                        std::make_move_iterator(added.end()));
    Result<HttpResponse> answer = http_.call(http, stop);
    if (answer) return std::move(*answer);
    return std::unexpected(ServiceFailure{FailureKind::no_answer, 0, "NoAnswer", std::move(answer.error().detail),
                                          answer.error().code == ErrorCode::outcome_unknown});
}

// True when signing again with the adopted time may help.
bool ServiceClient::adopt_time(const ServiceFailure& failure, const HttpResponse& answer) {
    const bool says_time = is_one_of(time_codes, failure.code);
    if (!says_time && !is_one_of(signature_codes, failure.code)) return false;
    const std::optional<TimePoint> theirs = parse_http_date(answer.header("date"));
    if (!theirs) return false;
    const Milliseconds ahead = *theirs - clock_.now();
    const Milliseconds change = std::chrono::abs(ahead - Milliseconds(ahead_ms_.load()));
    if (!says_time && change < suspicious_skew) return false;
    ahead_ms_.store(ahead.count());
    log_.write(LogLevel::warn, "aws-time-adopted",
               {{"service", options_.name}, {"ahead_s", std::to_string(ahead.count() / 1'000)}});
    return true;
}

// Once for each outage, and no more than once in `note_pause` when it comes and goes.
void ServiceClient::note(const ServiceAnswer& answer) {
    const bool away = !answer && answer.error().kind != FailureKind::rejected;
    if (away_.exchange(away) == away) return;
    const std::lock_guard lock(note_mutex_);
    if (away) return note_away(answer.error());
    if (std::exchange(away_told_, false)) log_.write(LogLevel::info, options_.name + "-back", {});
}

void ServiceClient::note_away(const ServiceFailure& failure) {
    const SteadyTime now = clock_.steady_now();
    if (away_told_ || now < tell_away_from_) return;
    away_told_ = true;
    tell_away_from_ = now + note_pause;
    log_.write(LogLevel::warn, options_.name + "-away", {{"error", failure.detail}});
}

std::string service_address(const std::string& service, const std::string& region) {
    return "https://" + service + "." + region + ".amazonaws.com" + (region.starts_with("cn-") ? ".cn" : "");
}

// sqs.<region>.amazonaws.com, <region>.queue.amazonaws.com, <id>.sqs.<region>.vpce.amazonaws.com,
// sqs-fips.<region>.amazonaws.com; the same with .cn.
std::string region_of_host(std::string_view host) {
    if (host.ends_with(".cn")) host.remove_suffix(3);
    constexpr std::string_view domain = ".amazonaws.com";
    if (!host.ends_with(domain)) return {};
    host.remove_suffix(domain.size());
    for (const std::string_view suffix : {".vpce", ".queue"}) {
        if (host.ends_with(suffix)) host.remove_suffix(suffix.size());
    }
    if (host == "queue") return "us-east-1";
    const std::size_t dot = host.rfind('.');
    return std::string(dot == std::string_view::npos ? host : host.substr(dot + 1));
}

std::string error_code_of(const HttpResponse& answer) {
    std::string code = clean_code(answer.header("x-amzn-errortype"));
    if (code.empty()) {
        const auto object = parse_object(answer.body).value_or(boost::json::object{});
        code = clean_code(after_hash(string_at(object, "__type")));
        if (code.empty()) code = clean_code(string_at(object, "code"));
    }
    const std::size_t xml = answer.body.find("<Code>");
    if (code.empty() && xml != std::string::npos) code = clean_code(std::string_view(answer.body).substr(xml + 6));
    return code.empty() ? "HTTP " + std::to_string(answer.status) : code;
}

FailureKind classify(long status, std::string_view code) {
    if (status == 429 || is_one_of(throttling_codes, code)) return FailureKind::throttled;
    if (status >= 500) return FailureKind::server;
    const bool signature = is_one_of(time_codes, code) || is_one_of(signature_codes, code);
    if (status == 401 || status == 403 || signature || is_one_of(renewal_codes, code) ||
        code.starts_with("AccessDenied")) {
        return FailureKind::credentials;
    }
    return FailureKind::rejected;
}

std::optional<TimePoint> parse_http_date(const std::string& text) {
    if (text.empty()) return std::nullopt;
    const ::time_t seconds = curl_getdate(text.c_str(), nullptr);
    if (seconds < 0) return std::nullopt;
    return TimePoint(std::chrono::seconds(seconds));
}

std::optional<TimePoint> parse_time(std::string_view text) {
    if (text.size() < 20 || !text.ends_with('Z') || text[4] != '-' || text[7] != '-' || text[10] != 'T' ||
        text[13] != ':' || text[16] != ':') {
        return std::nullopt;
    }
    const std::array<std::optional<int>, 6> parts = {
        parse_number(text.substr(0, 4)),  parse_number(text.substr(5, 2)),  parse_number(text.substr(8, 2)),
        parse_number(text.substr(11, 2)), parse_number(text.substr(14, 2)), parse_number(text.substr(17, 2))};
    if (!std::ranges::all_of(parts, [](const auto& part) { return part && *part >= 0; })) return std::nullopt;
    const std::chrono::year_month_day day{std::chrono::year(*parts[0]),
                                          std::chrono::month(static_cast<unsigned>(*parts[1])),
                                          std::chrono::day(static_cast<unsigned>(*parts[2]))};
    if (!day.ok()) return std::nullopt;
    return TimePoint(std::chrono::sys_days(day)) + std::chrono::hours(*parts[3]) + std::chrono::minutes(*parts[4]) +
           std::chrono::seconds(*parts[5]);
}

}  // namespace waybill::aws

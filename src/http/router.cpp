#include "http/router.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <exception>
#include <optional>
#include <string>
#include <utility>

#include "app/trace_maker.hpp"
#include "domain/hex.hpp"
#include "http/answer_headers.hpp"
#include "http/client_address.hpp"
#include "http/media_type.hpp"
#include "http/request_checks.hpp"
#include "http/request_meter.hpp"
#include "http/route_table.hpp"

namespace waybill::http {

namespace {

constexpr std::size_t request_id_length_max = 128;

// What is kept of a request from its first check to its answer.
struct Pending {
    Request& request;
    SteadyTime started;
    PathMatch match{};
    const Row* row = nullptr;  // null: no route answers
    Caller caller{};
    std::optional<RateStamp> rate{};
};

using CheckedToken = std::optional<Result<Caller>>;  // empty: no token came

void append_hex(std::string& out, std::uint64_t value) {
    std::array<char, 16> text{};
    for (auto digit = text.rbegin(); digit != text.rend(); ++digit, value >>= 4) *digit = hex_digits[value & 15];
    out.append(text.data(), text.size());
}

bool is_request_id(std::string_view text) {
    return !text.empty() && text.size() <= request_id_length_max &&
           std::ranges::all_of(text, [](char c) { return c > ' ' && c < '\x7f'; });
}

// Empty when there is none.
std::string_view bearer_token(const Request& request) {
    constexpr std::string_view scheme = "Bearer ";
    std::string_view value = request.header("Authorization");
    if (!equal_names(value.substr(0, scheme.size()), scheme)) return {};
    value.remove_prefix(scheme.size());
    while (value.starts_with(' ')) value.remove_prefix(1);
    return value;
}

// Several of them name none (w3.org/TR/trace-context, 3.2).
std::optional<TraceContext> callers_trace(const Request& request) {
    std::optional<std::string_view> sent;
    for (const auto& [name, value] : request.headers) {
        if (!equal_names(name, "traceparent")) continue;
        if (sent) return std::nullopt;
        sent = value;
    }
    return sent ? parse_traceparent(*sent) : std::nullopt;
}

bool is_encoded(const Request& request) {
    return std::ranges::any_of(list_members(request.headers, "content-encoding"),
                               [](std::string_view coding) { return !equal_names(coding, "identity"); });
}

// Who was kept out is worth a line: from where, and what was tried.
LogLevel level_of(int status) {
    if (status >= 500) return LogLevel::warn;
    return status == 401 || status == 403 ? LogLevel::info : LogLevel::debug;
}

bool carries_body(Method method) { return method == Method::post || method == Method::put || method == Method::patch; }

}  // namespace

class Router::State {
public:
    State(Options options, const Services& services, std::span<const std::span<const Route>> api,
          std::span<const Route> root)
        : options_(options),
          services_(services),
          meter_(services.metrics.families()),
          table_(api, root,
                 [this](const Route& route) { return meter_.add_route(route.pattern, to_text(route.method)); }),
          proxies_(services.edge.trusted_proxies),
          traces_(services.clock) {
        std::array<std::uint8_t, 8> random{};
        services_.clock.fill_random(random);
        for (const std::uint8_t byte : random) id_prefix_ = id_prefix_ << 8 | byte;
    }

    std::variant<Response, Deferred> handle(Request& request);
    Pending begin(Request& request);
    Response finish(const Pending& pending, Response response);
    Response make_answer(const Pending& pending, MakeResponse& make);
    Response crashed(const Pending& pending, std::string_view what);
    void log_crash(std::string_view request_id, std::string_view what);

    // The part of a deferred request that runs elsewhere; `done` is called exactly once.
    void work(const std::shared_ptr<Pending>& pending, bool token_unchecked, Completion done);

private:
    class Answer;

    std::variant<Response, Deferred> dispatch(Pending& pending);
    std::variant<Response, Deferred> run(Pending& pending);
    Deferred defer(Pending& pending, bool token_unchecked);
    Response refuse_route(const Pending& pending);
    Response answer_options(const Pending& pending);
    bool runs_here(const Route& route) const;

    std::optional<Response> refuse_caller(Pending& pending, CheckedToken token);
    std::optional<Response> refuse_rate(Pending& pending, const Caller* caller);
    std::optional<Response> take(Pending& pending, RateStamp stamp, const std::string& key, std::int64_t cost);
    bool is_first_refusal();
    void log_answer(const Pending& pending, const Response& response, double seconds);

    Options options_;
    const Services& services_;
    RequestMeter meter_;
    RouteTable table_;
    // What is asked below the prefixes counts, also where there is nothing.
    const Row no_route_{{Method::other, "", Access::anyone, LimitClass::api, Runs::on_io_thread}, 0};
    TrustedProxies proxies_;
    TraceMaker traces_;
    std::uint64_t id_prefix_ = 0;
    std::atomic<std::uint64_t> id_counter_ = 0;
    std::atomic<std::int64_t> refused_at_s_ = 0;
};

// Answers exactly once, whatever becomes of it: a handler that drops it has crashed.
class Router::State::Answer {
public:
    Answer(State& state, std::shared_ptr<Pending> pending, Completion done)
        : state_(state), pending_(std::move(pending)), done_(std::move(done)) {}
    Answer(Answer&& other) noexcept
        : state_(other.state_), pending_(std::move(other.pending_)), done_(std::exchange(other.done_, nullptr)) {}
    Answer& operator=(Answer&&) = delete;
    ~Answer() {
        if (!done_) return;
        try {
            (*this)(ready(state_.crashed(*pending_, "the handler gave no answer")));
        } catch (...) {
            state_.log_crash({}, "an answer could not be made");
        }
    }

    void operator()(MakeResponse make) {
        if (!done_) return;
        std::exchange(done_, nullptr)([&state = state_, pending = std::move(pending_),
                                       make = std::move(make)]() mutable { return state.make_answer(*pending, make); });
    }

private:
    State& state_;
    std::shared_ptr<Pending> pending_;
    Completion done_;
};

Pending Router::State::begin(Request& request) {
    const std::string_view sent = request.header("X-Request-Id");
    if (is_request_id(sent)) {
        request.request_id = sent;
    } else {
        request.request_id.clear();
        append_hex(request.request_id, id_prefix_);
        append_hex(request.request_id, id_counter_.fetch_add(1, std::memory_order_relaxed));
    }
    request.client_address = proxies_.client_address(request);
    request.trace = traces_.begin(callers_trace(request));
    return Pending{request, services_.clock.steady_now()};
}

std::variant<Response, Deferred> Router::State::handle(Request& request) {
    Pending pending = begin(request);
    const TracedScope scope(request.trace);
    try {
        return dispatch(pending);
    } catch (const std::exception& error) {
        return finish(pending, crashed(pending, error.what()));
    } catch (...) {
        return finish(pending, crashed(pending, "an exception of unknown type"));
    }
}

std::variant<Response, Deferred> Router::State::dispatch(Pending& pending) {
    Request& request = pending.request;
    if (request.method == Method::options && request.path == "*") return finish(pending, answer_options(pending));
    pending.match = table_.find(request.path);
    if (pending.match.endpoint != nullptr) {
        if (request.method == Method::options) return finish(pending, answer_options(pending));
        pending.row = pending.match.endpoint->find(request.method);
    }
    if (pending.row == nullptr) {
        if (!pending.match.is_api) return finish(pending, refuse_route(pending));
        pending.row = &no_route_;
    }
    const Route& route = pending.row->route;
    if (!options_.limits_inline && route.limit != LimitClass::none) return defer(pending, true);
    const std::string_view token = bearer_token(request);
    CheckedToken checked;
    if (!token.empty() && (route.access != Access::anyone || route.limit == LimitClass::api)) {
        checked = services_.auth.check_access_now(token);
        if (!checked && route.access != Access::anyone) {
            if (!options_.store_reads_inline || route.runs == Runs::as_hashing) return defer(pending, true);
            checked = services_.auth.check_access(token);
        }
    }
    if (std::optional<Response> refusal = refuse_caller(pending, std::move(checked)))
        return finish(pending, std::move(*refusal));
    return run(pending);
}

std::variant<Response, Deferred> Router::State::run(Pending& pending) {
    const Route& route = pending.row->route;
    if (pending.row == &no_route_) return finish(pending, refuse_route(pending));
    if (route.completing != nullptr || !runs_here(route)) return defer(pending, false);
    const Exchange exchange{pending.request, pending.match.params, pending.caller};
    return finish(pending, route.handler(services_, exchange));
}

bool Router::State::runs_here(const Route& route) const {
    return route.runs == Runs::on_io_thread || (route.runs == Runs::as_store_read && options_.store_reads_inline);
}

Deferred Router::State::defer(Pending& pending, bool token_unchecked) {
    const Route& route = pending.row->route;
    Runs runs = route.runs;
    if (runs_here(route)) runs = token_unchecked ? Runs::as_store_read : Runs::on_io_thread;
    const auto kept = std::make_shared<Pending>(std::move(pending));
    Deferred deferred;
    deferred.runs = runs;
    deferred.work = [this, kept, token_unchecked](Completion done) { work(kept, token_unchecked, std::move(done)); };
    deferred.refuse = [this, kept](const Error& error) { return finish(*kept, problem(kept->request, error)); };
    return deferred;
}

void Router::State::work(const std::shared_ptr<Pending>& pending, bool token_unchecked, Completion done) {
    // The request may be gone once it is answered, so the log's copy is made before.
    const std::string request_id = pending->request.request_id;
    const TracedScope scope(pending->request.trace);
    Answer answer(*this, pending, std::move(done));
    try {
        if (token_unchecked) {
            const std::string_view sent = bearer_token(pending->request);
            CheckedToken token;
            if (!sent.empty()) token = services_.auth.check_access(sent);
            if (std::optional<Response> refusal = refuse_caller(*pending, std::move(token)))
                return answer(ready(std::move(*refusal)));
        }
        if (pending->row == &no_route_) return answer(ready(refuse_route(*pending)));
        const Route& route = pending->row->route;
        const Exchange exchange{pending->request, pending->match.params, pending->caller};
        if (route.completing != nullptr) return route.completing(services_, exchange, std::move(answer));
        answer(ready(route.handler(services_, exchange)));
    } catch (const std::exception& error) {
        log_crash(request_id, error.what());
    } catch (...) {
        log_crash(request_id, "an exception of unknown type");
    }
}

Response Router::State::make_answer(const Pending& pending, MakeResponse& make) {
    const TracedScope scope(pending.request.trace);
    try {
        return finish(pending, make());
    } catch (const std::exception& error) {
        return finish(pending, crashed(pending, error.what()));
    } catch (...) {
        return finish(pending, crashed(pending, "an exception of unknown type"));
    }
}

Response Router::State::refuse_route(const Pending& pending) {
    if (pending.match.endpoint == nullptr)
        return problem(pending.request, ProtocolError::not_found, "There is nothing at this path.");
    Response response = problem(pending.request, ProtocolError::method_not_allowed,
                                "This path does not know the method of the request.");
    return std::move(response.with("Allow", pending.match.endpoint->allow()));
}

Response Router::State::answer_options(const Pending& pending) {
    Response response;
    response.status = 204;
    response.content_type.clear();
    if (pending.match.endpoint == nullptr)
        return std::move(response.with("Allow", "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"));
    const std::string allow = pending.match.endpoint->allow();
    const Request& request = pending.request;
    const auto& origins = services_.edge.cors_origins;
    const bool known = std::ranges::find(origins, request.header("Origin")) != origins.end();
    if (known && !request.header("Access-Control-Request-Method").empty()) add_preflight_headers(response, allow);
    return std::move(response.with("Allow", allow));
}

// Counts the request for its caller, then says who may not go on.
std::optional<Response> Router::State::refuse_caller(Pending& pending, CheckedToken token) {
    const Route& route = pending.row->route;
    const Request& request = pending.request;
    const bool known = token && token->has_value();
    if (std::optional<Response> refusal = refuse_rate(pending, known ? &**token : nullptr)) return refusal;
    if (route.access != Access::anyone) {
        if (!token) return problem(request, ProtocolError::token_missing, "This route needs an access token.");
        if (!*token) return problem(request, token->error());
        pending.caller = **std::move(token);
        if (route.access == Access::admin && !pending.caller.is_admin())
            return problem(request, Error{ErrorCode::forbidden, "This route is for administrators."});
    }
    if (carries_body(request.method) && !request.body.empty() && pending.row != &no_route_) {
        if (!is_json_type(request.header("Content-Type")))
            return problem(request, ProtocolError::unsupported_media_type,
                           "The body must be application/json in UTF-8.");
        if (is_encoded(request))
            return std::move(problem(request, ProtocolError::unsupported_media_type, "The body must not be compressed.")
                                 .with("Accept-Encoding", "identity"));
    }
    return std::nullopt;
}

std::optional<Response> Router::State::refuse_rate(Pending& pending, const Caller* caller) {
    const LimitClass limited = pending.row->route.limit;
    if (limited == LimitClass::none) return std::nullopt;
    const EdgeOptions& edge = services_.edge;
    const std::string key = caller != nullptr ? "api:user:" + caller->user_id.text
                                              : "api:addr:" + network_of(pending.request.client_address);
    if (std::optional<Response> refusal = take(pending, {"api", edge.api_limit, {}}, key, 1)) return refusal;
    if (limited == LimitClass::api) return std::nullopt;
    // Nothing is taken here: the handler charges what fails.
    return take(pending, {"auth", edge.auth_address_limit, {}},
                "auth:addr:" + network_of(pending.request.client_address), 0);
}

// The answer will tell what is left; the refusal where nothing is.
std::optional<Response> Router::State::take(Pending& pending, RateStamp stamp, const std::string& key,
                                            std::int64_t cost) {
    if (!stamp.limit.enabled()) return std::nullopt;
    Admission& admission = stamp.admission;
    admission = services_.limiter.admit(key, stamp.limit, cost);
    if (cost == 0) admission.admitted = admission.admitted && admission.remaining > 0;
    pending.rate = stamp;
    if (admission.admitted) return std::nullopt;
    const Milliseconds refill = std::max(stamp.limit.period / stamp.limit.burst, Milliseconds{1});
    const Milliseconds wait = admission.retry_after.count() > 0 ? admission.retry_after : refill;
    const std::string seconds = std::to_string(to_seconds_up(wait));
    Response response =
        problem(pending.request, Error{ErrorCode::rate_limited, "Too many requests; try again in " + seconds + " s."});
    return std::move(response.with("Retry-After", seconds));
}

Response Router::State::finish(const Pending& pending, Response response) {
    const Request& request = pending.request;
    add_common_headers(response, request, services_.clock.now());
    if (pending.rate) add_rate_headers(response, *pending.rate);
    add_cors_headers(response, request.header("Origin"), services_.edge.cors_origins);
    const double seconds = std::chrono::duration<double>(services_.clock.steady_now() - pending.started).count();
    meter_.count(pending.row == nullptr ? 0 : pending.row->meter, response.status, seconds);
    if (!response.problem_code.empty()) meter_.count_problem(response.problem_code);
    log_answer(pending, response, seconds);
    return response;
}

// A flood of refusals must not become one of lines: the first of each second stands for all.
bool Router::State::is_first_refusal() {
    const std::int64_t now_s = to_unix_ms(services_.clock.now()) / 1'000;
    return refused_at_s_.exchange(now_s) != now_s;
}

void Router::State::log_answer(const Pending& pending, const Response& response, double seconds) {
    const LogLevel level = response.status == 503 && !is_first_refusal() ? LogLevel::debug : level_of(response.status);
    if (!services_.log.enabled(level)) return;
    const Request& request = pending.request;
    const TracedScope scope(request.trace);
    services_.log.write(level, "request",
                        {{"method", std::string(to_text(request.method))},
                         {"path", std::string(request.path)},
                         {"status", std::to_string(response.status)},
                         {"seconds", std::to_string(seconds)},
                         {"requestId", request.request_id},
                         {"address", request.client_address}});
}

Response Router::State::crashed(const Pending& pending, std::string_view what) {
    const TracedScope scope(pending.request.trace);
    log_crash(pending.request.request_id, what);
    return problem(pending.request, Error{ErrorCode::internal, {}});
}

void Router::State::log_crash(std::string_view request_id, std::string_view what) {
    services_.log.write(LogLevel::error, "request-crashed",
                        {{"requestId", std::string(request_id)}, {"what", std::string(what)}});
}

Router::Router(Options options, const Services& services, std::span<const std::span<const Route>> api,
               std::span<const Route> root)
    : state_(std::make_unique<State>(options, services, api, root)) {}

Router::~Router() = default;

std::variant<Response, Deferred> Router::handle(Request& request) { return state_->handle(request); }

Response Router::refuse(Request& request, ProtocolError error, std::string_view detail) {
    const Pending pending = state_->begin(request);
    Response response = state_->finish(pending, problem(request, error, detail));
    response.close = true;
    return response;
}

Response Router::refuse(Request& request, const Error& error) {
    const Pending pending = state_->begin(request);
    Response response = state_->finish(pending, problem(request, error));
    response.close = true;
    return response;
}

}  // namespace waybill::http

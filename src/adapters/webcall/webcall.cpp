#include "adapters/webcall/webcall.hpp"

#include <curl/curl.h>
#include <openssl/hmac.h>

#include <algorithm>
#include <array>
#include <iterator>
#include <mutex>
#include <span>
#include <stdexcept>
#include <stop_token>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "adapters/webcall/order_json.hpp"
#include "domain/hex.hpp"
#include "ports/thread_name.hpp"

namespace waybill::webcall {

namespace {

constexpr std::size_t secret_octets_min = 16;

// Only bounds how long the thread sleeps when nothing happens; new calls wake it.
constexpr int idle_poll_ms = 1'000;

struct EasyDeleter {
    void operator()(CURL* handle) const { curl_easy_cleanup(handle); }
};
struct MultiDeleter {
    void operator()(CURLM* handle) const { curl_multi_cleanup(handle); }
};
struct ListDeleter {
    void operator()(curl_slist* list) const { curl_slist_free_all(list); }
};
using Easy = std::unique_ptr<CURL, EasyDeleter>;
using Multi = std::unique_ptr<CURLM, MultiDeleter>;
using HeaderList = std::unique_ptr<curl_slist, ListDeleter>;

std::string hmac_sha256_hex(std::string_view key, std::string_view message) {
    std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
    unsigned int size = 0;
    const auto* data = reinterpret_cast<const unsigned char*>(message.data());
    if (HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()), data, message.size(), digest.data(), &size) ==
        nullptr) {
        throw std::runtime_error("HMAC failed");
    }
    return to_hex(std::span(digest).first(size));
}

// One call and all that libcurl points into while it runs.
struct Call {
    std::string order_id;
    TraceContext trace;
    std::string body;
    std::vector<std::string> headers;
    Fulfilment::Done done;
    HeaderList header_list{};
    Easy easy{};
    std::string response{};
    std::size_t response_max = 0;
    bool response_cut = false;
};

std::size_t keep_response(char* bytes, std::size_t /*one*/, std::size_t count, void* target) {
    Call& call = *static_cast<Call*>(target);
    if (count > call.response_max - call.response.size()) {
        call.response_cut = true;
        return 0;  // ends the transfer; the status has been read
    }
    call.response.append(bytes, count);
    return count;
}

HeaderList make_header_list(const std::vector<std::string>& headers) {
    HeaderList list;
    for (const std::string& header : headers) {
        curl_slist* longer = curl_slist_append(list.get(), header.c_str());
        if (longer == nullptr) throw std::bad_alloc();
        static_cast<void>(list.release());
        list.reset(longer);
    }
    return list;
}

template <class Value>
void set_option(CURL* easy, CURLoption option, Value value) {
    const CURLcode code = curl_easy_setopt(easy, option, value);
    if (code != CURLE_OK) throw std::runtime_error(curl_easy_strerror(code));
}

// What every connection has, whatever it is for.
Easy make_handle(const WebcallOptions& options) {
    Easy handle(curl_easy_init());
    if (!handle) throw std::bad_alloc();
    CURL* easy = handle.get();
    set_option(easy, CURLOPT_URL, options.url.c_str());
    set_option(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    set_option(easy, CURLOPT_FOLLOWLOCATION, 0L);
    set_option(easy, CURLOPT_NOSIGNAL, 1L);
    // What `waybill config` does not show must not redirect a signed call.
    set_option(easy, CURLOPT_PROXY, "");
    set_option(easy, CURLOPT_TIMEOUT_MS, static_cast<long>(options.timeout.count()));
    set_option(easy, CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(options.timeout.count()));
    return handle;
}

void prepare(Call& call, const WebcallOptions& options) {
    call.easy = make_handle(options);
    call.header_list = make_header_list(call.headers);
    call.response_max = options.response_bytes_max;
    CURL* easy = call.easy.get();
    set_option(easy, CURLOPT_POST, 1L);
    set_option(easy, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(call.body.size()));
    set_option(easy, CURLOPT_POSTFIELDS, call.body.c_str());
    set_option(easy, CURLOPT_HTTPHEADER, call.header_list.get());
    set_option(easy, CURLOPT_WRITEFUNCTION, &keep_response);
    set_option(easy, CURLOPT_WRITEDATA, static_cast<void*>(&call));
}

FulfilmentResult no_answer(std::string reason) { return {FulfilmentOutcome::no_answer, std::move(reason)}; }

FulfilmentResult read_answer(const Call& call, CURLcode code) {
    if (code != CURLE_OK && !call.response_cut) {
        return no_answer(std::string("The fulfilment service gave no answer: ") + curl_easy_strerror(code) + ".");
    }
    long status = 0;
    curl_easy_getinfo(call.easy.get(), CURLINFO_RESPONSE_CODE, &status);
    if (status >= 200 && status < 300) return {FulfilmentOutcome::accepted, {}};
    if (status == 422 && !call.response_cut) {
        std::string reason = read_reason(call.response);
        if (!reason.empty()) return {FulfilmentOutcome::refused, std::move(reason)};
    }
    return no_answer("The fulfilment service answered " + std::to_string(status) +
                     (status == 422 ? " without a usable reason." : "."));
}

void check(const WebcallOptions& options) {
    if (options.secret.size() < secret_octets_min) {
        throw std::invalid_argument("the fulfilment secret needs at least 16 octets");
    }
    if (!options.url.starts_with("http://") && !options.url.starts_with("https://")) {
        throw std::invalid_argument("the fulfilment url must start with http:// or https://");
    }
}

void start_libcurl() {
    static const CURLcode started = curl_global_init(CURL_GLOBAL_DEFAULT);
    if (started != CURLE_OK) throw std::runtime_error(curl_easy_strerror(started));
}

// One thread drives all calls.
class WebcallFulfilment final : public Fulfilment {
public:
    WebcallFulfilment(const WebcallOptions& options, Clock& clock, Log& log)
        : options_(options),
          in_flight_max_(std::max<std::size_t>(options.in_flight_max, 1)),
          clock_(clock),
          log_(log),
          multi_(curl_multi_init()) {
        if (!multi_) throw std::bad_alloc();
        running_.reserve(in_flight_max_);
        curl_multi_setopt(multi_.get(), CURLMOPT_MAXCONNECTS, static_cast<long>(in_flight_max_));
        thread_ = std::jthread([this](const std::stop_token& stop) {
            name_thread("fulfilment");
            run(stop);
        });
    }

    ~WebcallFulfilment() override {
        thread_.request_stop();
        curl_multi_wakeup(multi_.get());
        thread_.join();
    }

    void fulfil(const Order& order, Done done) override {
        try {
            auto call = std::make_unique<Call>(make_call(order));
            const std::lock_guard lock(mutex_);
            if (in_flight_ < in_flight_max_) {
                waiting_.reserve(waiting_.size() + 1);
                call->done = std::move(done);
                waiting_.push_back(std::move(call));
                ++in_flight_;
                curl_multi_wakeup(multi_.get());
                return;
            }
        } catch (const std::exception&) {
            done(no_answer("The call of the fulfilment service could not be made."));
            return;
        }
        done(no_answer("Too many calls of the fulfilment service are under way."));
    }

    std::size_t in_flight_max() const override { return in_flight_max_; }

private:
    Call make_call(const Order& order) {
        Call call{order.id.text, order.trace, order_json(order, options_.currency), {}, {}};
        const auto seconds = std::chrono::floor<std::chrono::seconds>(clock_.now());
        const std::string timestamp = std::to_string(seconds.time_since_epoch().count());
        const std::string signature = hmac_sha256_hex(options_.secret, timestamp + "." + call.body);
        call.headers = {"Content-Type: application/json",
                        "Accept: application/json",
                        "User-Agent: waybill",
                        "Expect:",  // no round trip before the body
                        "Idempotency-Key: " + order.id.text,
                        "Waybill-Timestamp: " + timestamp,
                        "Waybill-Signature: v1=" + signature};
        if (order.trace.is_set()) call.headers.push_back("traceparent: " + to_traceparent(next_step_of(order.trace)));
        return call;
    }

    // The call is a step of its own; what the service does follows from it.
    TraceContext next_step_of(TraceContext trace) {
        clock_.fill_random(trace.span_id);
        return trace;
    }

    void run(const std::stop_token& stop) {
        while (!stop.stop_requested()) {
            start_waiting();
            int running = 0;
            curl_multi_perform(multi_.get(), &running);
            finish_ended();
            curl_multi_poll(multi_.get(), nullptr, 0, idle_poll_ms, nullptr);
        }
        abandon_all();
    }

    void start_waiting() {
        std::vector<std::unique_ptr<Call>> calls;
        {
            const std::lock_guard lock(mutex_);
            calls.swap(waiting_);
        }
        for (std::unique_ptr<Call>& call : calls) start(std::move(call));
    }

    void start(std::unique_ptr<Call> call) {
        try {
            prepare(*call, options_);
        } catch (const std::exception&) {
            return end(*call, no_answer("The call of the fulfilment service could not be made."));
        }
        if (curl_multi_add_handle(multi_.get(), call->easy.get()) != CURLM_OK) {
            return end(*call, no_answer("The call of the fulfilment service could not be made."));
        }
        running_.push_back(std::move(call));
    }

    void finish_ended() {
        int left = 0;
        while (const CURLMsg* message = curl_multi_info_read(multi_.get(), &left)) {
            if (message->msg != CURLMSG_DONE) continue;
            const CURLcode code = message->data.result;
            const std::unique_ptr<Call> call = take_running(message->easy_handle);
            if (!call) continue;
            curl_multi_remove_handle(multi_.get(), call->easy.get());
            FulfilmentResult result = read_answer(*call, code);
            note(*call, result);
            end(*call, std::move(result));
        }
    }

    std::unique_ptr<Call> take_running(const CURL* easy) {
        const auto found = std::ranges::find_if(running_, [&](const auto& call) { return call->easy.get() == easy; });
        if (found == running_.end()) return nullptr;
        std::unique_ptr<Call> call = std::move(*found);
        running_.erase(found);
        return call;
    }

    void abandon_all() {
        for (const std::unique_ptr<Call>& call : running_) curl_multi_remove_handle(multi_.get(), call->easy.get());
        std::vector<std::unique_ptr<Call>> calls = std::move(running_);
        {
            const std::lock_guard lock(mutex_);
            std::ranges::move(waiting_, std::back_inserter(calls));
            waiting_.clear();
        }
        for (const std::unique_ptr<Call>& call : calls) {
            end(*call, no_answer("The call was ended because this process stops."));
        }
    }

    void end(Call& call, FulfilmentResult result) {
        {
            const std::lock_guard lock(mutex_);
            --in_flight_;
        }
        call.done(std::move(result));
    }

    // Once for each outage; the address may hold credentials and is never named.
    void note(const Call& call, const FulfilmentResult& result) {
        const bool away = result.outcome == FulfilmentOutcome::no_answer;
        if (std::exchange(away_, away) == away) return;
        const TracedScope scope(call.trace);
        if (away) {
            log_.write(LogLevel::warn, "fulfilment-away", {{"order", call.order_id}, {"error", result.reason}});
        } else {
            log_.write(LogLevel::info, "fulfilment-back", {{"order", call.order_id}});
        }
    }

    const WebcallOptions options_;
    const std::size_t in_flight_max_;
    Clock& clock_;
    Log& log_;
    Multi multi_;
    std::mutex mutex_;
    std::size_t in_flight_ = 0;
    std::vector<std::unique_ptr<Call>> waiting_;
    // Of the thread only.
    std::vector<std::unique_ptr<Call>> running_;
    bool away_ = false;
    std::jthread thread_;
};

}  // namespace

std::unique_ptr<Fulfilment> make_webcall_fulfilment(const WebcallOptions& options, Clock& clock, Log& log) {
    check(options);
    start_libcurl();
    return std::make_unique<WebcallFulfilment>(options, clock, log);
}

Result<void> check_webcall(const WebcallOptions& options) {
    check(options);
    start_libcurl();
    const Easy handle = make_handle(options);
    std::array<char, CURL_ERROR_SIZE> problem{};
    set_option(handle.get(), CURLOPT_ERRORBUFFER, problem.data());
    set_option(handle.get(), CURLOPT_CONNECT_ONLY, 1L);
    const CURLcode code = curl_easy_perform(handle.get());
    if (code == CURLE_OK) return {};
    const std::string why = problem[0] != '\0' ? problem.data() : curl_easy_strerror(code);
    return fail(ErrorCode::unavailable,
                "your fulfilment service cannot be reached (" + why + "); start it, or correct --fulfilment-url.");
}

}  // namespace waybill::webcall

#include "adapters/aws/http_client.hpp"

#include <algorithm>
#include <optional>
#include <stdexcept>
#include <string_view>
#include <utility>

namespace waybill::aws {

namespace {

constexpr std::size_t header_count_max = 100;

struct ListDeleter {
    void operator()(curl_slist* list) const { curl_slist_free_all(list); }
};
using HeaderList = std::unique_ptr<curl_slist, ListDeleter>;

void append(HeaderList& list, const std::string& line) {
    curl_slist* longer = curl_slist_append(list.get(), line.c_str());
    if (longer == nullptr) throw std::bad_alloc();
    static_cast<void>(list.release());
    list.reset(longer);
}

// What the callbacks of one transfer write.
struct Transfer {
    HttpResponse response;
    std::size_t body_max = 0;
    bool too_long = false;
    std::stop_token stop;
};

std::size_t keep_body(char* bytes, std::size_t /*one*/, std::size_t count, void* target) {
    Transfer& transfer = *static_cast<Transfer*>(target);
    if (count > transfer.body_max - transfer.response.body.size()) {
        transfer.too_long = true;
        return 0;
    }
    transfer.response.body.append(bytes, count);
    return count;
}

std::string_view trimmed(std::string_view text) {
    const std::size_t begin = text.find_first_not_of(" \t\r\n");
    if (begin == std::string_view::npos) return {};
    return text.substr(begin, text.find_last_not_of(" \t\r\n") - begin + 1);
}

std::size_t keep_header(char* bytes, std::size_t /*one*/, std::size_t count, void* target) {
    Transfer& transfer = *static_cast<Transfer*>(target);
    const std::string_view line(bytes, count);
    if (line.starts_with("HTTP/")) transfer.response.headers.clear();  // an interim answer came before
    const std::size_t colon = line.find(':');
    if (colon == std::string_view::npos || transfer.response.headers.size() >= header_count_max) return count;
    std::string name(line.substr(0, colon));
    std::ranges::transform(name, name.begin(),
                           [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
    transfer.response.headers.emplace_back(std::move(name), trimmed(line.substr(colon + 1)));
    return count;
}

int look_at_stop(void* target, curl_off_t /*down*/, curl_off_t /*downed*/, curl_off_t /*up*/, curl_off_t /*upped*/) {
    return static_cast<const Transfer*>(target)->stop.stop_requested() ? 1 : 0;
}

template <class Value>
void set_option(CURL* easy, CURLoption option, Value value) {
    const CURLcode code = curl_easy_setopt(easy, option, value);
    if (code != CURLE_OK) throw std::runtime_error(curl_easy_strerror(code));
}

HeaderList header_list(const HttpRequest& request) {
    HeaderList list;
    append(list, "Host: " + request.endpoint.authority);
    append(list, "User-Agent: waybill");
    append(list, "Expect:");  // no round trip before the body
    for (const auto& [name, value] : request.headers) {
        std::string line = name;
        append(list, line.append(": ").append(value));
    }
    return list;
}

void set_safety(CURL* easy, const std::string& scheme) {
    set_option(easy, CURLOPT_PROTOCOLS_STR, scheme.c_str());
    set_option(easy, CURLOPT_FOLLOWLOCATION, 0L);
    set_option(easy, CURLOPT_SSL_VERIFYPEER, 1L);
    set_option(easy, CURLOPT_SSL_VERIFYHOST, 2L);
    set_option(easy, CURLOPT_NOSIGNAL, 1L);
    // What `waybill config` does not show must not redirect a signed call.
    set_option(easy, CURLOPT_PROXY, "");
    set_option(easy, CURLOPT_PATH_AS_IS, 1L);
}

void prepare(CURL* easy, const HttpRequest& request, const HeaderList& headers, Transfer& transfer) {
    set_safety(easy, request.endpoint.scheme);
    const std::string url = request.endpoint.scheme + "://" + request.endpoint.authority + request.target;
    set_option(easy, CURLOPT_URL, url.c_str());
    set_option(easy, CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(request.connect_timeout.count()));
    set_option(easy, CURLOPT_TIMEOUT_MS, static_cast<long>(request.timeout.count()));
    if (request.method == "GET") {
        set_option(easy, CURLOPT_HTTPGET, 1L);
    } else {
        set_option(easy, CURLOPT_CUSTOMREQUEST, request.method.c_str());
        set_option(easy, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request.body.size()));
        set_option(easy, CURLOPT_POSTFIELDS, request.body.data());
    }
    set_option(easy, CURLOPT_HTTPHEADER, headers.get());
    set_option(easy, CURLOPT_WRITEFUNCTION, &keep_body);
    set_option(easy, CURLOPT_WRITEDATA, static_cast<void*>(&transfer));
    set_option(easy, CURLOPT_HEADERFUNCTION, &keep_header);
    set_option(easy, CURLOPT_HEADERDATA, static_cast<void*>(&transfer));
    set_option(easy, CURLOPT_XFERINFOFUNCTION, &look_at_stop);
    set_option(easy, CURLOPT_XFERINFODATA, static_cast<void*>(&transfer));
    set_option(easy, CURLOPT_NOPROGRESS, 0L);
}

void start_libcurl() {
    static const CURLcode started = curl_global_init(CURL_GLOBAL_DEFAULT);
    if (started != CURLE_OK) throw std::runtime_error(curl_easy_strerror(started));
}

std::string_view without_port(std::string_view authority) {
    if (authority.starts_with('[')) return authority.substr(0, authority.find(']') + 1);
    return authority.substr(0, authority.find(':'));
}

bool is_authority_char(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '-' ||
           c == '_' || c == ':' || c == '[' || c == ']';
}

}  // namespace

std::string Endpoint::host() const { return std::string(without_port(authority)); }

std::optional<Endpoint> parse_endpoint(std::string_view url) {
    for (const std::string_view scheme : {"https", "http"}) {
        const std::string prefix = std::string(scheme) + "://";
        if (!url.starts_with(prefix)) continue;
        const std::string_view rest = url.substr(prefix.size());
        const std::string_view authority = rest.substr(0, rest.find_first_of("/?#"));
        if (without_port(authority).empty() || !std::ranges::all_of(authority, is_authority_char)) return std::nullopt;
        return Endpoint{std::string(scheme), std::string(authority)};
    }
    return std::nullopt;
}

std::string HttpResponse::header(std::string_view name) const {
    for (const auto& [key, value] : headers) {
        if (key == name) return value;
    }
    return {};
}

HttpClient::HttpClient(std::size_t idle_connections_max, std::size_t response_bytes_max, std::string ca_file)
    : idle_max_(idle_connections_max), response_bytes_max_(response_bytes_max), ca_file_(std::move(ca_file)) {
    start_libcurl();
}

HttpClient::Easy HttpClient::take_idle() {
    {
        const std::lock_guard lock(mutex_);
        if (!idle_.empty()) {
            Easy easy = std::move(idle_.back());
            idle_.pop_back();
            return easy;
        }
    }
    Easy easy(curl_easy_init());
    if (!easy) throw std::bad_alloc();
    return easy;
}

void HttpClient::keep_idle(Easy easy) {
    curl_easy_reset(easy.get());  // the connection stays
    const std::lock_guard lock(mutex_);
    if (idle_.size() < idle_max_) idle_.push_back(std::move(easy));
}

Result<HttpResponse> HttpClient::call(const HttpRequest& request, const std::stop_token& stop) {
    Transfer transfer{{}, response_bytes_max_, false, stop};
    const HeaderList headers = header_list(request);
    Easy easy = take_idle();
    prepare(easy.get(), request, headers, transfer);
    if (!ca_file_.empty()) set_option(easy.get(), CURLOPT_CAINFO, ca_file_.c_str());
    const CURLcode code = curl_easy_perform(easy.get());
    if (code != CURLE_OK) {
        // The handle goes: a connection in an unknown state is not used again.
        const std::string cause = transfer.too_long       ? "the answer is too long"
                                  : stop.stop_requested() ? "this process stops"
                                                          : curl_easy_strerror(code);
        long sent = 0;
        curl_easy_getinfo(easy.get(), CURLINFO_REQUEST_SIZE, &sent);
        return fail(sent > 0 ? ErrorCode::outcome_unknown : ErrorCode::unavailable,
                    request.endpoint.authority + " gave no answer: " + cause + ".");
    }
    curl_easy_getinfo(easy.get(), CURLINFO_RESPONSE_CODE, &transfer.response.status);
    keep_idle(std::move(easy));
    return std::move(transfer.response);
}

}  // namespace waybill::aws

// Blocking HTTP(S) over libcurl: connections are kept between calls, certificates and host names are
// verified, nothing is redirected, and no setting comes from the process environment.
#pragma once

#include <curl/curl.h>

#include <memory>
#include <mutex>
#include <stop_token>
#include <string>
#include <vector>

#include "adapters/aws/sigv4.hpp"
#include "domain/error.hpp"

namespace waybill::aws {

// scheme://host[:port], without path, query or user.
struct Endpoint {
    std::string scheme;
    std::string authority;  // host[:port], as the Host header says it
    [[nodiscard]] std::string host() const;
};

// Empty when `url` is not http(s)://host[:port][/path].
[[nodiscard]] std::optional<Endpoint> parse_endpoint(std::string_view url);

struct HttpRequest {
    Endpoint endpoint;
    std::string method;
    std::string target;  // path and query, as on the wire
    Headers headers;     // host is added
    std::string body;
    Milliseconds connect_timeout{};
    Milliseconds timeout{};
};

struct HttpResponse {
    long status = 0;
    Headers headers;  // names in small letters
    std::string body;
    [[nodiscard]] std::string header(std::string_view name) const;
};

// Thread-safe; each call uses a handle of its own. Errors, with one sentence that names host and
// cause: unavailable (nothing was sent) and outcome_unknown (the answer was lost, was longer than
// `response_bytes_max`, or `stop` was requested). A kept connection that is closed before its answer
// begins is replaced and the request sent again, once: at most one copy for each connection cut.
class HttpClient {
public:
    HttpClient(std::size_t idle_connections_max, std::size_t response_bytes_max, std::string ca_file = {});
    [[nodiscard]] Result<HttpResponse> call(const HttpRequest& request, const std::stop_token& stop = {});

private:
    struct EasyDeleter {
        void operator()(CURL* handle) const { curl_easy_cleanup(handle); }
    };
    using Easy = std::unique_ptr<CURL, EasyDeleter>;

    [[nodiscard]] Easy take_idle();
    void keep_idle(Easy easy);

    const std::size_t idle_max_;
    const std::size_t response_bytes_max_;
    const std::string ca_file_;
    std::mutex mutex_;
    std::vector<Easy> idle_;
};

}  // namespace waybill::aws

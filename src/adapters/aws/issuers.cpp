#include "adapters/aws/issuers.hpp"

#include <algorithm>
#include <array>
#include <fstream>
#include <stdexcept>
#include <utility>

#include "adapters/aws/http_client.hpp"
#include "adapters/aws/json.hpp"
#include "adapters/aws/service_client.hpp"

namespace waybill::aws {

namespace {

constexpr Milliseconds connect_timeout{2'000};
constexpr Milliseconds timeout{5'000};
constexpr std::size_t answer_bytes_max = 64u << 10;
constexpr std::size_t token_file_bytes_max = 64u << 10;

std::unexpected<Error> none(std::string why) { return fail(ErrorCode::unavailable, std::move(why)); }

std::shared_ptr<HttpClient> make_http(const std::string& ca_file) {
    return std::make_shared<HttpClient>(1, answer_bytes_max, ca_file);
}

// Empty when the file cannot be read, is empty, or holds what no header may hold.
std::string read_token(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    std::string text(token_file_bytes_max, '\0');
    file.read(text.data(), static_cast<std::streamsize>(text.size()));
    text.resize(static_cast<std::size_t>(file.gcount()));
    while (!text.empty() && (text.back() == '\n' || text.back() == '\r')) text.pop_back();
    const bool clean = std::ranges::all_of(text, [](char c) { return c >= ' ' && c != '\x7f'; });
    return clean ? text : std::string();
}

Result<IssuedCredentials> issued(Credentials credentials, const std::string& expiration, TimePoint now,
                                 const std::string& who) {
    const std::optional<TimePoint> ends = parse_time(expiration);
    if (credentials.key_id.empty() || credentials.secret.empty() || credentials.token.empty() || !ends) {
        return none(who + " answered without usable credentials.");
    }
    return IssuedCredentials{std::move(credentials), *ends - now};
}

// The issuer's own time tells how long what it issued will live, whatever this machine's clock says.
TimePoint time_of(const HttpResponse& response, Clock& clock) {
    return parse_http_date(response.header("date")).value_or(clock.now());
}

class ContainerIssue {
public:
    ContainerIssue(const CredentialOptions& options, const std::string& ca_file, Clock& clock)
        : clock_(&clock),
          token_(options.container_token),
          token_file_(options.container_token_file),
          http_(make_http(ca_file)) {
        const std::string url = options.container_full_uri.empty()
                                    ? "http://169.254.170.2" + options.container_relative_uri
                                    : options.container_full_uri;
        const std::optional<Endpoint> endpoint = parse_endpoint(url);
        if (!endpoint || !may_be_asked(*endpoint)) {
            throw std::invalid_argument("the container credentials address must be https, loopback or link-local");
        }
        request_ = {*endpoint, "GET", url.substr(endpoint->scheme.size() + 3 + endpoint->authority.size()),
                    {},        {},    connect_timeout,
                    timeout};
        if (request_.target.empty()) request_.target = "/";
    }

    Result<IssuedCredentials> operator()() const {
        HttpRequest request = request_;
        const std::string token = token_file_.empty() ? token_ : read_token(token_file_);
        if (!token_file_.empty() && token.empty())
            return none("The container's authorization token file is not readable.");
        if (!token.empty()) request.headers.emplace_back("Authorization", token);
        const Result<HttpResponse> answer = http_->call(request);
        if (!answer) return fail(answer.error());
        if (answer->status != 200) {
            return none("The container credentials endpoint answered " + std::to_string(answer->status) + ".");
        }
        const auto object = parse_object(answer->body).value_or(boost::json::object{});
        return issued(
            {string_at(object, "AccessKeyId"), string_at(object, "SecretAccessKey"), string_at(object, "Token")},
            string_at(object, "Expiration"), time_of(*answer, *clock_), "The container credentials endpoint");
    }

private:
    // As the AWS SDKs: nothing else may be sent the token in clear.
    static bool may_be_asked(const Endpoint& endpoint) {
        static constexpr std::array<std::string_view, 6> known = {"169.254.170.2", "169.254.170.23", "[fd00:ec2::23]",
                                                                  "127.0.0.1",     "localhost",      "[::1]"};
        return endpoint.scheme == "https" || std::ranges::find(known, endpoint.host()) != known.end();
    }

    Clock* clock_;
    std::string token_;
    std::string token_file_;
    HttpRequest request_;
    std::shared_ptr<HttpClient> http_;
};

// The text of the first <name> element; the answers of STS hold no entities where we look.
std::string element(std::string_view xml, const std::string& name) {
    const std::size_t begin = xml.find("<" + name + ">");
    if (begin == std::string_view::npos) return {};
    const std::size_t text = begin + name.size() + 2;
    const std::size_t end = xml.find("</" + name + ">", text);
    return end == std::string_view::npos ? std::string() : std::string(xml.substr(text, end - text));
}

class WebIdentityIssue {
public:
    WebIdentityIssue(const CredentialOptions& options, const std::string& region, const std::string& ca_file,
                     Clock& clock)
        : clock_(&clock),
          role_arn_(options.role_arn),
          token_file_(options.web_identity_token_file),
          session_name_(options.role_session_name.empty() ? "waybill" : options.role_session_name),
          http_(make_http(ca_file)) {
        const std::optional<Endpoint> endpoint =
            parse_endpoint(options.sts_endpoint.empty() ? service_address("sts", region) : options.sts_endpoint);
        if (!endpoint) throw std::invalid_argument("AWS_ENDPOINT_URL_STS must be http(s)://host[:port]");
        request_ = {*endpoint, "POST",          "/",    {{"Content-Type", "application/x-www-form-urlencoded"}},
                    {},        connect_timeout, timeout};
    }

    Result<IssuedCredentials> operator()() const {
        const std::string token = read_token(token_file_);
        if (token.empty()) return none("The web identity token file is not readable.");
        HttpRequest request = request_;
        request.body = "Action=AssumeRoleWithWebIdentity&Version=2011-06-15&RoleArn=" + percent_encode(role_arn_) +
                       "&RoleSessionName=" + percent_encode(session_name_) +
                       "&WebIdentityToken=" + percent_encode(token);
        const Result<HttpResponse> answer = http_->call(request);
        if (!answer) return fail(answer.error());
        if (answer->status != 200) {
            return none("STS answered " + std::to_string(answer->status) + " " + error_code_of(*answer) + ".");
        }
        const std::string& xml = answer->body;
        return issued({element(xml, "AccessKeyId"), element(xml, "SecretAccessKey"), element(xml, "SessionToken")},
                      element(xml, "Expiration"), time_of(*answer, *clock_), "STS");
    }

private:
    Clock* clock_;
    std::string role_arn_;
    std::string token_file_;
    std::string session_name_;
    HttpRequest request_;
    std::shared_ptr<HttpClient> http_;
};

}  // namespace

Issue make_container_issue(const CredentialOptions& options, const std::string& ca_file, Clock& clock) {
    return ContainerIssue(options, ca_file, clock);
}

Issue make_web_identity_issue(const CredentialOptions& options, const std::string& region, const std::string& ca_file,
                              Clock& clock) {
    return WebIdentityIssue(options, region, ca_file, clock);
}

}  // namespace waybill::aws

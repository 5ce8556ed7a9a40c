#include "adapters/smtp/server_address.hpp"

#include <curl/curl.h>

#include <memory>
#include <new>
#include <stdexcept>

namespace waybill::smtp {

namespace {

constexpr const char* port_relay = "25";
constexpr const char* port_submission = "587";    // RFC 6409
constexpr const char* port_implicit_tls = "465";  // RFC 8314

struct UrlDeleter {
    void operator()(CURLU* url) const { curl_url_cleanup(url); }
};
using Url = std::unique_ptr<CURLU, UrlDeleter>;

[[noreturn]] void refuse(const char* what) { throw std::invalid_argument(std::string("the SMTP URL ") + what); }

// Empty when the part is not there.
std::string part_of(const Url& url, CURLUPart part, unsigned int flags = 0) {
    char* text = nullptr;
    const CURLUcode code = curl_url_get(url.get(), part, &text, flags);
    const std::unique_ptr<char, decltype(&curl_free)> owned(text, &curl_free);
    if (code == CURLUE_OK) return text;
    if (code == CURLUE_URLDECODE) refuse("holds a control character");
    if (code == CURLUE_OUT_OF_MEMORY) throw std::bad_alloc();
    return {};
}

}  // namespace

ServerAddress parse_server_address(const std::string& text) {
    const Url url(curl_url());
    if (!url) throw std::bad_alloc();
    if (curl_url_set(url.get(), CURLUPART_URL, text.c_str(), 0) != CURLUE_OK || text.find('\0') != std::string::npos) {
        refuse("is not of the form smtp://user:password@host:port; encode special characters as %XX");
    }
    const std::string scheme = part_of(url, CURLUPART_SCHEME);
    if (scheme != "smtp" && scheme != "smtps") refuse("must start with smtp:// or smtps://");
    const std::string path = part_of(url, CURLUPART_PATH);
    if ((!path.empty() && path != "/") || !part_of(url, CURLUPART_QUERY).empty() ||
        !part_of(url, CURLUPART_FRAGMENT).empty() || !part_of(url, CURLUPART_OPTIONS).empty()) {
        refuse("must end after the port");
    }
    ServerAddress address;
    address.implicit_tls = scheme == "smtps";
    address.host = part_of(url, CURLUPART_HOST);
    address.port = part_of(url, CURLUPART_PORT);
    address.user = part_of(url, CURLUPART_USER, CURLU_URLDECODE);
    address.password = part_of(url, CURLUPART_PASSWORD, CURLU_URLDECODE);
    if (address.host.empty()) refuse("names no host");
    if (address.user.empty() != address.password.empty()) refuse("must have both a user and a password, or none");
    if (address.port.empty()) {
        address.port = address.implicit_tls ? port_implicit_tls : address.has_login() ? port_submission : port_relay;
    }
    return address;
}

std::string curl_url_of(const ServerAddress& address, const std::string& helo_name) {
    return (address.implicit_tls ? "smtps://" : "smtp://") + address.name() + "/" + helo_name;
}

}  // namespace waybill::smtp

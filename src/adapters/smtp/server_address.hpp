// The address of a mail server and who logs in there, read from its URL.
#pragma once

#include <string>

#include "adapters/smtp/smtp.hpp"

namespace waybill::smtp {

struct ServerAddress {
    bool implicit_tls = false;
    std::string host;  // an IPv6 address in brackets
    std::string port;
    std::string user;  // empty: nobody logs in
    std::string password;

    [[nodiscard]] bool has_login() const { return !user.empty(); }
    // For people: host and port only.
    [[nodiscard]] std::string name() const { return host + ":" + port; }
};

// Throws std::invalid_argument that does not repeat the URL.
[[nodiscard]] ServerAddress parse_server_address(const std::string& url);

// What goes to libcurl: no credentials, and the name for EHLO as path.
[[nodiscard]] std::string curl_url_of(const ServerAddress& address, const std::string& helo_name);

}  // namespace waybill::smtp

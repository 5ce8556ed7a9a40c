// Mail over SMTP (RFC 5321), by libcurl: STARTTLS, implicit TLS, AUTH, connections kept for reuse.
//
// A mail counts as sent when the server has acknowledged its data. Refused for good are a recipient
// and content that the server answers 5xx to, and addresses that cannot stand in a command; all else,
// a refused sender or login too, is no answer, and is tried again.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "domain/error.hpp"
#include "ports/clock.hpp"
#include "ports/log.hpp"
#include "ports/mailer.hpp"

namespace waybill::smtp {

// Certificate and host name are verified wherever TLS is used.
enum class SmtpTls : std::uint8_t {
    automatic,      // required with credentials, else used where the server offers it
    required,       // STARTTLS or nothing
    opportunistic,  // used where offered; credentials too go over a plain connection
    never,          // plain, for a server of the same machine
};

struct SmtpOptions {
    // smtp://[user:password@]host[:port] (port 587 with a user, else 25), or smtps:// (TLS from the
    // first octet, port 465). User and password are percent-encoded.
    std::string url;
    SmtpTls tls = SmtpTls::automatic;  // of smtp://
    std::string ca_file;               // PEM; empty: the system's
    std::string helo_name;             // empty: the name of this machine
    Milliseconds connect_timeout{10'000};
    Milliseconds timeout{30'000};    // one mail from connecting to its acknowledgement
    Milliseconds idle_max{30'000};   // a connection that was idle for longer is not used again
    std::size_t in_flight_max = 16;  // mails handed over and not answered
    std::size_t connections_max = 4;
    double mails_per_second = 0;  // 0: as fast as the server takes them
    std::size_t mail_bytes_max = 1u << 20;
};

// Throws std::invalid_argument, in one sentence that does not repeat the URL, when an option cannot
// be used. Its threads have ended, and every mail is answered, when the mailer is destroyed.
[[nodiscard]] std::unique_ptr<Mailer> make_smtp_mailer(const SmtpOptions& options, Clock& clock, Log& log);

// For `waybill doctor`: connects, encrypts, logs in, and sends nothing. One sentence says what was
// seen. Errors (unavailable): what is wrong and what to do. Throws as make_smtp_mailer does.
[[nodiscard]] Result<std::string> check_smtp(const SmtpOptions& options);

}  // namespace waybill::smtp

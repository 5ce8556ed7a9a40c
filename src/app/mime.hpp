// The parts of internet mail that a message of ours needs: RFC 2045 bodies, RFC 2047 headers,
// RFC 5322 dates. Pure.
#pragma once

#include <string>
#include <string_view>

#include "domain/time.hpp"

namespace waybill::mime {

// Quoted-printable (RFC 2045, 6.7) of a text with LF line ends: lines of at most 76 characters, each
// ended by CRLF. A person can read it in the file, and no line is too long for SMTP.
void append_quoted_printable(std::string& out, std::string_view text);
[[nodiscard]] std::string encode_quoted_printable(std::string_view text);

// Valid UTF-8 without control characters: those become spaces, what is not UTF-8 becomes U+FFFD.
// With `keep_lines` LF and tabs stay.
[[nodiscard]] std::string clean_text(std::string_view text, bool keep_lines = false);

// "<name>: <text>" and CRLF. `text` is cleaned, so that it stays one header; where it is not short
// printable ASCII it becomes folded encoded words.
[[nodiscard]] std::string text_header(std::string_view name, std::string_view text);

// "<name>: <display name> <address>" and CRLF; the display name may be empty. The address must be
// a plain one.
[[nodiscard]] std::string address_header(std::string_view name, std::string_view display_name,
                                         std::string_view address);

// local@domain without spaces, control characters, brackets or commas, so that it cannot become
// another header, another recipient or an SMTP command.
[[nodiscard]] bool is_plain_address(std::string_view address);

// "Thu, 01 Jan 2026 00:00:00 +0000".
[[nodiscard]] std::string format_date(TimePoint time);

}  // namespace waybill::mime

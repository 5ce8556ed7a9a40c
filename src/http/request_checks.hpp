// Rules over a parsed head that decide where a request ends and whom it is for (RFC 9112, 3.2 and
// 6), and the parts of its target.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "http/message.hpp"

namespace waybill::http {

// Names compare without case.
[[nodiscard]] bool equal_names(std::string_view a, std::string_view b);

// Without the spaces and tabs at its ends (RFC 9110, 5.6.3).
[[nodiscard]] std::string_view trim_ows(std::string_view text);

// Of every field of that name, without empty ones (RFC 9110, 5.6.1); for lists whose members hold no comma.
[[nodiscard]] std::vector<std::string_view> list_members(const HeaderList& headers, std::string_view wanted);

// Empty when the head is sound, else one sentence: Host missing, repeated or odd; a Content-Length
// that is no single number without leading zeros; a Transfer-Encoding that is not `chunked` alone, or
// beside a length; a second Content-Type or Authorization.
[[nodiscard]] std::string_view find_head_fault(const HeaderList& headers, bool http_1_1);

enum class Expectation : std::uint8_t { none, go_on, unknown };

// What a client waits for before it sends its body (RFC 9110, 10.1.1); HTTP/1.0 clients wait for nothing.
[[nodiscard]] Expectation find_expectation(const HeaderList& headers, bool http_1_1);

// That the answer is the connection's last, whatever else Connection says (RFC 9112, 9.3).
[[nodiscard]] bool asks_to_close(const HeaderList& headers);

// What stands behind a chunk's size. False for control characters: some readers end the line at a
// lone line feed (RFC 9112, 7.1.1).
[[nodiscard]] bool is_chunk_extension(std::string_view text);

// Whether `unread`, which begins with a chunk's header, holds that line to its end, with a quote that
// the line does not close.
[[nodiscard]] bool leaves_quote_open(std::string_view unread);

struct TargetParts {
    std::string_view path;
    std::string_view query;
    std::string_view authority{};  // of the absolute form: it counts instead of Host
};

// Origin form or absolute form (RFC 9112, 3.2.1 and 3.2.2). The path is empty when the target is
// neither, or holds what RFC 3986 knows only encoded; `*` is a path of its own.
[[nodiscard]] TargetParts split_target(std::string_view target);

}  // namespace waybill::http

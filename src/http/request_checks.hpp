// Rules over a parsed head that decide where a request ends and whom it is for (RFC 9112, 3.2 and
// 6), and the parts of its target.
#pragma once

#include <string_view>

#include "http/message.hpp"

namespace waybill::http {

// Names compare without case.
[[nodiscard]] bool equal_names(std::string_view a, std::string_view b);

// Empty when the head is sound, else one sentence: Host missing, repeated or odd; a Content-Length
// that is no single number; a Transfer-Encoding that is not `chunked` alone, or beside a length.
[[nodiscard]] std::string_view find_head_fault(const HeaderList& headers, bool http_1_1);

struct TargetParts {
    std::string_view path;
    std::string_view query;
};

// Origin form, or absolute form without its authority (RFC 9112, 3.2.1 and 3.2.2). The path is
// empty when the target is neither; `*` is a path of its own.
[[nodiscard]] TargetParts split_target(std::string_view target);

}  // namespace waybill::http

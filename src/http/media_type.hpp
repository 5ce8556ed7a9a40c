// Says of a Content-Type whether it is JSON in UTF-8 (RFC 9110, 8.3; RFC 8259, 11).
#pragma once

#include <string_view>

namespace waybill::http {

// A charset must be UTF-8; other parameters have no meaning. False for what keeps to no grammar.
[[nodiscard]] bool is_json_type(std::string_view value);

}  // namespace waybill::http

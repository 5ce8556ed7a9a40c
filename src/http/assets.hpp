// Files that the binary carries: the API's document and the page that shows it. The build makes them
// from api/openapi.yaml, src/http/docs and third_party (cmake/embed.py). Never changing, so thread-safe.
#pragma once

#include <span>
#include <string_view>

namespace waybill::http {

struct Asset {
    std::string_view name;  // "openapi.json"
    std::string_view type;
    std::string_view bytes;
    std::string_view tag;  // an ETag (RFC 9110, 8.8.3), quotes included: derived from the bytes
};

[[nodiscard]] std::span<const Asset> all_assets();

// Throws std::logic_error when there is none of that name.
[[nodiscard]] const Asset& get_asset(std::string_view name);

}  // namespace waybill::http

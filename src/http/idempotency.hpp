// The Idempotency-Key of a request, and what makes two requests the same.
#pragma once

#include <expected>
#include <optional>
#include <string_view>

#include "domain/order_plan.hpp"
#include "http/message.hpp"

namespace waybill::http {

inline constexpr std::size_t idempotency_key_length_max = 255;

// SHA-256 over method, path without /api/v1 or /api, and raw body; each with its length before it,
// so that no two requests share their bytes.
[[nodiscard]] RequestHash hash_request(const Request& request);

// Empty without the header. The refusal is bad_header: not 1 to 255 visible ASCII characters, or
// more than one such header.
[[nodiscard]] std::expected<std::optional<IdempotencyKey>, Response> read_idempotency_key(const Request& request);

}  // namespace waybill::http

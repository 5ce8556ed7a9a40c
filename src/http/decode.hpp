// Bodies and queries as typed values. Every problem of a request is collected before it is refused;
// nothing is coerced.
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "app/auth.hpp"
#include "app/catalogue.hpp"
#include "app/ordering.hpp"
#include "domain/money.hpp"
#include "http/message.hpp"

namespace waybill::http {

// The answer is the refusal: malformed_json, unknown_field (when unknown members are all that is
// wrong) or validation_failed (unknown members included).
template <class T>
using Decoded = std::expected<T, Response>;

struct Credentials {
    std::string email;
    std::string password;
};

struct PasswordChange {
    std::string current;
    std::string replacement;
};

struct PasswordReset {
    std::string token;
    std::string password;
};

struct StockAdjustment {
    std::int64_t delta = 0;
    std::string reason;
};

inline constexpr std::size_t stock_reason_length_max = 200;  // code points

// Only types are checked here, and what has no meaning in the app: lengths, ranges and formats are
// the app's rules, except where one line of an order can be named.
[[nodiscard]] Decoded<Registration> decode_registration(const Request& request);
[[nodiscard]] Decoded<Credentials> decode_credentials(const Request& request);
[[nodiscard]] Decoded<PasswordChange> decode_password_change(const Request& request);
[[nodiscard]] Decoded<std::string> decode_forgotten_password(const Request& request);  // the address
[[nodiscard]] Decoded<PasswordReset> decode_password_reset(const Request& request);

// Without the idempotency key. `name` and `price` of an item may be anything and are not read.
[[nodiscard]] Decoded<OrderRequest> decode_order_request(const Request& request, const Currency& currency);

[[nodiscard]] Decoded<NewProduct> decode_new_product(const Request& request, const Currency& currency);
[[nodiscard]] Decoded<ProductPatch> decode_product_patch(const Request& request, const Currency& currency);
[[nodiscard]] Decoded<std::int64_t> decode_stock_level(const Request& request);
[[nodiscard]] Decoded<StockAdjustment> decode_stock_adjustment(const Request& request);

// An endpoint that takes nothing: no body, or an object without members.
[[nodiscard]] Decoded<void> decode_nothing(const Request& request);

}  // namespace waybill::http

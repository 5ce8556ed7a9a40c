// The outcomes that a correct program meets, as values.
//
// Result<T> carries them; a broken invariant throws instead. The HTTP room maps each code to one
// status in one place, so codes say what happened and nothing about protocols.
#pragma once

#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "domain/ids.hpp"

namespace waybill {

enum class ErrorCode : std::uint8_t {
    // The request can never succeed as it stands.
    validation_failed,
    unknown_product,
    unknown_location,
    bad_cursor,
    not_found,
    forbidden,
    // The request conflicts with the present state.
    insufficient_stock,
    total_mismatch,
    invalid_transition,
    email_taken,
    idempotency_key_reused,
    idempotency_in_progress,
    lease_lost,
    // The caller is not who it must be.
    invalid_credentials,
    token_invalid,
    token_expired,
    refresh_invalid,
    refresh_reused,
    reset_invalid,
    // The request may succeed later.
    rate_limited,
    overloaded,       // nothing was done: a named limit was reached
    unavailable,      // nothing was done: a dependency is away
    outcome_unknown,  // it may have been done: repeat with the same id or key
    // A broken invariant that was caught at a boundary.
    internal,
};

// One member of a request that is wrong. `pointer` is a JSON Pointer (RFC 6901).
struct FieldProblem {
    std::string pointer;
    std::string code;
    std::string message;
    bool operator==(const FieldProblem&) const = default;
};

// A line of an order that the stock cannot cover.
struct Shortage {
    ProductId product_id;
    std::int64_t requested = 0;
    std::int64_t available = 0;
    bool operator==(const Shortage&) const = default;
};

// `detail` is one sentence for a person; it never holds SQL, driver text or secrets.
struct Error {
    ErrorCode code = ErrorCode::internal;
    std::string detail;
    std::vector<FieldProblem> fields{};                  // validation_failed
    std::vector<Shortage> shortages{};                   // insufficient_stock
    std::optional<std::int64_t> expected_total_minor{};  // total_mismatch
};

template <class T>
using Result = std::expected<T, Error>;

[[nodiscard]] inline std::unexpected<Error> fail(ErrorCode code, std::string detail) {
    return std::unexpected(Error{code, std::move(detail)});
}

[[nodiscard]] inline std::unexpected<Error> fail(Error error) { return std::unexpected(std::move(error)); }

}  // namespace waybill

// Reads the members of one JSON object and collects what is wrong with them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "domain/error.hpp"
#include "domain/money.hpp"
#include "http/json.hpp"

namespace waybill::http {

inline constexpr std::size_t problems_reported_max = 100;  // further ones are left out of the answer

struct BodyProblems {
    std::vector<FieldProblem> invalid;
    std::vector<FieldProblem> unknown;
    [[nodiscard]] bool any() const { return !invalid.empty() || !unknown.empty(); }
    [[nodiscard]] bool full() const { return invalid.size() + unknown.size() >= problems_reported_max; }
};

// Exact: 2.0 and 20e-1 are the number 2, 2.5 is none. Empty beyond int64 and for fractions.
[[nodiscard]] std::optional<std::int64_t> parse_integer(std::string_view number);

// Each member is asked for once; `finish` reports those that nobody asked for. The value that is
// answered in place of a wrong one does not matter: the problems refuse the request.
class BodyReader {
public:
    // `pointer` leads to `value`; one that is no object is a problem.
    BodyReader(const Json& value, std::string pointer, BodyProblems& problems);

    [[nodiscard]] std::string required_string(std::string_view name);
    [[nodiscard]] std::optional<std::string> optional_string(std::string_view name);
    [[nodiscard]] std::int64_t required_integer(std::string_view name);
    [[nodiscard]] MinorUnits required_amount(std::string_view name, const Currency& currency);
    [[nodiscard]] std::optional<MinorUnits> optional_amount(std::string_view name, const Currency& currency);
    [[nodiscard]] std::optional<bool> optional_boolean(std::string_view name);

    // Null, with a problem, when it is absent or no array.
    [[nodiscard]] const std::vector<Json>* required_array(std::string_view name);

    // Accepted and not read.
    void ignore(std::string_view name);

    // For a rule of the caller's own.
    void refuse(std::string_view name, std::string code, std::string message);

    void finish();

private:
    const Json* take(std::string_view name);
    const Json* take_required(std::string_view name);
    [[nodiscard]] bool has_kind(const Json& value, Json::Kind kind, std::string_view name);
    [[nodiscard]] std::string pointer_to(std::string_view name) const;

    const Json& value_;
    std::string pointer_;
    BodyProblems& problems_;
    std::vector<std::string_view> known_;
};

}  // namespace waybill::http

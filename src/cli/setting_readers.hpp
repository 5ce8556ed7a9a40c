// How a row of the settings puts its value where it belongs. Errors are one sentence without the key.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "cli/values.hpp"
#include "domain/error.hpp"
#include "domain/time.hpp"

namespace waybill::cli {

template <class T>
Result<void> store_value(Result<T> value, T& target) {
    if (!value) return fail(value.error());
    target = std::move(*value);
    return {};
}

template <class T>
Result<void> store_integer(std::string_view text, std::int64_t min, std::int64_t max, T& target) {
    const auto value = parse_integer(text, min, max);
    if (!value) return fail(value.error());
    target = static_cast<T>(*value);
    return {};
}

inline Result<void> store_positive(std::string_view text, Milliseconds& target) {
    const auto value = parse_duration(text);
    if (!value) return fail(value.error());
    if (*value <= Milliseconds{0}) return fail(ErrorCode::validation_failed, "must be longer than 0");
    target = *value;
    return {};
}

template <class T>
struct Choice {
    std::string_view word;
    T value;
};

template <class T, std::size_t n>
Result<void> store_choice(std::string_view text, const std::array<Choice<T>, n>& choices, auto& target) {
    std::string words;
    for (const auto& choice : choices) {
        if (choice.word == text) {
            target = choice.value;
            return {};
        }
        words += words.empty() ? "" : ", ";
        words += choice.word;
    }
    return fail(ErrorCode::validation_failed, "needs one of: " + words);
}

}  // namespace waybill::cli

#include "http/body_reader.hpp"

#include <algorithm>
#include <charconv>
#include <utility>

namespace waybill::http {

namespace {

std::string_view noun_of(Json::Kind kind) {
    switch (kind) {
        case Json::Kind::null:
            return "null";
        case Json::Kind::boolean:
            return "true or false";
        case Json::Kind::number:
            return "a number";
        case Json::Kind::string:
            return "a string";
        case Json::Kind::array:
            return "an array";
        case Json::Kind::object:
            return "an object";
    }
    std::unreachable();
}

std::string must_be(std::string_view noun) { return std::string("Must be ").append(noun).append("."); }

// A JSON number taken apart: its digits with the point removed, and how many of them (or zeros after
// them) stand before the point.
struct Decimal {
    bool negative = false;
    std::string digits;
    std::int64_t before_point = 0;
};

// Exponents beyond this are no integer of ours either way.
constexpr std::int64_t exponent_max = 100'000;

Decimal take_apart(std::string_view number) {
    Decimal decimal;
    decimal.negative = number.starts_with('-');
    if (decimal.negative) number.remove_prefix(1);
    const std::size_t e = number.find_first_of("eE");
    std::int64_t exponent = 0;
    if (e != std::string_view::npos) {
        std::string_view text = number.substr(e + 1);
        const bool down = text.starts_with('-');
        if (text.starts_with('+') || down) text.remove_prefix(1);
        const auto parsed = std::from_chars(text.data(), text.data() + text.size(), exponent);
        if (parsed.ec != std::errc{} || exponent > exponent_max) exponent = exponent_max;
        if (down) exponent = -exponent;
        number = number.substr(0, e);
    }
    const std::size_t point = number.find('.');
    decimal.digits = number.substr(0, point);
    decimal.before_point = static_cast<std::int64_t>(decimal.digits.size()) + exponent;
    if (point != std::string_view::npos) decimal.digits += number.substr(point + 1);
    return decimal;
}

}  // namespace

std::optional<std::int64_t> parse_integer(std::string_view number) {
    std::int64_t value = 0;
    const auto plain = std::from_chars(number.data(), number.data() + number.size(), value);
    if (plain.ec == std::errc{} && plain.ptr == number.data() + number.size()) return value;

    Decimal decimal = take_apart(number);
    const std::size_t leading = std::min(decimal.digits.find_first_not_of('0'), decimal.digits.size());
    if (leading == decimal.digits.size()) return 0;
    decimal.digits.erase(0, leading);
    decimal.before_point -= static_cast<std::int64_t>(leading);
    decimal.digits.erase(decimal.digits.find_last_not_of('0') + 1);
    const auto length = static_cast<std::int64_t>(decimal.digits.size());
    if (length > decimal.before_point || decimal.before_point > 19) return std::nullopt;

    std::string text = decimal.negative ? "-" : "";
    text += decimal.digits;
    text.append(static_cast<std::size_t>(decimal.before_point - length), '0');
    const auto parsed = std::from_chars(text.data(), text.data() + text.size(), value);
    if (parsed.ec != std::errc{}) return std::nullopt;
    return value;
}

BodyReader::BodyReader(const Json& value, std::string pointer, BodyProblems& problems)
    : value_(value), pointer_(std::move(pointer)), problems_(problems) {
    known_.reserve(8);
    if (value_.kind != Json::Kind::object && !problems_.full()) {
        problems_.invalid.push_back({pointer_, "wrong-type", must_be(noun_of(Json::Kind::object))});
    }
}

std::string BodyReader::required_string(std::string_view name) {
    const Json* member = take_required(name);
    if (member == nullptr || !has_kind(*member, Json::Kind::string, name)) return {};
    return member->text;
}

std::optional<std::string> BodyReader::optional_string(std::string_view name) {
    const Json* member = take(name);
    if (member == nullptr || !has_kind(*member, Json::Kind::string, name)) return std::nullopt;
    return member->text;
}

std::int64_t BodyReader::required_integer(std::string_view name) {
    const Json* member = take_required(name);
    if (member == nullptr || !has_kind(*member, Json::Kind::number, name)) return 0;
    const std::optional<std::int64_t> value = parse_integer(member->text);
    if (!value) refuse(name, "out-of-range", "Must be an integer of 64 bits.");
    return value.value_or(0);
}

MinorUnits BodyReader::required_amount(std::string_view name, const Currency& currency) {
    if (take_required(name) == nullptr) return 0;
    return optional_amount(name, currency).value_or(0);
}

std::optional<MinorUnits> BodyReader::optional_amount(std::string_view name, const Currency& currency) {
    const Json* member = take(name);
    if (member == nullptr || !has_kind(*member, Json::Kind::number, name)) return std::nullopt;
    const Result<MinorUnits> amount = parse_amount(member->text, currency);
    if (amount) return *amount;
    refuse(name, "bad-amount", amount.error().detail);
    return std::nullopt;
}

std::optional<bool> BodyReader::optional_boolean(std::string_view name) {
    const Json* member = take(name);
    if (member == nullptr || !has_kind(*member, Json::Kind::boolean, name)) return std::nullopt;
    return member->boolean;
}

const std::vector<Json>* BodyReader::required_array(std::string_view name) {
    const Json* member = take_required(name);
    if (member == nullptr || !has_kind(*member, Json::Kind::array, name)) return nullptr;
    return &member->items;
}

void BodyReader::ignore(std::string_view name) { known_.push_back(name); }

void BodyReader::refuse(std::string_view name, std::string code, std::string message) {
    if (!problems_.full()) problems_.invalid.push_back({pointer_to(name), std::move(code), std::move(message)});
}

void BodyReader::finish() {
    for (const auto& [name, value] : value_.members) {
        if (problems_.full()) return;
        if (std::ranges::find(known_, std::string_view(name)) != known_.end()) continue;
        problems_.unknown.push_back({pointer_to(name), "unknown-field", "There is no such member."});
    }
}

const Json* BodyReader::take(std::string_view name) {
    known_.push_back(name);
    return value_.find(name);
}

const Json* BodyReader::take_required(std::string_view name) {
    const Json* member = take(name);
    if (member == nullptr && value_.kind == Json::Kind::object) refuse(name, "missing", "Must be there.");
    return member;
}

bool BodyReader::has_kind(const Json& value, Json::Kind kind, std::string_view name) {
    if (value.kind == kind) return true;
    refuse(name, "wrong-type", must_be(noun_of(kind)));
    return false;
}

std::string BodyReader::pointer_to(std::string_view name) const {
    std::string pointer = pointer_;
    append_pointer_token(pointer, name);
    return pointer;
}

}  // namespace waybill::http

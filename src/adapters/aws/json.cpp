#include "adapters/aws/json.hpp"

#include <charconv>

namespace waybill::aws {

namespace json = boost::json;

std::optional<json::object> parse_object(std::string_view text) {
    json::error_code problem;
    json::value value = json::parse(json::string_view(text.data(), text.size()), problem);
    if (problem || !value.is_object()) return std::nullopt;
    return std::move(value.get_object());
}

std::string string_at(const json::object& object, std::string_view name) {
    const json::value* value = object.if_contains(name);
    if (value == nullptr || !value->is_string()) return {};
    return std::string(value->get_string().data(), value->get_string().size());
}

std::optional<std::int64_t> integer_at(const json::object& object, std::string_view name) {
    const json::value* value = object.if_contains(name);
    if (value == nullptr) return std::nullopt;
    if (value->is_int64()) return value->get_int64();
    // SQS sends the numbers among its attributes as text.
    const std::string text = string_at(object, name);
    std::int64_t number = 0;
    const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (problem != std::errc{} || end != text.data() + text.size()) return std::nullopt;
    return number;
}

double number_at(const json::object& object, std::string_view name) {
    const json::value* value = object.if_contains(name);
    if (value == nullptr || !value->is_number()) return 0;
    json::error_code ignored;
    return value->to_number<double>(ignored);
}

bool bool_at(const json::object& object, std::string_view name) {
    const json::value* value = object.if_contains(name);
    return value != nullptr && value->is_bool() && value->get_bool();
}

const json::array& array_at(const json::object& object, std::string_view name) {
    static const json::array none;
    const json::value* value = object.if_contains(name);
    return value != nullptr && value->is_array() ? value->get_array() : none;
}

const json::object& object_at(const json::object& object, std::string_view name) {
    static const json::object none;
    const json::value* value = object.if_contains(name);
    return value != nullptr && value->is_object() ? value->get_object() : none;
}

}  // namespace waybill::aws

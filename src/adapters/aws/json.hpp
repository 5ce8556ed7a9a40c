// What the AWS rooms read from JSON: members that are there and of the right kind, or nothing.
#pragma once

#include <boost/json.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace waybill::aws {

// Empty unless the whole text is one object.
[[nodiscard]] std::optional<boost::json::object> parse_object(std::string_view text);

// Empty when the member is missing or no string.
[[nodiscard]] std::string string_at(const boost::json::object& object, std::string_view name);
[[nodiscard]] std::optional<std::int64_t> integer_at(const boost::json::object& object, std::string_view name);
[[nodiscard]] double number_at(const boost::json::object& object, std::string_view name);
[[nodiscard]] bool bool_at(const boost::json::object& object, std::string_view name);

// Empty when the member is missing or no array or object.
[[nodiscard]] const boost::json::array& array_at(const boost::json::object& object, std::string_view name);
[[nodiscard]] const boost::json::object& object_at(const boost::json::object& object, std::string_view name);

}  // namespace waybill::aws

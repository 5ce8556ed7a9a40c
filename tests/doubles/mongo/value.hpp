// BSON as values that can be taken apart: what the double parses, stores, compares and answers.
//
// Types that Waybill has no use for (Decimal128, regular expressions, code, symbols, pointers) are
// refused when a message is read, so that nothing silently compares wrongly later.
#pragma once

#include <compare>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace waybill::testing::mongo {

struct Missing {};
struct Null {};
struct MinKey {};
struct MaxKey {};
struct ObjectId {
    std::string bytes;  // 12
};
struct DateTime {
    std::int64_t ms = 0;
};
struct Timestamp {
    std::uint32_t seconds = 0;
    std::uint32_t increment = 0;
};
struct Binary {
    std::uint8_t subtype = 0;
    std::string bytes;
};

class Value;
using Array = std::vector<Value>;
struct Field;

// Fields in their order.
class Object {
public:
    // Defined where Field is complete.
    Object();
    Object(std::initializer_list<Field> fields);
    Object(const Object&);
    Object(Object&&) noexcept;
    Object& operator=(const Object&);
    Object& operator=(Object&&) noexcept;
    ~Object();

    [[nodiscard]] const Value* find(std::string_view name) const;
    [[nodiscard]] Value* find(std::string_view name);
    [[nodiscard]] bool has(std::string_view name) const { return find(name) != nullptr; }
    // Throws std::out_of_range.
    [[nodiscard]] const Value& at(std::string_view name) const;

    // Replaces in place or appends.
    void set(std::string_view name, Value value);
    void prepend(std::string_view name, Value value);
    void erase(std::string_view name);

    [[nodiscard]] bool empty() const;
    [[nodiscard]] std::size_t size() const;
    [[nodiscard]] std::vector<Field>::const_iterator begin() const;
    [[nodiscard]] std::vector<Field>::const_iterator end() const;

private:
    std::vector<Field> fields_;
};

class Value {
public:
    using Data = std::variant<Missing, Null, bool, std::int32_t, std::int64_t, double, std::string, ObjectId, DateTime,
                              Timestamp, Binary, MinKey, MaxKey, Array, Object>;

    Value() = default;
    template <class T>
    requires std::constructible_from<Data, T> &&
        (!std::same_as<std::remove_cvref_t<T>, Value>)&&(!std::is_pointer_v<std::decay_t<T>>)Value(T&& data)
        : data_(std::in_place_type<std::remove_cvref_t<T>>, std::forward<T>(data)) {}
    Value(const char* text) : data_(std::string(text)) {}
    Value(std::string_view text) : data_(std::string(text)) {}

    template <class T>
    [[nodiscard]] bool is() const {
        return std::holds_alternative<T>(data_);
    }
    template <class T>
    [[nodiscard]] const T* as() const {
        return std::get_if<T>(&data_);
    }
    template <class T>
    [[nodiscard]] T* as() {
        return std::get_if<T>(&data_);
    }
    [[nodiscard]] const Data& data() const { return data_; }

    [[nodiscard]] bool is_missing() const { return is<Missing>(); }
    [[nodiscard]] bool is_null() const { return is<Missing>() || is<Null>(); }
    [[nodiscard]] bool is_integer() const { return is<std::int32_t>() || is<std::int64_t>(); }
    [[nodiscard]] bool is_number() const { return is_integer() || is<double>(); }
    // Numbers only; a double is cut.
    [[nodiscard]] std::int64_t to_int64() const;
    [[nodiscard]] double to_double() const;
    // As MongoDB reads flags: false, 0, null and missing are false.
    [[nodiscard]] bool truthy() const;

private:
    Data data_;
};

struct Field {
    std::string name;
    Value value;
};

// A message or document that is no BSON, or of a type that the double does not speak.
class BadBson : public std::runtime_error {
    using std::runtime_error::runtime_error;
};

[[nodiscard]] Object parse_object(std::span<const std::uint8_t> bytes);
void append_bytes(const Object& object, std::string& out);
[[nodiscard]] std::size_t encoded_size(const Object& object);
[[nodiscard]] std::string to_json(const Value& value);
[[nodiscard]] std::string_view type_name(const Value& value);

// The order of MongoDB over types and values; 1, 1L and 1.0 are equal. Missing sorts as null.
[[nodiscard]] std::weak_ordering compare(const Value& left, const Value& right);
[[nodiscard]] inline bool operator==(const Value& left, const Value& right) { return compare(left, right) == 0; }
// Numbers, strings, dates and so on: operators such as $gt match only inside one of these.
[[nodiscard]] int type_rank(const Value& value);

struct ValueLess {
    bool operator()(const Value& left, const Value& right) const { return compare(left, right) < 0; }
    bool operator()(const std::vector<Value>& left, const std::vector<Value>& right) const;
};

// The value at a dotted path through objects; missing when there is none. Arrays are not entered.
[[nodiscard]] const Value& value_at(const Object& object, std::string_view path);

}  // namespace waybill::testing::mongo

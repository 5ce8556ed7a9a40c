// JSON as the wire has it (RFC 8259), read without losing anything and written without surprises.
//
// Numbers keep their text, so that amounts are exact. What RFC 8259 forbids is malformed_json; what
// it allows and we refuse (duplicate names, deeper than json_depth_max, 1e400, lone surrogates) is
// validation_failed with a pointer.
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "domain/error.hpp"

namespace waybill::http {

inline constexpr std::size_t json_depth_max = 32;

class Json {
public:
    enum class Kind : std::uint8_t { null, boolean, number, string, array, object };
    Kind kind = Kind::null;
    bool boolean = false;
    std::string text;         // string: decoded; number: as sent
    std::vector<Json> items;  // array
    struct Member;
    std::vector<Member> members;  // object, in order

    // Null when absent, or when this is no object.
    [[nodiscard]] const Json* find(std::string_view name) const;
};

struct Json::Member {
    std::string name;
    Json value;
};

struct JsonProblem {
    bool malformed = true;  // else one that RFC 8259 allows and we refuse: see `field`
    std::string detail;
    FieldProblem field;
};

[[nodiscard]] std::expected<Json, JsonProblem> read_json(std::string_view text);

// Appends "/name" to a JSON Pointer, escaped (RFC 6901, 3).
void append_pointer_token(std::string& pointer, std::string_view name);

// Appends to one string. Commas are its own business; names and nesting are the caller's. Octets
// that are not UTF-8 become U+FFFD, so that every document is valid.
class JsonWriter {
public:
    JsonWriter& reserve(std::size_t bytes);
    JsonWriter& begin_object();
    JsonWriter& end_object();
    JsonWriter& begin_array();
    JsonWriter& end_array();
    JsonWriter& name(std::string_view name);  // a word of ours, which needs no escape
    JsonWriter& string(std::string_view value);
    JsonWriter& integer(std::int64_t value);
    JsonWriter& boolean(bool value);
    JsonWriter& null();
    JsonWriter& raw(std::string_view json);  // already JSON: an amount
    [[nodiscard]] std::string take();

private:
    std::string out_;
    bool needs_comma_ = false;
};

}  // namespace waybill::http

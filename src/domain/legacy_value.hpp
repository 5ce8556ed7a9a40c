// A document of another system, as it was found: nothing of it is known to be as it should.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "domain/time.hpp"

namespace waybill {

struct LegacyField;
struct LegacyValue;

struct LegacyObjectId {
    std::string hex;  // 24 digits
};

// Of a type that neither system writes.
struct LegacyOther {
    std::string type;
};

struct LegacyDocument {
    std::vector<LegacyField> fields;

    // Null when there is no such field, or it holds null.
    [[nodiscard]] const LegacyValue* find(std::string_view name) const;
};

using LegacyArray = std::vector<LegacyValue>;

struct LegacyValue {
    // Text is valid UTF-8.
    std::variant<std::monostate, bool, std::int64_t, double, std::string, LegacyObjectId, TimePoint, LegacyArray,
                 LegacyDocument, LegacyOther>
        data;

    template <class T>
    [[nodiscard]] const T* as() const {
        return std::get_if<T>(&data);
    }
};

struct LegacyField {
    std::string name;
    LegacyValue value;
};

// What a person reads of it: an id, a number, a text; cut short, with nothing that a terminal would obey.
[[nodiscard]] std::string printable(std::string_view text);
[[nodiscard]] std::string printable(const LegacyValue* value);

// The document's `_id`.
[[nodiscard]] std::string label_of(const LegacyDocument& document);

}  // namespace waybill

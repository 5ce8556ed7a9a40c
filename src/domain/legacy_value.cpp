#include "domain/legacy_value.hpp"

#include <array>
#include <charconv>

namespace waybill {

namespace {

constexpr std::size_t printable_length_max = 80;

std::string number_text(double number) {
    std::array<char, 32> text{};
    const auto [end, problem] = std::to_chars(text.data(), text.data() + text.size(), number);
    return {text.data(), problem == std::errc{} ? end : text.data()};
}

struct Printed {
    std::string operator()(std::monostate) const { return "null"; }
    std::string operator()(bool value) const { return value ? "true" : "false"; }
    std::string operator()(std::int64_t value) const { return std::to_string(value); }
    std::string operator()(double value) const { return number_text(value); }
    std::string operator()(const std::string& value) const { return '"' + printable(value) + '"'; }
    std::string operator()(const LegacyObjectId& value) const { return value.hex; }
    std::string operator()(TimePoint value) const { return format_rfc3339(value); }
    std::string operator()(const LegacyArray&) const { return "an array"; }
    std::string operator()(const LegacyDocument&) const { return "a document"; }
    std::string operator()(const LegacyOther& value) const { return "a value of type " + value.type; }
};

}  // namespace

const LegacyValue* LegacyDocument::find(std::string_view name) const {
    for (const auto& [known, value] : fields) {
        if (known == name) return value.as<std::monostate>() != nullptr ? nullptr : &value;
    }
    return nullptr;
}

std::string printable(std::string_view text) {
    std::string shown;
    for (const char c : text.substr(0, printable_length_max)) {
        const auto octet = static_cast<unsigned char>(c);
        shown += octet < 0x20 || octet >= 0x7f ? '?' : c;
    }
    if (text.size() > printable_length_max) shown += "...";
    return shown;
}

std::string printable(const LegacyValue* value) {
    return value == nullptr ? "nothing" : std::visit(Printed{}, value->data);
}

std::string label_of(const LegacyDocument& document) {
    const LegacyValue* id = document.find("_id");
    if (id != nullptr && id->as<std::string>() != nullptr) return printable(*id->as<std::string>());
    return id == nullptr ? "(without _id)" : printable(id);
}

}  // namespace waybill

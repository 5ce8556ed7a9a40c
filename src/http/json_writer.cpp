#include <algorithm>
#include <array>
#include <charconv>
#include <cstddef>

#include "domain/hex.hpp"
#include "domain/utf8.hpp"
#include "http/json.hpp"
#include "http/octets.hpp"

namespace waybill::http {

namespace {

constexpr std::string_view replacement_character = "\xEF\xBF\xBD";
constexpr std::string_view quote = "\"";

bool is_plain(char c) { return c >= 0x20 && c != '"' && c != '\\' && static_cast<unsigned char>(c) < 0x80; }

bool needs_escapes(std::string_view text) {
    return has_octet(text, [](std::uint64_t word) {
        return mark_controls(word) | mark_equal(word, '"') | mark_equal(word, '\\') | mark_beyond_ascii(word);
    });
}

void append_escape(std::string& out, char c) {
    switch (c) {
        case '"':
            out += "\\\"";
            return;
        case '\\':
            out += "\\\\";
            return;
        case '\n':
            out += "\\n";
            return;
        case '\r':
            out += "\\r";
            return;
        case '\t':
            out += "\\t";
            return;
        default:
            break;
    }
    out += "\\u00";
    append_hex(out, c);
}

// All of them behind a comma, if one is due, with one growth of the text.
template <class... Parts>
void append_all(std::string& out, bool needs_comma, const Parts&... parts) {
    const std::size_t size = out.size();
    // GCC 12 may hand over a larger room than was asked for.
    out.resize_and_overwrite(size + 1 + (parts.size() + ...), [&](char* text, std::size_t) {
        char* to = text + size;
        if (needs_comma) *to++ = ',';
        ((to = std::copy(parts.begin(), parts.end(), to)), ...);
        return static_cast<std::size_t>(to - text);
    });
}

void append_escaped(std::string& out, std::string_view text) {
    while (!text.empty()) {
        std::size_t plain = 0;
        while (plain < text.size() && is_plain(text[plain])) ++plain;
        out.append(text.substr(0, plain));
        text.remove_prefix(plain);
        if (text.empty()) break;
        const std::size_t length = utf8_sequence_length(text);
        if (length == 1) {
            append_escape(out, text.front());
        } else {
            out.append(length == 0 ? replacement_character : text.substr(0, length));
        }
        text.remove_prefix(length == 0 ? 1 : length);
    }
}

}  // namespace

JsonWriter& JsonWriter::reserve(std::size_t bytes) {
    out_.reserve(bytes);
    return *this;
}

JsonWriter& JsonWriter::begin_object() {
    append_all(out_, needs_comma_, std::string_view("{"));
    needs_comma_ = false;
    return *this;
}

JsonWriter& JsonWriter::end_object() {
    out_ += '}';
    needs_comma_ = true;
    return *this;
}

JsonWriter& JsonWriter::begin_array() {
    append_all(out_, needs_comma_, std::string_view("["));
    needs_comma_ = false;
    return *this;
}

JsonWriter& JsonWriter::end_array() {
    out_ += ']';
    needs_comma_ = true;
    return *this;
}

JsonWriter& JsonWriter::name(std::string_view name) {
    append_all(out_, needs_comma_, quote, name, std::string_view("\":"));
    needs_comma_ = false;
    return *this;
}

JsonWriter& JsonWriter::string(std::string_view value) {
    if (needs_escapes(value)) {
        append_all(out_, needs_comma_, quote);
        append_escaped(out_, value);
        out_ += quote;
    } else {
        append_all(out_, needs_comma_, quote, value, quote);
    }
    needs_comma_ = true;
    return *this;
}

JsonWriter& JsonWriter::integer(std::int64_t value) {
    std::array<char, 24> digits{};
    const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), value).ptr;
    return raw(std::string_view(digits.data(), end));
}

JsonWriter& JsonWriter::boolean(bool value) { return raw(value ? "true" : "false"); }

JsonWriter& JsonWriter::null() { return raw("null"); }

JsonWriter& JsonWriter::raw(std::string_view json) {
    append_all(out_, needs_comma_, json);
    needs_comma_ = true;
    return *this;
}

std::string JsonWriter::take() {
    needs_comma_ = false;
    return std::move(out_);
}

}  // namespace waybill::http

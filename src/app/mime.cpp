#include "app/mime.hpp"

#include <algorithm>
#include <array>
#include <cstdint>

#include "domain/hex.hpp"
#include "domain/utf8.hpp"

namespace waybill::mime {

namespace {

constexpr std::string_view base64_digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr std::string_view replacement_character = "\xef\xbf\xbd";
constexpr std::size_t body_line_max = 76;
constexpr std::size_t header_line_max = 76;
constexpr std::size_t encoded_word_octets = 42;  // 56 characters and "=?UTF-8?B?" "?=": below 75
constexpr std::size_t address_length_max = 320;

std::uint8_t octet(std::string_view text, std::size_t at) { return static_cast<std::uint8_t>(text[at]); }

std::string encode_base64(std::string_view bytes) {
    std::string out;
    out.reserve((bytes.size() + 2) / 3 * 4);
    for (std::size_t i = 0; i < bytes.size(); i += 3) {
        const std::size_t count = std::min<std::size_t>(bytes.size() - i, 3);
        std::uint32_t group = 0;
        for (std::size_t k = 0; k < 3; ++k) group = (group << 8) | (k < count ? octet(bytes, i + k) : 0u);
        for (std::size_t k = 0; k < 4; ++k) {
            out += k <= count ? base64_digits[(group >> (18 - 6 * k)) & 63] : '=';
        }
    }
    return out;
}

bool is_control(std::string_view text, std::size_t size) {
    const std::uint8_t lead = octet(text, 0);
    if (size == 1) return lead < 0x20 || lead == 0x7f;
    return size == 2 && lead == 0xc2 && octet(text, 1) < 0xa0;  // U+0080 to U+009F
}

bool is_clean(std::uint8_t c, bool keep_lines) {
    return (c >= ' ' && c <= '~') || (keep_lines && (c == '\n' || c == '\t'));
}

bool is_printable_ascii(std::string_view text) {
    return std::ranges::all_of(text, [](char c) { return c >= ' ' && c <= '~'; });
}

// What a reader would take for an encoded word is encoded itself.
bool is_plain_header_text(std::string_view text, std::size_t length_max) {
    return text.size() <= length_max && is_printable_ascii(text) && text.find("=?") == std::string_view::npos;
}

// `text` is clean; words are cut between code points.
std::string encoded_words(std::string_view text) {
    std::string out;
    while (!text.empty()) {
        std::size_t size = 0;
        while (size < text.size()) {
            const std::size_t next = utf8_sequence_length(text.substr(size));
            if (size + next > encoded_word_octets) break;
            size += next;
        }
        if (!out.empty()) out += "\r\n ";
        out += "=?UTF-8?B?";
        out += encode_base64(text.substr(0, size));
        out += "?=";
        text.remove_prefix(size);
    }
    return out;
}

// By octet, whether it stands for itself inside a line. (The last of a line may be neither space nor
// tab, which a carrier may take away.)
constexpr std::array<bool, 256> stands_for_itself = [] {
    std::array<bool, 256> table{};
    for (std::size_t c = '!'; c <= '~'; ++c) table[c] = c != '=';
    table[' '] = table['\t'] = true;
    return table;
}();

// How much of the front of the line, at most `max`, stands for itself.
std::size_t quoted_as_itself(std::string_view line, std::size_t max) {
    const std::size_t end = std::min(max, line.size());
    std::size_t size = 0;
    while (size < end && stands_for_itself[octet(line, size)]) ++size;
    const bool ends_line = size > 0 && size == line.size();
    return ends_line && line[size - 1] <= ' ' ? size - 1 : size;
}

void append_quoted_line(std::string& out, std::string_view line) {
    constexpr std::size_t columns = body_line_max - 1;  // the last is for the mark of a line that goes on
    std::size_t column = 0;
    while (!line.empty()) {
        const std::size_t size = quoted_as_itself(line, columns - column);
        out += line.substr(0, size);
        column += size;
        line.remove_prefix(size);
        if (line.empty()) break;
        const bool is_coded = quoted_as_itself(line, 1) == 0;
        if (is_coded && column + 3 <= columns) {
            out += '=';
            append_upper_hex(out, line[0]);
            column += 3;
            line.remove_prefix(1);
        } else {
            out += "=\r\n";
            column = 0;
        }
    }
    out += "\r\n";
}

std::string trim(std::string_view text) {
    const std::size_t first = text.find_first_not_of(' ');
    if (first == std::string_view::npos) return {};
    return std::string(text.substr(first, text.find_last_not_of(' ') - first + 1));
}

std::string quoted_string(std::string_view text) {
    std::string out = "\"";
    for (const char c : text) {
        if (c == '"' || c == '\\') out += '\\';
        out += c;
    }
    return out + '"';
}

}  // namespace

void append_quoted_printable(std::string& out, std::string_view text) {
    while (!text.empty()) {
        const std::size_t end = text.find('\n');
        append_quoted_line(out, text.substr(0, end));
        text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    }
}

std::string encode_quoted_printable(std::string_view text) {
    std::string out;
    out.reserve(text.size() + text.size() / 8);
    append_quoted_printable(out, text);
    return out;
}

std::string clean_text(std::string_view text, bool keep_lines) {
    std::string out;
    out.reserve(text.size());
    while (!text.empty()) {
        std::size_t clean = 0;
        while (clean < text.size() && is_clean(octet(text, clean), keep_lines)) ++clean;
        out += text.substr(0, clean);
        text.remove_prefix(clean);
        if (text.empty()) break;
        const std::size_t size = utf8_sequence_length(text);
        if (size == 0) {
            out += replacement_character;
        } else if (is_control(text, size)) {
            out += ' ';
        } else {
            out += text.substr(0, size);
        }
        text.remove_prefix(std::max<std::size_t>(size, 1));
    }
    return out;
}

std::string text_header(std::string_view name, std::string_view text) {
    const std::string clean = trim(clean_text(text));
    std::string out(name);
    out += ": ";
    out += is_plain_header_text(clean, header_line_max - out.size()) ? clean : encoded_words(clean);
    return out + "\r\n";
}

std::string address_header(std::string_view name, std::string_view display_name, std::string_view address) {
    const std::string clean = trim(clean_text(display_name));
    std::string out(name);
    out += ": ";
    if (clean.empty()) return out.append(address).append("\r\n");
    out += is_plain_header_text(clean, header_line_max / 2) ? quoted_string(clean) : encoded_words(clean);
    out += "\r\n <";
    out += address;
    return out + ">\r\n";
}

bool is_plain_address(std::string_view address) {
    const std::size_t at = address.rfind('@');
    if (at == std::string_view::npos || at == 0 || at + 1 == address.size()) return false;
    if (address.size() > address_length_max || address.find('@') != at) return false;
    return std::ranges::none_of(address, [](char c) {
        const auto value = static_cast<std::uint8_t>(c);
        return value <= ' ' || value == 0x7f || std::string_view("<>()[]:;,\\\"").find(c) != std::string_view::npos;
    });
}

std::string format_date(TimePoint time) {
    constexpr std::array week_days{"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    constexpr std::array months{"Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    const auto day = std::chrono::floor<std::chrono::days>(time);
    const std::chrono::year_month_day date(day);
    const std::chrono::hh_mm_ss clock(std::chrono::floor<std::chrono::seconds>(time - day));
    std::string out = week_days[std::chrono::weekday(day).c_encoding()];
    const auto append = [&](char before, std::int64_t value) {
        out += before;
        if (value < 10) out += '0';
        out += std::to_string(value);
    };
    out += ',';
    append(' ', static_cast<unsigned>(date.day()));
    out.append(" ").append(months[static_cast<unsigned>(date.month()) - 1]).append(" ");
    out += std::to_string(static_cast<int>(date.year()));
    append(' ', clock.hours().count());
    append(':', clock.minutes().count());
    append(':', clock.seconds().count());
    return out + " +0000";
}

}  // namespace waybill::mime

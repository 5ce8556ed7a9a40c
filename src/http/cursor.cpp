#include "http/cursor.hpp"

#include <charconv>

#include "domain/work.hpp"

namespace waybill::http {

namespace {

constexpr std::string_view alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
constexpr std::size_t cursor_length_max = 256;
constexpr char version = '1';
constexpr char stock_list = 's';
constexpr std::int64_t unix_ms_max = 253'402'300'799'999;  // the end of the year 9999

std::string encode_base64url(std::string_view bytes) {
    std::string text;
    text.reserve((bytes.size() * 4 + 2) / 3);
    std::uint32_t bits = 0;
    int held = 0;
    for (const char c : bytes) {
        bits = (bits << 8) | static_cast<unsigned char>(c);
        held += 8;
        while (held >= 6) {
            held -= 6;
            text += alphabet[(bits >> held) & 63];
        }
    }
    if (held > 0) text += alphabet[(bits << (6 - held)) & 63];
    return text;
}

std::optional<std::string> decode_base64url(std::string_view text) {
    std::string bytes;
    bytes.reserve(text.size() * 3 / 4);
    std::uint32_t bits = 0;
    int held = 0;
    for (const char c : text) {
        const std::size_t value = alphabet.find(c);
        if (value == std::string_view::npos) return std::nullopt;
        bits = (bits << 6) | static_cast<std::uint32_t>(value);
        held += 6;
        if (held >= 8) {
            held -= 8;
            bytes += static_cast<char>((bits >> held) & 255);
        }
    }
    return bytes;
}

// Where the list is one of work items, their longer ids are valid.
bool is_id_in(CursorOf list, std::string_view id) {
    return list == CursorOf::dead_letters ? is_valid_work_id(id) : is_valid_id(id);
}

std::string make(char list, std::string_view first, std::string_view second) {
    std::string bytes{version, list};
    bytes.append(first).append(".").append(second);
    return encode_base64url(bytes);
}

struct Halves {
    std::string first;
    std::string second;
};

std::optional<Halves> read(char list, std::string_view cursor) {
    if (cursor.size() > cursor_length_max) return std::nullopt;
    const std::optional<std::string> bytes = decode_base64url(cursor);
    if (!bytes || bytes->size() < 2 || (*bytes)[0] != version || (*bytes)[1] != list) return std::nullopt;
    const std::size_t point = bytes->find('.');
    if (point == std::string::npos) return std::nullopt;
    return Halves{bytes->substr(2, point - 2), bytes->substr(point + 1)};
}

}  // namespace

std::string make_cursor(CursorOf list, const PageKey& key) {
    return make(static_cast<char>(list), std::to_string(to_unix_ms(key.created_at)), key.id);
}

std::optional<PageKey> read_cursor(CursorOf list, std::string_view cursor) {
    const std::optional<Halves> halves = read(static_cast<char>(list), cursor);
    if (!halves || !is_id_in(list, halves->second)) return std::nullopt;
    std::int64_t ms = 0;
    const char* end = halves->first.data() + halves->first.size();
    const auto parsed = std::from_chars(halves->first.data(), end, ms);
    if (parsed.ec != std::errc{} || parsed.ptr != end || ms < 0 || ms > unix_ms_max) return std::nullopt;
    PageKey key{from_unix_ms(ms), halves->second};
    if (make_cursor(list, key) != cursor) return std::nullopt;  // one text for one cursor
    return key;
}

std::string make_stock_cursor(const StockLevel& last) { return make(stock_list, last.product_id.text, last.location); }

std::optional<StockLevel> read_stock_cursor(std::string_view cursor) {
    const std::optional<Halves> halves = read(stock_list, cursor);
    if (!halves || !is_valid_id(halves->first) || !is_valid_location(halves->second)) return std::nullopt;
    StockLevel last{ProductId(halves->first), halves->second, 0};
    if (make_stock_cursor(last) != cursor) return std::nullopt;
    return last;
}

}  // namespace waybill::http

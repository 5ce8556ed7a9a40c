#include "adapters/webcall/order_json.hpp"

#include <boost/json.hpp>

#include <cstdint>

#include "domain/hex.hpp"

namespace waybill::webcall {

namespace {

bool is_control(char c) {
    const auto value = static_cast<std::uint8_t>(c);
    return value < 0x20 || value == 0x7f;
}

void append_string(std::string& out, std::string_view text) {
    out += '"';
    for (const char c : text) {
        if (c == '"' || c == '\\') {
            out += '\\';
            out += c;
        } else if (is_control(c)) {
            out += "\\u00";
            append_hex(out, c);
        } else {
            out += c;
        }
    }
    out += '"';
}

void append_member(std::string& out, std::string_view name, std::string_view text) {
    append_string(out, name);
    out += ':';
    append_string(out, text);
}

void append_number(std::string& out, std::string_view name, const std::string& number) {
    append_string(out, name);
    out += ':';
    out += number;
}

void append_line(std::string& out, const OrderLine& line, const Currency& currency) {
    out += '{';
    append_member(out, "productId", line.product_id.text);
    out += ',';
    append_member(out, "name", line.name);
    out += ',';
    append_number(out, "quantity", std::to_string(line.quantity));
    out += ',';
    append_number(out, "unitPrice", format_amount(line.unit_price, currency));
    out += ',';
    append_number(out, "lineTotal", format_amount(line.total(), currency));
    out += '}';
}

// U+0080 to U+009F are control characters too; the parser has checked that it is UTF-8.
std::string clean_reason(std::string_view text) {
    std::string out;
    std::size_t characters = 0;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const auto value = static_cast<std::uint8_t>(text[i]);
        const bool starts_one = (value & 0xc0) != 0x80;
        if (starts_one && characters++ == reason_characters_max) break;
        if (value == 0xc2 && i + 1 < text.size() && static_cast<std::uint8_t>(text[i + 1]) < 0xa0) {
            ++i;
            out += ' ';
        } else {
            out += is_control(text[i]) ? ' ' : text[i];
        }
    }
    const std::size_t first = out.find_first_not_of(' ');
    if (first == std::string::npos) return {};
    return out.substr(first, out.find_last_not_of(' ') - first + 1);
}

}  // namespace

std::string order_json(const Order& order, const Currency& currency) {
    std::string out = "{";
    append_member(out, "orderId", order.id.text);
    out += ',';
    append_member(out, "userId", order.user_id.text);
    out += ',';
    append_member(out, "location", order.location);
    out += ',';
    append_member(out, "currency", currency.code);
    out += ',';
    append_number(out, "totalAmount", format_amount(order.total, currency));
    out += ",\"items\":[";
    for (std::size_t i = 0; i < order.lines.size(); ++i) {
        if (i > 0) out += ',';
        append_line(out, order.lines[i], currency);
    }
    out += "],";
    append_member(out, "createdAt", format_rfc3339(order.created_at));
    out += '}';
    return out;
}

std::string read_reason(std::string_view body) {
    boost::system::error_code problem;
    const boost::json::value parsed = boost::json::parse({body.data(), body.size()}, problem);
    if (problem || !parsed.is_object()) return {};
    const boost::json::value* reason = parsed.get_object().if_contains("reason");
    if (reason == nullptr || !reason->is_string()) return {};
    const boost::json::string& text = reason->get_string();
    return clean_reason({text.data(), text.size()});
}

}  // namespace waybill::webcall

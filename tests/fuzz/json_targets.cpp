#include <array>
#include <string>

#include "domain/user.hpp"
#include "http/body_reader.hpp"
#include "http/decode.hpp"
#include "http/json.hpp"
#include "tests/fuzz/input.hpp"
#include "tests/fuzz/targets.hpp"

namespace waybill::fuzz {

namespace {

using http::Json;

void write(http::JsonWriter& out, const Json& value) {
    switch (value.kind) {
        case Json::Kind::null:
            out.null();
            return;
        case Json::Kind::boolean:
            out.boolean(value.boolean);
            return;
        case Json::Kind::number:
            out.raw(value.text);
            return;
        case Json::Kind::string:
            out.string(value.text);
            return;
        case Json::Kind::array:
            out.begin_array();
            for (const Json& item : value.items) write(out, item);
            out.end_array();
            return;
        case Json::Kind::object:
            // The writer's names are words of ours, so pairs stand for members.
            out.begin_array();
            for (const Json::Member& member : value.members) {
                out.begin_array().string(member.name);
                write(out, member.value);
                out.end_array();
            }
            out.end_array();
            return;
    }
}

std::string text_of(const Json& value) {
    http::JsonWriter out;
    write(out, value);
    return out.take();
}

void read_and_write(std::string_view bytes) {
    const auto value = http::read_json(bytes);
    if (!value) {
        require(!value.error().detail.empty() || !value.error().field.message.empty(), "a refusal says why");
        return;
    }
    const std::string text = text_of(*value);
    // Pairs in place of members make it deeper than what was read.
    if (const auto again = http::read_json(text)) {
        http::JsonWriter flat;
        write(flat, *again);
        require(flat.take() == text, "what was written reads as the same");
    } else {
        require(!again.error().malformed, "what is written is JSON");
    }
}

void echo_string(std::string_view bytes) {
    const std::string document = http::JsonWriter().string(bytes).take();
    const auto value = http::read_json(document);
    require(value.has_value() && value->kind == Json::Kind::string, "every string is written as one");
    if (count_code_points(bytes)) require(value->text == bytes, "UTF-8 comes back as it was");
    require(count_code_points(value->text).has_value(), "what is written is UTF-8");
}

void json(std::string_view bytes) {
    read_and_write(bytes);
    echo_string(bytes);
}

template <class T>
bool is_sound(const http::Decoded<T>& decoded) {
    if (decoded.has_value()) return true;
    const http::Response& refusal = decoded.error();
    require(refusal.status == 400 || refusal.status == 422, "a body is refused with 400 or 422");
    const auto body = http::read_json(refusal.body);
    require(body.has_value() && body->find("code") != nullptr, "a refusal is a problem document");
    return false;
}

std::string write_order(const OrderRequest& order, const Currency& currency) {
    http::JsonWriter out;
    out.begin_object();
    if (order.location) out.name("location").string(*order.location);
    if (order.expected_total) out.name("totalAmount").raw(format_amount(*order.expected_total, currency));
    out.name("items").begin_array();
    for (const RequestedLine& line : order.lines) {
        out.begin_object().name("productId").string(line.product_id.text);
        out.name("quantity").integer(line.quantity).end_object();
    }
    out.end_array().end_object();
    return out.take();
}

void order_body(const http::Request& request) {
    const Currency currency;
    const auto order = http::decode_order_request(request, currency);
    if (!is_sound(order)) return;
    http::Request again = request;
    const std::string body = write_order(*order, currency);
    again.body = body;
    const auto reread = http::decode_order_request(again, currency);
    require(reread.has_value() && reread->lines == order->lines && reread->location == order->location &&
                reread->expected_total == order->expected_total,
            "an order reads as it is written");
}

void bodies(std::string_view bytes) {
    Input input(bytes);
    const std::size_t kind = input.choice(11);
    http::Request request;
    request.method = http::Method::post;
    request.target = request.path = "/api/v1/x";
    request.body = input.rest();
    request.request_id = "r";
    const Currency currency;
    switch (kind) {
        case 0:
            order_body(request);
            return;
        case 1:
            is_sound(http::decode_registration(request));
            return;
        case 2:
            is_sound(http::decode_credentials(request));
            return;
        case 3:
            is_sound(http::decode_password_change(request));
            return;
        case 4:
            is_sound(http::decode_forgotten_password(request));
            return;
        case 5:
            is_sound(http::decode_password_reset(request));
            return;
        case 6:
            is_sound(http::decode_new_product(request, currency));
            return;
        case 7:
            is_sound(http::decode_product_patch(request, currency));
            return;
        case 8:
            is_sound(http::decode_stock_level(request));
            return;
        case 9:
            is_sound(http::decode_stock_adjustment(request));
            return;
        default:
            is_sound(http::decode_nothing(request));
            return;
    }
}

constexpr std::array targets{Target{"json", json}, Target{"bodies", bodies}};

}  // namespace

std::span<const Target> json_targets() { return targets; }

}  // namespace waybill::fuzz

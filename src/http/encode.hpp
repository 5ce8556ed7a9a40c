// Resources as the wire has them. A success is the resource itself; lists are
// {"data":[...],"nextCursor":"..."|null}.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "app/auth.hpp"
#include "app/operations.hpp"
#include "app/page.hpp"
#include "domain/order.hpp"
#include "domain/product.hpp"
#include "http/json.hpp"
#include "http/message.hpp"

namespace waybill::http {

// `message` is left out when it is empty.
void write_order(JsonWriter& json, const Order& order, const Currency& currency, std::string_view message = {});
void write_status_change(JsonWriter& json, const StatusChange& change);
void write_product(JsonWriter& json, const Product& product, const Currency& currency);
void write_stock_level(JsonWriter& json, const StockLevel& level);
void write_stock_changed(JsonWriter& json, const StockChanged& changed);
void write_user(JsonWriter& json, const User& user);
void write_login(JsonWriter& json, const Login& login);
void write_session(JsonWriter& json, const Session& session, const SessionId& current);
void write_dead_letter(JsonWriter& json, const DeadLetter& letter);
void write_figures(JsonWriter& json, const Figures& figures);

[[nodiscard]] std::size_t order_size_hint(const Order& order);

[[nodiscard]] Response json_response(int status, JsonWriter& json);
[[nodiscard]] Response no_content();

// `write(json, element)` writes one element; `cursor` leads to the next page.
template <class T, class Write>
[[nodiscard]] Response list_response(std::span<const T> data, const std::optional<std::string>& cursor, Write write) {
    JsonWriter json;
    json.begin_object().name("data").begin_array();
    for (const T& element : data) write(json, element);
    json.end_array().name("nextCursor");
    if (cursor) {
        json.string(*cursor);
    } else {
        json.null();
    }
    json.end_object();
    return json_response(200, json);
}

// For a page of a list; `make_cursor(key)` makes the cursor of its next page.
template <class T, class Key, class Cursor, class Write>
[[nodiscard]] Response page_response(const Page<T, Key>& page, Cursor make_cursor, Write write) {
    std::optional<std::string> cursor;
    if (page.next) cursor = make_cursor(*page.next);
    return list_response(std::span<const T>(page.data), cursor, std::move(write));
}

}  // namespace waybill::http

#include "http/encode.hpp"

#include <array>
#include <charconv>
#include <chrono>

namespace waybill::http {

namespace {

// What an order and a line of it take beside their names, generously.
constexpr std::size_t order_bytes = 512;
constexpr std::size_t line_bytes = 192;

void write_time(JsonWriter& json, std::string_view name, TimePoint time) {
    const std::array<char, 24> text = to_rfc3339(time);
    json.name(name).string({text.data(), text.size()});
}

void write_decimal(JsonWriter& json, std::string_view name, double value) {
    std::array<char, 64> text{};
    const auto end = std::to_chars(text.data(), text.data() + text.size(), value, std::chars_format::fixed, 3);
    json.name(name).raw(end.ec == std::errc{} ? std::string_view(text.data(), end.ptr) : "0");
}

double to_seconds(Milliseconds duration) { return std::chrono::duration<double>(duration).count(); }

void write_line(JsonWriter& json, const OrderLine& line, const Currency& currency) {
    json.begin_object();
    json.name("productId").string(line.product_id.text);
    json.name("name").string(line.name);
    json.name("quantity").integer(line.quantity);
    json.name("unitPrice").raw(format_amount(line.unit_price, currency));
    json.name("lineTotal").raw(format_amount(line.total(), currency));
    json.end_object();
}

}  // namespace

std::size_t order_size_hint(const Order& order) { return order_bytes + line_bytes * order.lines.size(); }

void write_order(JsonWriter& json, const Order& order, const Currency& currency, std::string_view message) {
    json.begin_object();
    json.name("orderId").string(order.id.text);
    json.name("status").string(to_text(order.status));
    if (!message.empty()) json.name("message").string(message);
    if (!order.reason.empty()) json.name("reason").string(order.reason);
    json.name("location").string(order.location);
    json.name("items").begin_array();
    for (const OrderLine& line : order.lines) write_line(json, line, currency);
    json.end_array();
    json.name("totalAmount").raw(format_amount(order.total, currency));
    json.name("currency").string(currency.code);
    write_time(json, "createdAt", order.created_at);
    write_time(json, "updatedAt", order.updated_at());
    json.end_object();
}

void write_status_change(JsonWriter& json, const StatusChange& change) {
    json.begin_object();
    json.name("status").string(to_text(change.status));
    write_time(json, "at", change.at);
    if (!change.reason.empty()) json.name("reason").string(change.reason);
    json.end_object();
}

void write_product(JsonWriter& json, const Product& product, const Currency& currency) {
    json.begin_object();
    json.name("productId").string(product.id.text);
    json.name("name").string(product.name);
    json.name("description").string(product.description);
    json.name("price").raw(format_amount(product.price, currency));
    json.name("currency").string(currency.code);
    json.name("active").boolean(product.active);
    write_time(json, "createdAt", product.created_at);
    write_time(json, "updatedAt", product.updated_at);
    json.end_object();
}

void write_stock_level(JsonWriter& json, const StockLevel& level) {
    json.begin_object();
    json.name("productId").string(level.product_id.text);
    json.name("location").string(level.location);
    json.name("available").integer(level.available);
    json.end_object();
}

void write_stock_changed(JsonWriter& json, const StockChanged& changed) {
    json.begin_object();
    json.name("available").integer(changed.available);
    json.name("previous").integer(changed.previous);
    json.end_object();
}

void write_user(JsonWriter& json, const User& user) {
    json.begin_object();
    json.name("userId").string(user.id.text);
    json.name("email").string(user.email);
    json.name("name").string(user.name);
    json.name("role").string(to_text(user.role));
    write_time(json, "createdAt", user.created_at);
    json.end_object();
}

void write_login(JsonWriter& json, const Login& login) {
    json.begin_object();
    json.name("accessToken").string(login.access_token);
    json.name("tokenType").string("Bearer");
    json.name("expiresIn").integer(std::chrono::duration_cast<std::chrono::seconds>(login.expires_in).count());
    json.name("user");
    write_user(json, login.user);
    json.end_object();
}

void write_session(JsonWriter& json, const Session& session, const SessionId& current) {
    json.begin_object();
    json.name("sessionId").string(session.id.text);
    write_time(json, "createdAt", session.created_at);
    write_time(json, "lastUsedAt", session.last_used_at);
    write_time(json, "expiresAt", session.expires_at);
    json.name("agent").string(session.agent);
    json.name("current").boolean(session.id == current);
    json.end_object();
}

void write_dead_letter(JsonWriter& json, const DeadLetter& letter) {
    json.begin_object();
    json.name("id").string(letter.id.text);
    json.name("kind").string(to_text(letter.kind));
    json.name("orderId").string(letter.order_id.text);
    json.name("reason").string(letter.reason);
    json.name("attempts").integer(letter.attempts);
    write_time(json, "createdAt", letter.created_at);
    json.end_object();
}

void write_figures(JsonWriter& json, const Figures& figures) {
    const double uptime = to_seconds(figures.uptime);
    json.begin_object();
    json.name("work").begin_array();
    for (const auto& [kind, depth] : figures.store.work) {
        json.begin_object();
        json.name("kind").string(to_text(kind));
        json.name("depth").integer(depth.count);
        write_decimal(json, "oldestAgeSeconds", to_seconds(depth.oldest_age));
        json.end_object();
    }
    json.end_array();
    json.name("deadLetters").integer(figures.store.dead_letters);
    write_decimal(json, "uptimeSeconds", uptime);
    json.name("countsSinceStart").begin_object();
    for (const auto& [name, count] : figures.counts_since_start)
        json.name(name).integer(static_cast<std::int64_t>(count));
    json.end_object();
    json.name("ratesPerSecond").begin_object();
    for (const auto& [name, count] : figures.counts_since_start)
        write_decimal(json, name, uptime > 0 ? count / uptime : 0);
    json.end_object();
    json.name("orderBatches").begin_object();
    json.name("count").integer(static_cast<std::int64_t>(figures.order_batches));
    write_decimal(json, "meanSize", figures.order_batch_size_mean);
    json.end_object();
    json.end_object();
}

Response json_response(int status, JsonWriter& json) {
    Response response;
    response.status = status;
    response.body = json.take();
    return response;
}

Response no_content() {
    Response response;
    response.status = 204;
    response.content_type.clear();
    return response;
}

}  // namespace waybill::http

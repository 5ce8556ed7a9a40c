#include "domain/encoding.hpp"

#include <cstdint>
#include <limits>
#include <utility>

namespace waybill {

namespace {

// The first byte: what follows, and in which version of its form.
// order_2 is order_1 with a trace; an order without one is still written as order_1.
enum class Form : std::uint8_t { lines_1 = 0x11, order_1 = 0x21, order_2 = 0x22, product_1 = 0x31, products_1 = 0x41 };

class Writer {
public:
    explicit Writer(Form form) { byte(static_cast<std::uint8_t>(form)); }

    void byte(std::uint8_t value) { bytes_ += static_cast<char>(value); }

    // Seven bits a byte, the lowest first; the high bit says that more follow.
    void size(std::uint64_t value) {
        for (; value >= 0x80; value >>= 7) byte(static_cast<std::uint8_t>(value | 0x80));
        byte(static_cast<std::uint8_t>(value));
    }

    // Zigzag, so that small negative numbers stay short.
    void number(std::int64_t value) {
        const auto bits = static_cast<std::uint64_t>(value);
        size((bits << 1) ^ (value < 0 ? ~std::uint64_t{0} : 0));
    }

    void text(std::string_view value) {
        size(value.size());
        bytes_ += value;
    }

    void trace(const TraceContext& value) { bytes_ += as_bytes(value); }

    void time(TimePoint value) { number(to_unix_ms(value)); }

    void optional_time(const std::optional<TimePoint>& value) {
        byte(value ? 1 : 0);
        if (value) time(*value);
    }

    [[nodiscard]] std::string take() { return std::move(bytes_); }

private:
    std::string bytes_;
};

// After the first thing that is wrong every read answers a zero and is_complete() is false.
class Reader {
public:
    Reader(std::string_view bytes, Form form) : rest_(bytes) {
        if (byte() != static_cast<std::uint8_t>(form)) spoil();
    }

    std::uint8_t byte() {
        if (rest_.empty()) {
            spoil();
            return 0;
        }
        const auto value = static_cast<std::uint8_t>(rest_.front());
        rest_.remove_prefix(1);
        return value;
    }

    std::uint64_t size() {
        std::uint64_t value = 0;
        for (unsigned shift = 0; shift < 64; shift += 7) {
            const std::uint8_t next = byte();
            const auto bits = static_cast<std::uint64_t>(next & 0x7f);
            if (shift == 63 && bits > 1) break;
            value |= bits << shift;
            if ((next & 0x80) != 0) continue;
            if (next == 0 && shift > 0) break;  // a longer form than we write
            return value;
        }
        spoil();
        return 0;
    }

    std::int64_t number() {
        const std::uint64_t value = size();
        return static_cast<std::int64_t>((value >> 1) ^ (0 - (value & 1)));
    }

    std::string text() {
        const std::uint64_t length = size();
        if (length > rest_.size()) {
            spoil();
            return {};
        }
        std::string value{rest_.substr(0, length)};
        rest_.remove_prefix(length);
        return value;
    }

    TraceContext trace() {
        const std::optional<TraceContext> value = read_trace(rest_.substr(0, sizeof(TraceContext)));
        if (!value) {
            spoil();
            return {};
        }
        rest_.remove_prefix(sizeof(TraceContext));
        return *value;
    }

    bool flag() {
        const std::uint8_t value = byte();
        if (value > 1) spoil();
        return value == 1;
    }

    TimePoint time() { return from_unix_ms(number()); }

    std::optional<TimePoint> optional_time() { return flag() ? std::optional{time()} : std::nullopt; }

    OrderStatus status() {
        const std::uint8_t value = byte();
        if (value > static_cast<std::uint8_t>(OrderStatus::cancelled)) {
            spoil();
            return OrderStatus::pending;
        }
        return static_cast<OrderStatus>(value);
    }

    [[nodiscard]] bool is_sound() const { return !spoiled_; }
    [[nodiscard]] bool is_complete() const { return !spoiled_ && rest_.empty(); }

private:
    void spoil() {
        spoiled_ = true;
        rest_ = {};
    }

    std::string_view rest_;
    bool spoiled_ = false;
};

void write_lines(Writer& out, const std::vector<OrderLine>& lines) {
    out.size(lines.size());
    for (const OrderLine& line : lines) {
        out.text(line.product_id.text);
        out.text(line.name);
        out.number(line.quantity);
        out.number(line.unit_price);
    }
}

std::vector<OrderLine> read_lines(Reader& in) {
    std::vector<OrderLine> lines;
    for (std::uint64_t left = in.size(); left > 0 && in.is_sound(); --left) {
        OrderLine line;
        line.product_id.text = in.text();
        line.name = in.text();
        line.quantity = in.number();
        line.unit_price = in.number();
        lines.push_back(std::move(line));
    }
    return lines;
}

void write_product(Writer& out, const Product& product) {
    out.text(product.id.text);
    out.text(product.name);
    out.text(product.description);
    out.number(product.price);
    out.byte(product.active ? 1 : 0);
    out.time(product.created_at);
    out.time(product.updated_at);
}

Product read_product(Reader& in) {
    Product product;
    product.id.text = in.text();
    product.name = in.text();
    product.description = in.text();
    product.price = in.number();
    product.active = in.flag();
    product.created_at = in.time();
    product.updated_at = in.time();
    return product;
}

template <class T>
std::optional<T> if_complete(const Reader& in, T value) {
    if (!in.is_complete()) return std::nullopt;
    return value;
}

}  // namespace

std::string encode_lines(const std::vector<OrderLine>& lines) {
    Writer out{Form::lines_1};
    write_lines(out, lines);
    return out.take();
}

std::optional<std::vector<OrderLine>> decode_lines(std::string_view bytes) {
    Reader in{bytes, Form::lines_1};
    auto lines = read_lines(in);
    return if_complete(in, std::move(lines));
}

std::string encode_order(const Order& order) {
    Writer out{order.trace.is_set() ? Form::order_2 : Form::order_1};
    out.text(order.id.text);
    out.text(order.user_id.text);
    out.text(order.location);
    write_lines(out, order.lines);
    out.number(order.total);
    out.byte(static_cast<std::uint8_t>(order.status));
    out.time(order.created_at);
    out.optional_time(order.processing_at);
    out.optional_time(order.finished_at);
    out.text(order.reason);
    if (order.trace.is_set()) out.trace(order.trace);
    return out.take();
}

std::optional<Order> decode_order(std::string_view bytes) {
    const bool traced = !bytes.empty() && bytes.front() == static_cast<char>(Form::order_2);
    Reader in{bytes, traced ? Form::order_2 : Form::order_1};
    Order order;
    order.id.text = in.text();
    order.user_id.text = in.text();
    order.location = in.text();
    order.lines = read_lines(in);
    order.total = in.number();
    order.status = in.status();
    order.created_at = in.time();
    order.processing_at = in.optional_time();
    order.finished_at = in.optional_time();
    order.reason = in.text();
    if (traced) order.trace = in.trace();
    return if_complete(in, std::move(order));
}

std::string encode_product(const Product& product) {
    Writer out{Form::product_1};
    write_product(out, product);
    return out.take();
}

std::optional<Product> decode_product(std::string_view bytes) {
    Reader in{bytes, Form::product_1};
    auto product = read_product(in);
    return if_complete(in, std::move(product));
}

std::string encode_products(const std::vector<Product>& products) {
    Writer out{Form::products_1};
    out.size(products.size());
    for (const Product& product : products) write_product(out, product);
    return out.take();
}

std::optional<std::vector<Product>> decode_products(std::string_view bytes) {
    Reader in{bytes, Form::products_1};
    std::vector<Product> products;
    for (std::uint64_t left = in.size(); left > 0 && in.is_sound(); --left) products.push_back(read_product(in));
    return if_complete(in, std::move(products));
}

}  // namespace waybill

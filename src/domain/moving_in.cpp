#include "domain/moving_in.hpp"

#include <algorithm>
#include <iterator>
#include <limits>
#include <utility>

namespace waybill {

namespace {

using Remarks = std::vector<Remark>;

std::unexpected<Remark> skip(std::string reason, std::string detail) {
    return std::unexpected(Remark{std::move(reason), std::move(detail)});
}

// An ObjectId, or text that can be an id here.
std::optional<std::string> id_text(const LegacyValue* value) {
    if (value == nullptr) return std::nullopt;
    if (const auto* id = value->as<LegacyObjectId>()) return id->hex;
    const auto* text = value->as<std::string>();
    if (text == nullptr || !is_valid_id(*text)) return std::nullopt;
    return *text;
}

const std::string* text_of(const LegacyDocument& document, std::string_view field) {
    const LegacyValue* value = document.find(field);
    return value == nullptr ? nullptr : value->as<std::string>();
}

bool is_control(char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }

// Text of at most `length_max` code points without control characters; a remark when it had to change.
std::string clean_text(std::string text, std::size_t length_max, const std::string& what, const std::string& label,
                       Remarks& remarks) {
    const std::string before = text;
    std::ranges::replace_if(text, is_control, ' ');
    // U+0080 to U+009F are control characters too; UTF-8 writes them as C2 80 to C2 9F.
    for (std::size_t i = 0; i + 1 < text.size(); ++i) {
        if (text[i] == '\xc2' && static_cast<unsigned char>(text[i + 1]) < 0xa0) text.replace(i, 2, " ");
    }
    std::size_t end = 0;
    std::size_t count = 0;
    while (end < text.size() && count < length_max) {
        ++end;
        while (end < text.size() && (static_cast<unsigned char>(text[end]) & 0xc0) == 0x80) ++end;
        ++count;
    }
    text.resize(end);
    if (text != before) remarks.push_back({"the " + what + " was cut or cleaned", label + ": " + printable(before)});
    return text;
}

std::string product_name(const LegacyDocument& document, const std::string& id, const std::string& label,
                         Remarks& remarks) {
    const std::string* name = text_of(document, "name");
    std::string cleaned =
        name == nullptr ? std::string{} : clean_text(*name, product_name_length_max, "name", label, remarks);
    if (!cleaned.empty()) return cleaned;
    remarks.push_back({"the product has no name, so it is called by its id", label});
    return id;
}

// The cost of a product or a line. Empty: unusable.
std::optional<MinorUnits> unit_price(const LegacyValue* value, const LegacyTerms& terms, const std::string& label,
                                     Remarks& remarks) {
    const std::optional<ReadAmount> read = read_amount(value, terms.currency);
    if (!read || read->amount > unit_price_max) return std::nullopt;
    if (read->was_rounded) {
        remarks.push_back({"the price was rounded",
                           label + ": " + printable(value) + " to " + format_amount(read->amount, terms.currency)});
    }
    return read->amount;
}

TimePoint created_at_of(const LegacyDocument& document, const LegacyTerms& terms) {
    const LegacyValue* value = document.find("createdAt");
    if (value != nullptr && value->as<TimePoint>() != nullptr) return *value->as<TimePoint>();
    return time_of_id(document.find("_id")).value_or(terms.now);
}

bool contains(std::span<const std::string> names, std::string_view name) {
    return std::ranges::find(names, name) != names.end();
}

// ---- orders

// Everything of an order but its lines and its total.
std::expected<Order, Remark> head_of(const LegacyDocument& document, const LegacyTerms& terms) {
    const std::string label = label_of(document);
    Order order;
    const std::string* order_id = text_of(document, "orderId");
    if (order_id == nullptr) return skip("the order has no orderId", label);
    if (!is_valid_id(*order_id)) {
        return skip("the orderId is not 1 to 64 characters A-Z a-z 0-9 _ -", label + ": " + printable(*order_id));
    }
    order.id = OrderId{*order_id};
    const std::optional<std::string> user_id = id_text(document.find("userId"));
    if (!user_id) return skip("the order names no user", label);
    order.user_id = UserId{*user_id};
    const std::string* word = text_of(document, "status");
    const std::optional<OrderStatus> status = word == nullptr ? std::nullopt : parse_order_status(*word);
    const bool is_known =
        status == OrderStatus::pending || status == OrderStatus::processed || status == OrderStatus::failed;
    if (!is_known) {
        return skip("the status is none of Pending, Processed, Failed",
                    label + ": " + printable(document.find("status")));
    }
    order.status = *status;
    order.location = no_location;
    order.created_at = created_at_of(document, terms);
    if (is_terminal(order.status)) {
        const LegacyValue* updated = document.find("updatedAt");
        const TimePoint* at = updated == nullptr ? nullptr : updated->as<TimePoint>();
        order.finished_at = order.changed_at(at == nullptr ? order.created_at : *at);
        order.processing_at = order.finished_at;
    }
    return order;
}

Taking<OrderLine> take_line(const LegacyDocument& document, const LegacyTerms& terms, const std::string& label) {
    Taken<OrderLine> taken;
    const std::optional<std::string> product_id = id_text(document.find("productId"));
    if (!product_id) {
        return skip("a line names no product by an id of 1 to 64 characters A-Z a-z 0-9 _ -",
                    label + ": " + printable(document.find("productId")));
    }
    const LegacyValue* count = document.find("quantity");
    const std::optional<ReadWhole> quantity = read_whole(count);
    if (!quantity || quantity->was_cut || quantity->value < 1 || quantity->value > line_quantity_max) {
        return skip("a line has no quantity of 1 to " + std::to_string(line_quantity_max),
                    label + ": " + printable(count));
    }
    const std::optional<MinorUnits> price = unit_price(document.find("price"), terms, label, taken.remarks);
    if (!price) return skip("a line has no usable price", label + ": " + printable(document.find("price")));
    const std::string* name = text_of(document, "name");
    taken.row = {.product_id = ProductId{*product_id},
                 .name = name == nullptr
                             ? std::string{}
                             : clean_text(*name, product_name_length_max, "name of a line", label, taken.remarks),
                 .quantity = quantity->value,
                 .unit_price = *price};
    return taken;
}

// What was charged stays what was charged.
void set_total(Taken<Order>& taken, const LegacyDocument& document, const LegacyTerms& terms) {
    const std::string label = taken.row.id.text;
    MinorUnits sum = 0;
    for (const OrderLine& line : taken.row.lines) sum += line.total();
    const LegacyValue* value = document.find("totalAmount");
    const std::optional<ReadAmount> total = read_amount(value, terms.currency);
    taken.row.total = total ? total->amount : sum;
    if (!total) {
        taken.remarks.push_back(
            {"the order has no usable total, so it is the sum of its lines", label + ": " + printable(value)});
    } else if (total->was_rounded) {
        taken.remarks.push_back({"the total was rounded", label + ": " + printable(value) + " to " +
                                                              format_amount(total->amount, terms.currency)});
    }
    if (taken.row.total != sum) {
        taken.remarks.push_back({"the total is not the sum of the lines; it stays as it was charged",
                                 label + ": " + format_amount(taken.row.total, terms.currency) + ", lines " +
                                     format_amount(sum, terms.currency)});
    }
}

Taking<Order> complete(Taken<Order> taken, const LegacyDocument& document, const LegacyTerms& terms) {
    const std::string label = label_of(document);
    if (taken.row.lines.empty()) return skip("the order has no lines", label);
    if (taken.row.lines.size() > order_lines_max) {
        return skip("the order has more than " + std::to_string(order_lines_max) + " lines", label);
    }
    set_total(taken, document, terms);
    for (OrderLine& line : taken.row.lines) {
        if (line.name.empty()) line.name = line.product_id.text;
    }
    return taken;
}

}  // namespace

Result<LegacySystem> detect_system(std::span<const std::string> collections) {
    const bool is_a =
        contains(collections, "inventories") || (contains(collections, "users") && contains(collections, "orders"));
    const bool is_b =
        contains(collections, "User") || contains(collections, "Product") || contains(collections, "Order");
    if (contains(collections, "work") && contains(collections, "meta")) {
        return fail(ErrorCode::validation_failed,
                    "This database is one of Waybill itself; name that of the old system in --from.");
    }
    if (is_a && is_b) {
        return fail(ErrorCode::validation_failed,
                    "This database holds collections of both old systems; say --system a or --system b.");
    }
    if (is_a) return LegacySystem::a;
    if (is_b) return LegacySystem::b;
    return fail(ErrorCode::validation_failed,
                "This database holds collections of neither old system (users, inventories, orders; or User, Product, "
                "Inventory, Order, OrderItem). Does --from name the right database?");
}

std::vector<std::string> collections_of(LegacySystem system) {
    switch (system) {
        case LegacySystem::a:
            return {"users", "inventories", "orders"};
        case LegacySystem::b:
            return {"User", "Product", "Inventory", "OrderItem", "Order"};
    }
    std::unreachable();
}

Taking<User> take_user(const LegacyDocument& document, const LegacyTerms& terms) {
    const std::string label = label_of(document);
    Taken<User> taken;
    const std::optional<std::string> id = id_text(document.find("_id"));
    if (!id) return skip("the _id is not 1 to 64 characters A-Z a-z 0-9 _ -", label);
    const std::string* email = text_of(document, "email");
    const std::optional<std::string> address = email == nullptr ? std::nullopt : normalize_email(*email);
    if (!address) return skip("the user has no usable e-mail address", label);
    const std::string* name = text_of(document, "name");
    const std::string* hash = text_of(document, "password");
    const bool can_log_in = hash != nullptr && is_bcrypt_hash(*hash);
    if (!can_log_in) {
        taken.remarks.push_back(
            {hash == nullptr
                 ? std::string{"the user has no password and must ask for a new one (forgot-password)"}
                 : "the password is not a bcrypt hash that can be verified here (damaged, or of a cost above " +
                       std::to_string(bcrypt_cost_max) + "); the user must ask for a new one (forgot-password)",
             label});
    }
    taken.row = {
        .id = UserId{*id},
        .email = *address,
        .name = name == nullptr ? std::string{} : clean_text(*name, user_name_length_max, "name", label, taken.remarks),
        .password_hash = can_log_in ? *hash : std::string{},
        .role = Role::customer,
        .created_at = time_of_id(document.find("_id")).value_or(terms.now)};
    return taken;
}

Taking<StockedProduct> take_stocked_product(const LegacyDocument& document, const LegacyTerms& terms) {
    const std::string label = label_of(document);
    Taken<StockedProduct> taken;
    const std::optional<std::string> id = id_text(document.find("productId"));
    if (!id) {
        return skip("the productId is not 1 to 64 characters A-Z a-z 0-9 _ -",
                    label + ": " + printable(document.find("productId")));
    }
    const TimePoint created = created_at_of(document, terms);
    taken.row.product = {.id = ProductId{*id},
                         .name = product_name(document, *id, label, taken.remarks),
                         .description = {},
                         .price = 0,
                         .active = false,
                         .created_at = created,
                         .updated_at = created};
    const LegacyValue* value = document.find("stock");
    const std::optional<ReadWhole> stock = read_whole(value);
    if (!stock) {
        taken.remarks.push_back({"the stock is no number, so none was put in", label + ": " + printable(value)});
        return taken;
    }
    if (stock->was_cut)
        taken.remarks.push_back({"the stock was cut to a whole number", label + ": " + printable(value)});
    taken.row.stock = stock->value;
    return taken;
}

Taking<Product> take_product(const LegacyDocument& document, const LegacyTerms& terms) {
    const std::string label = label_of(document);
    Taken<Product> taken;
    const std::optional<std::string> id = id_text(document.find("_id"));
    if (!id) return skip("the _id is not 1 to 64 characters A-Z a-z 0-9 _ -", label);
    const std::string* description = text_of(document, "description");
    const std::optional<MinorUnits> price = unit_price(document.find("price"), terms, label, taken.remarks);
    if (!price) {
        taken.remarks.push_back({"the product has no usable price and is inactive until it has one",
                                 label + ": " + printable(document.find("price"))});
    }
    const TimePoint created = created_at_of(document, terms);
    taken.row = {.id = ProductId{*id},
                 .name = product_name(document, *id, label, taken.remarks),
                 .description = description == nullptr ? std::string{}
                                                       : clean_text(*description, product_description_length_max,
                                                                    "description", label, taken.remarks),
                 .price = price.value_or(0),
                 .active = price.has_value(),
                 .created_at = created,
                 .updated_at = created};
    return taken;
}

Taking<StockLevel> take_stock(const LegacyDocument& document, const LegacyTerms& terms) {
    const std::string label = label_of(document);
    Taken<StockLevel> taken;
    const std::optional<std::string> product_id = id_text(document.find("productId"));
    if (!product_id) return skip("the stock names no product", label);
    const std::string* place = text_of(document, "location");
    const std::string location = place == nullptr ? terms.location : location_name(*place);
    if (!is_valid_location(location) || location.size() > id_length_max) {
        return skip("the location cannot be the name of one", label + ": " + printable(document.find("location")));
    }
    if (place != nullptr && location != *place) {
        taken.remarks.push_back({"the location was renamed (1 to 64 characters A-Z a-z 0-9 _ -)",
                                 label + ": " + printable(*place) + " to " + location});
    }
    const LegacyValue* value = document.find("stock");
    const std::optional<ReadWhole> stock = read_whole(value);
    if (!stock) return skip("the stock is no number", label + ": " + printable(value));
    if (stock->was_cut)
        taken.remarks.push_back({"the stock was cut to a whole number", label + ": " + printable(value)});
    taken.row = {ProductId{*product_id}, location, stock->value};
    return taken;
}

std::int64_t add_stock(std::int64_t sum, std::int64_t units) {
    std::int64_t added = 0;
    if (!__builtin_add_overflow(sum, units, &added)) return added;
    return units < 0 ? std::numeric_limits<std::int64_t>::min() : std::numeric_limits<std::int64_t>::max();
}

std::int64_t bounded_stock(std::int64_t sum, const std::string& label, std::vector<Remark>& remarks) {
    if (sum < 0) remarks.push_back({"the stock was negative and is 0 now", label + ": " + std::to_string(sum)});
    if (sum > stock_max) {
        remarks.push_back({"the stock was cut to what a place can hold", label + ": " + std::to_string(sum)});
    }
    return std::clamp<std::int64_t>(sum, 0, stock_max);
}

std::optional<std::string> order_key_of(const LegacyDocument& item) {
    const LegacyValue* key = item.find("orderId");
    if (key == nullptr) return std::nullopt;
    if (const auto* id = key->as<LegacyObjectId>()) return id->hex;
    const auto* text = key->as<std::string>();
    if (text == nullptr) return std::nullopt;
    return *text;
}

Taking<OrderLine> take_order_item(const LegacyDocument& document, const LegacyTerms& terms) {
    return take_line(document, terms, label_of(document));
}

Taking<Order> take_order_a(const LegacyDocument& document, const LegacyTerms& terms) {
    std::expected<Order, Remark> head = head_of(document, terms);
    if (!head) return std::unexpected(head.error());
    Taken<Order> taken{*std::move(head), {}};
    const LegacyValue* items = document.find("items");
    const LegacyArray* lines = items == nullptr ? nullptr : items->as<LegacyArray>();
    if (lines == nullptr) return skip("the order has no lines", label_of(document));
    for (const LegacyValue& item : *lines) {
        const LegacyDocument* line = item.as<LegacyDocument>();
        if (line == nullptr) return skip("a line of the order is no document", label_of(document));
        Taking<OrderLine> read = take_line(*line, terms, taken.row.id.text);
        if (!read) return std::unexpected(read.error());
        taken.row.lines.push_back(std::move(read->row));
        std::ranges::move(read->remarks, std::back_inserter(taken.remarks));
    }
    return complete(std::move(taken), document, terms);
}

Taking<Order> take_order_b(const LegacyDocument& document, std::vector<OrderLine> lines, const LegacyTerms& terms) {
    std::expected<Order, Remark> head = head_of(document, terms);
    if (!head) return std::unexpected(head.error());
    Taken<Order> taken{*std::move(head), {}};
    taken.row.lines = std::move(lines);
    return complete(std::move(taken), document, terms);
}

std::vector<std::string> keys_of_order(const LegacyDocument& document) {
    std::vector<std::string> keys;
    if (const std::string* order_id = text_of(document, "orderId")) keys.push_back(*order_id);
    if (const std::optional<std::string> id = id_text(document.find("_id")); id && !contains(keys, *id)) {
        keys.push_back(*id);
    }
    return keys;
}

Order fail_pending(Order order, TimePoint now) {
    order.status = OrderStatus::failed;
    order.finished_at = order.changed_at(now);
    order.processing_at = order.finished_at;
    order.reason = "It was still pending when the shop moved.";
    return order;
}

}  // namespace waybill

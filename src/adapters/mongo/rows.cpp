#include "adapters/mongo/rows.hpp"

#include <stdexcept>

namespace waybill::mongo {

namespace {

WorkState parse_state(const std::string& word) {
    for (const WorkState state : {WorkState::due, WorkState::sent, WorkState::claimed}) {
        if (to_word(state) == word) return state;
    }
    throw std::runtime_error("a work item has an unknown state");
}

WorkKind parse_kind(const std::string& word) {
    for (const WorkKind kind : {WorkKind::process_order, WorkKind::send_mail}) {
        if (to_text(kind) == word) return kind;
    }
    throw std::runtime_error("a work item has an unknown kind");
}

// Absent where there is no trace.
std::optional<std::string> write_trace(const TraceContext& trace) {
    return trace.is_set() ? std::optional(to_traceparent(trace)) : std::nullopt;
}

TraceContext read_trace_of(const View& found) {
    return parse_traceparent(found.text_or("traceparent", "")).value_or(TraceContext{});
}

std::vector<OrderLine> read_lines(const std::vector<Document>& found) {
    std::vector<OrderLine> lines;
    lines.reserve(found.size());
    for (const Document& document : found) {
        const View line(document);
        lines.push_back({.product_id = ProductId(line.text("product_id")),
                         .name = line.text("name"),
                         .quantity = line.integer("quantity"),
                         .unit_price = line.integer("unit_price")});
    }
    return lines;
}

std::vector<Document> write_lines(const std::vector<OrderLine>& lines) {
    std::vector<Document> made;
    made.reserve(lines.size());
    for (const OrderLine& line : lines) {
        made.push_back(doc("product_id", line.product_id, "name", line.name, "quantity", line.quantity, "unit_price",
                           line.unit_price));
    }
    return made;
}

}  // namespace

std::string_view to_word(WorkState state) {
    switch (state) {
        case WorkState::due:
            return "due";
        case WorkState::sent:
            return "sent";
        case WorkState::claimed:
            return "claimed";
    }
    throw std::logic_error("an unknown state of work");
}

Order read_order(const View& found) {
    const std::optional<OrderStatus> status = parse_order_status(found.text("status"));
    require(status.has_value(), "a stored order has an unknown status");
    return {.id = OrderId(found.text("_id")),
            .user_id = UserId(found.text("user_id")),
            .location = found.text("location"),
            .lines = read_lines(found.documents("lines")),
            .total = found.integer("total"),
            .status = *status,
            .created_at = found.time("created_at"),
            .processing_at = found.optional_time("processing_at"),
            .finished_at = found.optional_time("finished_at"),
            .reason = found.text_or("reason", ""),
            .trace = read_trace_of(found)};
}

Document write_order(const Order& order) {
    return doc("_id", order.id, "user_id", order.user_id, "location", order.location, "lines", write_lines(order.lines),
               "total", order.total, "status", to_text(order.status), "created_at", order.created_at, "processing_at",
               order.processing_at, "finished_at", order.finished_at, "reason", order.reason, "traceparent",
               write_trace(order.trace));
}

WorkItem read_work_item(const View& found) {
    return {.id = WorkId(found.text("_id")),
            .kind = parse_kind(found.text("kind")),
            .state = parse_state(found.text("state")),
            .order_id = OrderId(found.text("order_id")),
            .ready_at = found.time("ready_at"),
            .epoch = static_cast<std::uint64_t>(found.integer("epoch")),
            .attempts = static_cast<int>(found.integer("attempts")),
            .tries = static_cast<int>(found.integer("tries")),
            .first_try_at = found.optional_time("first_try_at"),
            .send_number = static_cast<std::uint32_t>(found.integer("send_number")),
            .mail_to = found.text_or("mail_to", ""),
            .created_at = found.time("created_at"),
            .resend_at = found.optional_time("resend_at"),
            .trace = read_trace_of(found)};
}

Document write_work_item(const WorkItem& item) {
    return doc("_id", item.id, "kind", to_text(item.kind), "state", to_word(item.state), "order_id", item.order_id,
               "ready_at", item.ready_at, "epoch", item.epoch, "attempts", item.attempts, "tries", item.tries,
               "first_try_at", item.first_try_at, "send_number", item.send_number, "mail_to", item.mail_to,
               "created_at", item.created_at, "resend_at", item.resend_at, "traceparent", write_trace(item.trace));
}

DeadLetter read_dead_letter(const View& found) {
    return {.id = WorkId(found.text("_id")),
            .kind = parse_kind(found.text("kind")),
            .order_id = OrderId(found.text("order_id")),
            .reason = found.text("reason"),
            .attempts = static_cast<int>(found.integer("attempts")),
            .created_at = found.time("created_at")};
}

User read_user(const View& found) {
    const std::optional<Role> role = parse_role(found.text("role"));
    require(role.has_value(), "a stored user has an unknown role");
    return {.id = UserId(found.text("_id")),
            .email = found.text("email"),
            .name = found.text("name"),
            .password_hash = found.text("password_hash"),
            .role = *role,
            .created_at = found.time("created_at")};
}

Document write_user(const User& user) {
    return doc("_id", user.id, "email", user.email, "name", user.name, "password_hash", user.password_hash, "role",
               to_text(user.role), "created_at", user.created_at);
}

Session read_session(const View& found) {
    return {.id = SessionId(found.text("_id")),
            .user_id = UserId(found.text("user_id")),
            .generation = static_cast<std::uint32_t>(found.integer("generation")),
            .rotated_at = found.time("rotated_at"),
            .created_at = found.time("created_at"),
            .last_used_at = found.time("last_used_at"),
            .expires_at = found.time("expires_at"),
            .revoked_at = found.optional_time("revoked_at"),
            .agent = found.text_or("agent", "")};
}

Document write_session(const Session& session) {
    return doc("_id", session.id, "user_id", session.user_id, "generation", session.generation, "rotated_at",
               session.rotated_at, "created_at", session.created_at, "last_used_at", session.last_used_at, "expires_at",
               session.expires_at, "revoked_at", session.revoked_at, "agent", session.agent);
}

Product read_product(const View& found) {
    return {.id = ProductId(found.text("_id")),
            .name = found.text("name"),
            .description = found.text_or("description", ""),
            .price = found.integer("price"),
            .active = found.boolean("active"),
            .created_at = found.time("created_at"),
            .updated_at = found.time("updated_at")};
}

Document write_product(const Product& product) {
    return doc("_id", product.id, "name", product.name, "description", product.description, "price", product.price,
               "active", product.active, "created_at", product.created_at, "updated_at", product.updated_at);
}

StockLevel read_stock(const View& found) {
    return {ProductId(found.text("product_id")), found.text("location"), found.integer("available")};
}

std::string stock_key(const ProductId& id, const std::string& location) { return id.text + "/" + location; }

std::string request_key(const UserId& user_id, const std::string& key) { return user_id.text + "/" + key; }

Document by_id(std::string_view id) { return doc("_id", id); }

Document by_ids(const std::vector<std::string>& ids) { return doc("_id", doc("$in", ids)); }

void put_page(Document& filter, const std::optional<PageKey>& after) {
    if (!after) return;
    // The first condition bounds the index, the second leaves out what was seen at that very time.
    filter.put("created_at", doc("$lte", after->created_at));
    filter.put("$or", array(doc("created_at", doc("$lt", after->created_at)), doc("_id", doc("$lt", after->id))));
}

Document newest_first() { return doc("created_at", -1, "_id", -1); }

}  // namespace waybill::mongo

#include "adapters/sqlite/rows.hpp"

#include <stdexcept>
#include <utility>

#include "domain/encoding.hpp"

namespace waybill::sqlite {

void require(bool holds, const char* what) {
    if (!holds) throw std::runtime_error(what);
}

Order read_order(const Rows& row) {
    std::optional<std::vector<OrderLine>> lines = decode_lines(row.blob(3));
    require(lines.has_value(), "the lines of a stored order cannot be read");
    return {.id = OrderId(row.text(0)),
            .user_id = UserId(row.text(1)),
            .location = row.text(2),
            .lines = *std::move(lines),
            .total = row.integer(4),
            .status = static_cast<OrderStatus>(row.integer(5)),
            .created_at = row.time(6),
            .processing_at = row.optional_time(7),
            .finished_at = row.optional_time(8),
            .reason = row.text(9),
            .trace = read_trace(row.blob(10)).value_or(TraceContext{})};
}

WorkItem read_work_item(const Rows& row) {
    return {.id = WorkId(row.text(0)),
            .kind = static_cast<WorkKind>(row.integer(1)),
            .state = static_cast<WorkState>(row.integer(2)),
            .order_id = OrderId(row.text(3)),
            .ready_at = row.time(4),
            .epoch = static_cast<std::uint64_t>(row.integer(5)),
            .attempts = static_cast<int>(row.integer(6)),
            .tries = static_cast<int>(row.integer(7)),
            .first_try_at = row.optional_time(8),
            .send_number = static_cast<std::uint32_t>(row.integer(9)),
            .mail_to = row.text(10)};
}

DeadLetter read_dead_letter(const Rows& row) {
    return {.id = WorkId(row.text(0)),
            .kind = static_cast<WorkKind>(row.integer(1)),
            .order_id = OrderId(row.text(2)),
            .reason = row.text(3),
            .attempts = static_cast<int>(row.integer(4)),
            .created_at = row.time(5)};
}

User read_user(const Rows& row) {
    return {.id = UserId(row.text(0)),
            .email = row.text(1),
            .name = row.text(2),
            .password_hash = row.text(3),
            .role = static_cast<Role>(row.integer(4)),
            .created_at = row.time(5)};
}

Session read_session(const Rows& row) {
    return {.id = SessionId(row.text(0)),
            .user_id = UserId(row.text(1)),
            .generation = static_cast<std::uint32_t>(row.integer(2)),
            .rotated_at = row.time(3),
            .created_at = row.time(4),
            .last_used_at = row.time(5),
            .expires_at = row.time(6),
            .revoked_at = row.optional_time(7),
            .agent = row.text(8)};
}

Product read_product(const Rows& row) {
    return {.id = ProductId(row.text(0)),
            .name = row.text(1),
            .description = row.text(6),
            .price = row.integer(2),
            .active = row.integer(3) != 0,
            .created_at = row.time(4),
            .updated_at = row.time(5)};
}

}  // namespace waybill::sqlite

// Documents to domain types and back. States and kinds are words, times are dates, so that an
// operator can read them; `_id` is the id of the thing.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "adapters/mongo/bson.hpp"
#include "domain/work.hpp"
#include "ports/store_types.hpp"

namespace waybill::mongo {

// A document of the work collection.
struct WorkItem {
    WorkId id;
    WorkKind kind = WorkKind::process_order;
    WorkState state = WorkState::due;
    OrderId order_id;
    TimePoint ready_at{};  // due: its time; sent: when to send again; claimed: the end of its lease
    std::uint64_t epoch = 0;
    int attempts = 0;
    int tries = 0;
    std::optional<TimePoint> first_try_at{};
    std::uint32_t send_number = 0;
    std::string mail_to{};
    TimePoint created_at{};
    std::optional<TimePoint> resend_at{};
    TraceContext trace{};  // of a process_order: the order's, for its message
};

[[nodiscard]] std::string_view to_word(WorkState state);

// All readers throw std::runtime_error when a document cannot have been written by us.
[[nodiscard]] Order read_order(const View& found);
[[nodiscard]] WorkItem read_work_item(const View& found);
[[nodiscard]] DeadLetter read_dead_letter(const View& found);
[[nodiscard]] User read_user(const View& found);
[[nodiscard]] Session read_session(const View& found);
[[nodiscard]] Product read_product(const View& found);
[[nodiscard]] StockLevel read_stock(const View& found);

[[nodiscard]] Document write_order(const Order& order);
[[nodiscard]] Document write_work_item(const WorkItem& item);
[[nodiscard]] Document write_user(const User& user);
[[nodiscard]] Document write_session(const Session& session);
[[nodiscard]] Document write_product(const Product& product);

// `_id` of a stock level and of an idempotency record: ids and locations have no '/'.
[[nodiscard]] std::string stock_key(const ProductId& id, const std::string& location);
[[nodiscard]] std::string request_key(const UserId& user_id, const std::string& key);

[[nodiscard]] Document by_id(std::string_view id);
[[nodiscard]] Document by_ids(const std::vector<std::string>& ids);

// Restricts `filter` to what comes strictly after `after` in a list that is sorted newest first.
void put_page(Document& filter, const std::optional<PageKey>& after);
[[nodiscard]] Document newest_first();

}  // namespace waybill::mongo

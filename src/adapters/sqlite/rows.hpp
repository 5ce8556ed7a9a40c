// Rows to domain types, by the position of the columns in schema.cpp (SELECT *).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <type_traits>
#include <vector>

#include "adapters/sqlite/connection.hpp"
#include "domain/work.hpp"
#include "ports/store_types.hpp"

namespace waybill::sqlite {

// A row of the work table.
struct WorkItem {
    WorkId id;
    WorkKind kind = WorkKind::process_order;
    WorkState state = WorkState::due;
    OrderId order_id;
    TimePoint ready_at{};
    std::uint64_t epoch = 0;
    int attempts = 0;
    int tries = 0;
    std::optional<TimePoint> first_try_at;
    std::uint32_t send_number = 0;
    std::string mail_to;
};

// All throw std::runtime_error when a row cannot have been written by us.
[[nodiscard]] Order read_order(const Rows& row);
[[nodiscard]] WorkItem read_work_item(const Rows& row);
[[nodiscard]] DeadLetter read_dead_letter(const Rows& row);
[[nodiscard]] User read_user(const Rows& row);
[[nodiscard]] Session read_session(const Rows& row);
[[nodiscard]] Product read_product(const Rows& row);

// The rest of `rows`, each read by `read`.
template <class Read>
[[nodiscard]] auto read_all(Rows&& rows, Read read) {
    std::vector<std::invoke_result_t<Read, const Rows&>> all;
    while (rows.next()) all.push_back(read(rows));
    return all;
}

// The first of `rows`, or empty.
template <class Read>
[[nodiscard]] auto read_first(Rows&& rows, Read read) -> std::optional<std::invoke_result_t<Read, const Rows&>> {
    if (!rows.next()) return std::nullopt;
    return read(rows);
}

// A broken invariant: what was read or written is not what must be.
void require(bool holds, const char* what);

}  // namespace waybill::sqlite

// Keyset pages over rows in memory.
#pragma once

#include <algorithm>
#include <cstddef>
#include <optional>
#include <tuple>
#include <vector>

#include "ports/store_types.hpp"

namespace waybill::testing {

// Sorts by (created_at, id), newest first, and keeps the first `limit` strictly after `after`.
template <class Row>
std::vector<Row> page_newest_first(std::vector<Row> rows, const std::optional<PageKey>& after, std::size_t limit) {
    std::ranges::sort(rows, [](const Row& a, const Row& b) {
        return std::tie(a.created_at, a.id.text) > std::tie(b.created_at, b.id.text);
    });
    if (after) {
        std::erase_if(rows, [&](const Row& row) {
            return std::tie(row.created_at, row.id.text) >= std::tie(after->created_at, after->id);
        });
    }
    if (rows.size() > limit) rows.erase(rows.begin() + static_cast<std::ptrdiff_t>(limit), rows.end());
    return rows;
}

}  // namespace waybill::testing

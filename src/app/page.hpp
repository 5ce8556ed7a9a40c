// One page of a list, and where the next one starts.
#pragma once

#include <cstddef>
#include <optional>
#include <type_traits>
#include <utility>
#include <vector>

#include "ports/store_types.hpp"

namespace waybill {

inline constexpr std::size_t page_limit_max = 100;
inline constexpr std::size_t page_limit_default = 20;

template <class T, class Key = PageKey>
struct Page {
    std::vector<T> data;
    std::optional<Key> next;  // empty: this is the last page
};

// `rows` are what a store answered to `limit + 1`: the surplus row only tells that more follow.
template <class T, class KeyOf>
[[nodiscard]] auto make_page(std::vector<T> rows, std::size_t limit, KeyOf key_of) {
    Page<T, std::invoke_result_t<KeyOf, const T&>> page{std::move(rows), {}};
    if (page.data.size() <= limit) return page;
    page.data.erase(page.data.begin() + static_cast<std::ptrdiff_t>(limit), page.data.end());
    page.next = key_of(page.data.back());
    return page;
}

}  // namespace waybill

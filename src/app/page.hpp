// One page of a list, and where the next one starts.
#pragma once

#include <cstddef>
#include <optional>
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

}  // namespace waybill

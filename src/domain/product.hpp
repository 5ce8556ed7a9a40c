// What the shop sells, and how much of it lies where.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "domain/error.hpp"
#include "domain/ids.hpp"
#include "domain/money.hpp"
#include "domain/time.hpp"

namespace waybill {

inline constexpr std::size_t product_name_length_max = 200;           // code points
inline constexpr std::size_t product_description_length_max = 4'000;  // code points
inline constexpr std::int64_t stock_max = 1'000'000'000'000;

struct Product {
    ProductId id;
    std::string name;
    std::string description;
    MinorUnits price = 0;
    bool active = true;
    TimePoint created_at{};
    TimePoint updated_at{};
    bool operator==(const Product&) const = default;
};

// Members that are absent stay as they are.
struct ProductPatch {
    std::optional<std::string> name;
    std::optional<std::string> description;
    std::optional<MinorUnits> price;
    std::optional<bool> active;
};

[[nodiscard]] Product apply_patch(Product product, const ProductPatch& patch, TimePoint now);

struct StockLevel {
    ProductId product_id;
    std::string location;
    std::int64_t available = 0;
    bool operator==(const StockLevel&) const = default;
};

// Where an order was placed that took no stock here: one that was imported. No location has this name.
inline constexpr std::string_view no_location = "-";

// A location name is 1 to 64 characters [A-Za-z0-9_-], like an id.
[[nodiscard]] bool is_valid_location(std::string_view text);

}  // namespace waybill

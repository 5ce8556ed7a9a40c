// Moving in: what becomes of one document of the two systems that Waybill replaces. System A keeps `users`,
// `inventories` and `orders`, system B `User`, `Product`, `Inventory`, `Order` and `OrderItem`.
//
// A document becomes a row of ours, with remarks about what could not stay as it was, or is skipped for a
// reason. Nothing is guessed: what a customer was charged, ordered or owns is taken as it stands or not
// at all.
#pragma once

#include <cstdint>
#include <expected>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "domain/error.hpp"
#include "domain/legacy_value.hpp"
#include "domain/money.hpp"
#include "domain/order.hpp"
#include "domain/product.hpp"
#include "domain/user.hpp"

namespace waybill {

enum class LegacySystem : std::uint8_t { a, b };

// By the names of its collections. Errors (validation_failed): neither, both, or Waybill's own.
[[nodiscard]] Result<LegacySystem> detect_system(std::span<const std::string> collections);

// The collections of a system, in the order in which they are read.
[[nodiscard]] std::vector<std::string> collections_of(LegacySystem system);

// Remarks of one kind are listed together.
struct Remark {
    std::string kind;    // "the price was rounded"
    std::string detail;  // "67c8...: 12.995 to 13.00"
    bool operator==(const Remark&) const = default;
};

template <class Row>
struct Taken {
    Row row;
    std::vector<Remark> remarks;
};

// The error says why the document is skipped.
template <class Row>
using Taking = std::expected<Taken<Row>, Remark>;

struct LegacyTerms {
    Currency currency;
    std::string location;  // where stock lies that has no place; empty: nowhere
    TimePoint now{};       // for what has no time of its own
};

// Without a usable bcrypt hash, password_hash is empty.
[[nodiscard]] Taking<User> take_user(const LegacyDocument& document, const LegacyTerms& terms);

// System A: a product without a price is inactive; its stock may be missing, or negative.
struct StockedProduct {
    Product product;
    std::optional<std::int64_t> stock;
};
[[nodiscard]] Taking<StockedProduct> take_stocked_product(const LegacyDocument& document, const LegacyTerms& terms);

// System B. Stock may be negative: rows of one product and place are added up.
[[nodiscard]] Taking<Product> take_product(const LegacyDocument& document, const LegacyTerms& terms);
[[nodiscard]] Taking<StockLevel> take_stock(const LegacyDocument& document, const LegacyTerms& terms);

// What no number can hold stays at its bound, which is far beyond what a place can hold.
[[nodiscard]] std::int64_t add_stock(std::int64_t sum, std::int64_t units);

// The sum of one product and place, within the bounds of stock.
[[nodiscard]] std::int64_t bounded_stock(std::int64_t sum, const std::string& label, std::vector<Remark>& remarks);

// One line of an order of system B, and what it calls its order: the orderId, or the order's _id.
[[nodiscard]] std::optional<std::string> order_key_of(const LegacyDocument& item);
[[nodiscard]] Taking<OrderLine> take_order_item(const LegacyDocument& document, const LegacyTerms& terms);

// Orders took no stock here. Lines of products without a name get the id.
[[nodiscard]] Taking<Order> take_order_a(const LegacyDocument& document, const LegacyTerms& terms);
[[nodiscard]] Taking<Order> take_order_b(const LegacyDocument& document, std::vector<OrderLine> lines,
                                         const LegacyTerms& terms);

// What a document of `Order` is called by its items: its orderId and its _id.
[[nodiscard]] std::vector<std::string> keys_of_order(const LegacyDocument& document);

// A pending order that will not be processed.
[[nodiscard]] Order fail_pending(Order order, TimePoint now);

// ---- parts of the above

// An amount that is no whole number of minor units is rounded, half away from zero. Empty: no number, not
// finite, negative, or too large.
struct ReadAmount {
    MinorUnits amount = 0;
    bool was_rounded = false;
};
[[nodiscard]] std::optional<ReadAmount> read_amount(const LegacyValue* value, const Currency& currency);

// Cut towards zero. Empty: no number, not finite, or beyond 10^15.
struct ReadWhole {
    std::int64_t value = 0;
    bool was_cut = false;
};
[[nodiscard]] std::optional<ReadWhole> read_whole(const LegacyValue* value);

// The seconds that an ObjectId begins with.
[[nodiscard]] std::optional<TimePoint> time_of_id(const LegacyValue* id);

// A name that may be one of a location: what may not stand in one becomes '-'. Empty: nothing is left.
[[nodiscard]] std::string location_name(std::string_view text);

}  // namespace waybill

// The body of a fulfilment call, and what can be read from its answer. Pure.
#pragma once

#include <string>
#include <string_view>

#include "domain/money.hpp"
#include "domain/order.hpp"

namespace waybill::webcall {

inline constexpr std::size_t reason_characters_max = 500;

// {orderId,userId,location,currency,totalAmount,items:[{productId,name,quantity,unitPrice,
// lineTotal}],createdAt}; amounts are exact decimals. The same order gives the same bytes.
[[nodiscard]] std::string order_json(const Order& order, const Currency& currency);

// The member "reason" of a JSON object, without control characters and cut to
// reason_characters_max; empty when there is none.
[[nodiscard]] std::string read_reason(std::string_view body);

}  // namespace waybill::webcall

// What every answer, list and mail of the server must satisfy, and what the final state is read from.
#pragma once

#include <boost/json.hpp>

#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "tests/system/http_client.hpp"
#include "tests/system/shop.hpp"

namespace waybill::system_test {

inline constexpr std::string_view first_product = "67c8830b7ef1b848ac52ebec";
inline constexpr std::string_view second_product = "67c8830b7ef1b848ac52ebed";
inline constexpr std::string_view third_product = "67c8830b7ef1b848ac52ebee";
inline constexpr long demo_stock = 1'000'000;

// Status, code, media type, the eight members and the headers of every answer.
void expect_problem(const Answer& answer, int status, std::string_view code);
void expect_common_headers(const Answer& answer);

// Every page of a list, followed by its cursors.
[[nodiscard]] boost::json::array list_all(Shop& shop, const Headers& auth, const std::string& path);

// No order of the customer, and the demo stock untouched.
void expect_nothing_stored(Shop& shop, const Customer& customer, const Customer& admin);

// One line, without a location.
[[nodiscard]] std::string order_of(std::string_view product_id, long quantity);

// What Pending, Processing and Processed orders hold of a product.
[[nodiscard]] long quantity_held(const boost::json::array& orders, std::string_view product_id);

[[nodiscard]] std::string text_of(const boost::json::value& object, std::string_view member);
[[nodiscard]] bool is_terminal(std::string_view status);

// Waits until the order has the status; the last answer.
Answer await_status(Shop& shop, const Headers& auth, const std::string& order_id, std::string_view status,
                    int timeout_ms = 30'000);

// Runs `part(0)` to `part(count - 1)` at once and waits for them.
void run_parallel(int count, const std::function<void(int)>& part);

struct MailText {
    std::string head;
    std::string text;  // decoded parts
    std::string html;
};
[[nodiscard]] MailText read_mail(const std::filesystem::path& path);

// Waits for the only mail of an order's state ("processed", "failed", "cancelled").
MailText await_mail(Shop& shop, const std::string& order_id, const std::string& state);

[[nodiscard]] Headers with(Headers headers, const std::string& name, const std::string& value);

}  // namespace waybill::system_test

#include "tests/system/checks.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <thread>

#include "tests/support/quoted_printable.hpp"

namespace waybill::system_test {

namespace {

namespace json = boost::json;

std::string decoded_part(const std::string& mail, std::string_view type) {
    const std::size_t head = mail.find("Content-Type: " + std::string{type});
    if (head == std::string::npos) return {};
    const std::size_t body = mail.find("\r\n\r\n", head);
    if (body == std::string::npos) return {};
    EXPECT_NE(mail.substr(head, body - head).find("quoted-printable"), std::string::npos)
        << "a part is not quoted-printable";
    return waybill::testing::decode_quoted_printable(
        std::string_view{mail}.substr(body, mail.find("\r\n--", body) - body));
}

}  // namespace

std::string text_of(const json::value& object, std::string_view member) {
    const auto* members = object.if_object();
    const auto* found = members != nullptr ? members->if_contains(member) : nullptr;
    return found != nullptr && found->is_string() ? std::string{found->as_string()} : std::string{};
}

void expect_common_headers(const Answer& answer) {
    EXPECT_FALSE(answer.header("x-request-id").empty());
    EXPECT_EQ(answer.header("x-content-type-options"), "nosniff");
    EXPECT_EQ(answer.header("x-frame-options"), "DENY");
    EXPECT_EQ(answer.header("referrer-policy"), "no-referrer");
    EXPECT_NE(answer.header("content-security-policy").find("default-src 'none'"), std::string::npos);
    EXPECT_FALSE(answer.header("cache-control").empty());
    EXPECT_FALSE(answer.header("date").empty());
}

void expect_problem(const Answer& answer, int status, std::string_view code) {
    ASSERT_EQ(answer.status, status) << answer.body;
    EXPECT_EQ(answer.code(), code) << answer.body;
    EXPECT_EQ(answer.header("content-type"), "application/problem+json");
    for (const char* member : {"type", "title", "detail", "instance", "requestId", "message"}) {
        EXPECT_TRUE(answer.json().is_object() && answer.json().as_object().contains(member)) << member << answer.body;
    }
    for (const char* member : {"type", "title", "detail", "message"}) EXPECT_FALSE(answer.text(member).empty());
    EXPECT_EQ(answer.text("message"), answer.text("detail"));
    EXPECT_EQ(answer.text("requestId"), answer.header("x-request-id"));
    const boost::json::value body = answer.json();
    EXPECT_TRUE(body.is_object() && body.at("status").to_number<int>() == status) << answer.body;
    expect_common_headers(answer);
}

json::array list_all(Shop& shop, const Headers& auth, const std::string& path) {
    HttpClient http = shop.client();
    json::array all;
    std::string cursor;
    for (;;) {
        const char joint = path.find('?') == std::string::npos ? '?' : '&';
        const Answer page = http.get(path + joint + "limit=100" + (cursor.empty() ? "" : "&cursor=" + cursor), auth);
        if (page.status != 200) {
            ADD_FAILURE() << path << ": " << page.status << " " << page.body;
            return all;
        }
        const json::value answer = page.json();
        const json::array& data = answer.at("data").as_array();
        all.insert(all.end(), data.begin(), data.end());
        cursor = text_of(answer, "nextCursor");
        if (cursor.empty()) return all;
    }
}

void expect_nothing_stored(Shop& shop, const Customer& customer, const Customer& admin) {
    EXPECT_TRUE(list_all(shop, customer.auth(), "/api/v1/orders").empty());
    for (const std::string_view product : {first_product, second_product, third_product}) {
        EXPECT_EQ(shop.available(admin, std::string{product}), demo_stock);
    }
}

std::string order_of(std::string_view product_id, long quantity) {
    return R"({"items":[{"productId":")" + std::string{product_id} + R"(","quantity":)" + std::to_string(quantity) +
           "}]}";
}

bool is_terminal(std::string_view status) {
    return status == "Processed" || status == "Failed" || status == "Cancelled";
}

long quantity_held(const json::array& orders, std::string_view product_id) {
    long held = 0;
    for (const json::value& order : orders) {
        const std::string status = text_of(order, "status");
        if (status == "Failed" || status == "Cancelled") continue;
        for (const json::value& item : order.at("items").as_array()) {
            if (text_of(item, "productId") == product_id) held += item.at("quantity").to_number<long>();
        }
    }
    return held;
}

Answer await_status(Shop& shop, const Headers& auth, const std::string& order_id, std::string_view status,
                    int timeout_ms) {
    HttpClient http = shop.client();
    Answer answer;
    const bool reached = eventually(
        [&] {
            answer = http.get("/api/v1/orders/" + order_id, auth);
            return answer.text("status") == status;
        },
        timeout_ms);
    EXPECT_TRUE(reached) << order_id << " never became " << status << ": " << answer.body;
    return answer;
}

void run_parallel(int count, const std::function<void(int)>& part) {
    std::vector<std::jthread> threads;
    for (int i = 0; i < count; ++i) threads.emplace_back([&part, i] { part(i); });
}

MailText read_mail(const std::filesystem::path& path) {
    const std::string mail = read_file(path);
    return {mail.substr(0, mail.find("\r\n\r\n")), decoded_part(mail, "text/plain"), decoded_part(mail, "text/html")};
}

MailText await_mail(Shop& shop, const std::string& order_id, const std::string& state) {
    const std::string name = order_id + "-" + state + ".eml";
    EXPECT_TRUE(eventually([&] { return !shop.mails(name).empty(); })) << "no mail " << name;
    const auto found = shop.mails(order_id);
    EXPECT_EQ(found.size(), 1u);
    return found.empty() ? MailText{} : read_mail(found.front());
}

Headers with(Headers headers, const std::string& name, const std::string& value) {
    headers.emplace_back(name, value);
    return headers;
}

}  // namespace waybill::system_test

#include "http/response_text.hpp"

#include <gtest/gtest.h>

namespace waybill::http {

namespace {

std::string text_of(const Response& response, const Framing& framing) {
    std::string text;
    text += append_response(text, response, framing);
    return text;
}

Response created() {
    Response response;
    response.status = 201;
    response.body = "{}";
    response.with("Location", "/x");
    return response;
}

TEST(ResponseText, is_head_and_body_in_one) {
    EXPECT_EQ(text_of(created(), {}),
              "HTTP/1.1 201 Created\r\nLocation: /x\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}");
}

TEST(ResponseText, tells_what_becomes_of_the_connection) {
    EXPECT_NE(text_of(created(), {.close = true}).find("\r\nConnection: close\r\n"), std::string::npos);
    EXPECT_NE(text_of(created(), {.keep_alive = true}).find("\r\nConnection: keep-alive\r\n"), std::string::npos);
}

TEST(ResponseText, keeps_the_length_and_leaves_the_body_for_head) {
    const std::string text = text_of(created(), {.head = true});
    EXPECT_NE(text.find("Content-Length: 2\r\n"), std::string::npos);
    EXPECT_TRUE(text.ends_with("\r\n\r\n"));
}

TEST(ResponseText, gives_204_neither_body_nor_length) {
    Response response = created();
    response.status = 204;
    EXPECT_EQ(text_of(response, {}), "HTTP/1.1 204 No Content\r\nLocation: /x\r\n\r\n");
}

TEST(ResponseText, lets_no_header_end_its_line) {
    Response response = created();
    response.with("X-A", "1\r\nSet-Cookie: evil=1").with("X-B\nX", "1").with("X-C", std::string("a\0b", 3));
    EXPECT_EQ(text_of(response, {}), text_of(created(), {}));
}

TEST(ResponseText, leaves_a_fixed_body_where_it_is) {
    static constexpr std::string_view fixed = "<html>";
    Response response;
    response.content_type = "text/html";
    response.fixed_body = fixed;
    std::string text;
    const std::string_view rest = append_response(text, response, {});
    EXPECT_EQ(rest.data(), fixed.data());
    EXPECT_EQ(text, "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 6\r\n\r\n");
    EXPECT_TRUE(append_response(text, response, {.head = true}).empty());
    response.status = 304;
    EXPECT_TRUE(append_response(text, response, {}).empty());
}

}  // namespace

}  // namespace waybill::http

#include "app/mail_renderer.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <stdexcept>
#include <thread>
#include <vector>

#include "tests/support/quoted_printable.hpp"

namespace waybill {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

const std::string to = "ann@example.org";

Order make_order(OrderStatus status) {
    Order order;
    order.id = OrderId("o-1");
    order.user_id = UserId("u-1");
    order.location = "bangalore";
    order.lines = {{ProductId("p-1"), "A lamp", 2, 1'250}, {ProductId("p-2"), "Tom & \"Jerry\" <b>", 3, 100}};
    order.total = 2'800;
    order.status = status;
    order.created_at = from_unix_ms(1'767'225'600'000);
    order.processing_at = from_unix_ms(1'767'225'601'000);
    order.finished_at = from_unix_ms(1'767'225'602'000);
    return order;
}

MailRenderer make_renderer(const MailTemplates& overrides = {}, const std::string& shop = "Lamp Shop") {
    return {{"orders@shop.example", shop, {}, {}}, overrides};
}

std::string head_of(const Mail& mail) { return mail.raw.substr(0, mail.raw.find("\r\n\r\n") + 2); }

// The decoded body of the part of `type`.
std::string part_of(const Mail& mail, const std::string& type) {
    const std::size_t part = mail.raw.find("\r\nContent-Type: " + type + "; charset=utf-8\r\n");
    if (part == std::string::npos) return "no such part";
    const std::size_t start = mail.raw.find("\r\n\r\n", part) + 4;
    return testing::decode_quoted_printable(mail.raw.substr(start, mail.raw.find("--=_", start) - start));
}

TEST(MailRenderer, names_the_trace_of_the_order_in_every_copy) {
    Order order = make_order(OrderStatus::processed);
    order.trace = *parse_traceparent("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01");
    const Mail mail = make_renderer().render(order, to);
    EXPECT_NE(head_of(mail).find("\r\nX-Waybill-Trace: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01\r\n"),
              std::string::npos)
        << head_of(mail);
    EXPECT_EQ(make_renderer().render(order, to).raw, mail.raw);
}

TEST(MailRenderer, derives_identity_and_headers_from_the_order) {
    const Mail mail = make_renderer().render(make_order(OrderStatus::processed), to);
    EXPECT_EQ(mail.identity, "o-1-processed");
    EXPECT_EQ(mail.from, "orders@shop.example");
    EXPECT_EQ(mail.to, to);
    EXPECT_EQ(mail.date, from_unix_ms(1'767'225'602'000));
    EXPECT_EQ(head_of(mail),
              "From: \"Lamp Shop\"\r\n <orders@shop.example>\r\n"
              "To: ann@example.org\r\n"
              "Subject: Your Order Processed: o-1\r\n"
              "Date: Thu, 01 Jan 2026 00:00:02 +0000\r\n"
              "Message-ID:\r\n <o-1-processed@shop.example>\r\n"
              "X-Waybill-Mail-Id: o-1-processed\r\n"
              "Auto-Submitted: auto-generated\r\n"
              "MIME-Version: 1.0\r\n"
              "Content-Type: multipart/alternative;\r\n boundary=\"=_o-1-processed\"\r\n");
}

TEST(MailRenderer, shows_the_order_in_both_parts) {
    const Mail mail = make_renderer().render(make_order(OrderStatus::processed), to);
    const std::string text = part_of(mail, "text/plain");
    const std::string html = part_of(mail, "text/html");
    for (const std::string& part : {text, html}) {
        for (const char* words : {"Hello", "Lamp Shop", "o-1", "A lamp", "12.50", "25.00", "3.00", "28.00 INR",
                                  "bangalore", "has been processed"}) {
            EXPECT_THAT(part, HasSubstr(words));
        }
    }
    EXPECT_THAT(text, HasSubstr("2 x A lamp\n"));
    EXPECT_THAT(text, Not(HasSubstr("{{")));
    EXPECT_THAT(html, Not(HasSubstr("{{")));
}

TEST(MailRenderer, escapes_in_html_only) {
    const Mail mail = make_renderer().render(make_order(OrderStatus::processed), to);
    EXPECT_THAT(part_of(mail, "text/plain"), HasSubstr("Tom & \"Jerry\" <b>"));
    EXPECT_THAT(part_of(mail, "text/html"), HasSubstr("Tom &amp; &quot;Jerry&quot; &lt;b&gt;"));
    EXPECT_THAT(part_of(mail, "text/html"), Not(HasSubstr("<b>")));
}

TEST(MailRenderer, says_why_an_order_failed) {
    Order order = make_order(OrderStatus::failed);
    order.reason = "The <card> was declined.";
    const Mail mail = make_renderer().render(order, to);
    EXPECT_EQ(mail.identity, "o-1-failed");
    EXPECT_THAT(head_of(mail), HasSubstr("Subject: Your Order Failed: o-1\r\n"));
    EXPECT_THAT(part_of(mail, "text/plain"), HasSubstr("Reason: The <card> was declined."));
    EXPECT_THAT(part_of(mail, "text/html"), HasSubstr("Reason: The &lt;card&gt; was declined."));
}

TEST(MailRenderer, leaves_out_a_reason_that_is_not_there) {
    const Mail mail = make_renderer().render(make_order(OrderStatus::cancelled), to);
    EXPECT_EQ(mail.identity, "o-1-cancelled");
    EXPECT_THAT(head_of(mail), HasSubstr("Subject: Your Order Cancelled: o-1\r\n"));
    EXPECT_THAT(part_of(mail, "text/plain"), Not(HasSubstr("Reason")));
    EXPECT_THAT(part_of(mail, "text/html"), Not(HasSubstr("Reason")));
}

TEST(MailRenderer, copies_are_identical) {
    const Order order = make_order(OrderStatus::failed);
    EXPECT_EQ(make_renderer().render(order, to).raw, make_renderer().render(order, to).raw);
}

TEST(MailRenderer, keeps_lines_short_and_ended_by_crlf) {
    Order order = make_order(OrderStatus::failed);
    order.id = OrderId(std::string(64, 'x'));
    order.reason = std::string(5'000, 'r');
    order.lines[0].name = std::string(200, 'n');
    const Mail mail = make_renderer({}, std::string(100, 'S')).render(order, to);
    std::size_t start = 0;
    for (std::size_t end = mail.raw.find('\n'); end != std::string::npos; end = mail.raw.find('\n', start)) {
        ASSERT_GT(end, start);
        ASSERT_EQ(mail.raw[end - 1], '\r');
        EXPECT_LE(end - 1 - start, 100u) << mail.raw.substr(start, end - start);
        start = end + 1;
    }
    EXPECT_EQ(start, mail.raw.size());
}

TEST(MailRenderer, no_value_becomes_a_header) {
    const MailTemplates overrides{{"processed.subject", "{{#items}}{{name}}{{/items}} {{location}}\nBcc: x"}};
    Order order = make_order(OrderStatus::processed);
    order.lines[0].name = "x\r\nBcc: all@example.org";
    order.location = "y\nTo: all@example.org";
    const std::string head = head_of(make_renderer(overrides, "Shop\r\nBcc: all@example.org").render(order, to));
    EXPECT_THAT(head, Not(HasSubstr("\nBcc:")));
    EXPECT_THAT(head, Not(HasSubstr("\nTo: all")));
    EXPECT_THAT(head, Not(HasSubstr("\rBcc:")));
}

TEST(MailRenderer, refuses_addresses_that_are_more_than_one) {
    const MailRenderer renderer = make_renderer();
    const Order order = make_order(OrderStatus::processed);
    EXPECT_THROW(static_cast<void>(renderer.render(order, "ann@example.org\r\nBcc: x@example.org")),
                 std::invalid_argument);
    EXPECT_THROW(static_cast<void>(renderer.render(order, "ann@example.org, bob@example.org")), std::invalid_argument);
    EXPECT_THROW(MailRenderer({"shop@example.org\r\n", "Shop", {}}, {}), std::invalid_argument);
}

TEST(MailRenderer, refuses_an_order_that_is_not_finished) {
    Order order = make_order(OrderStatus::processing);
    order.finished_at.reset();
    EXPECT_THROW(static_cast<void>(make_renderer().render(order, to)), std::logic_error);
}

TEST(MailRenderer, an_override_takes_the_place_of_one_template) {
    const MailRenderer renderer = make_renderer({{"processed.txt", "{{quantity}}{{#items}}[{{name}}]{{/items}}"}});
    const Mail mail = renderer.render(make_order(OrderStatus::processed), to);
    EXPECT_EQ(part_of(mail, "text/plain"), "[A lamp][Tom & \"Jerry\" <b>]\n");
    EXPECT_THAT(part_of(mail, "text/html"), HasSubstr("has been processed"));
}

TEST(MailRenderer, names_the_template_that_is_wrong) {
    const std::vector<std::pair<std::string, std::string>> table{
        {"processed.htm", "unknown"},          {"pending.txt", "unknown"},
        {"failed.txt", "{{#items}}"},          {"failed.html", "{{name"},
        {"cancelled.subject", "{{/items}}"},   {"processed.txt", "{{=x=}}"},
        {"processed.txt", "{{#items}}{{/x}}"},
    };
    for (const auto& [name, text] : table) {
        try {
            const MailRenderer renderer = make_renderer({{name, text}});
            FAIL() << name << " with " << text;
        } catch (const std::invalid_argument& problem) {
            EXPECT_THAT(problem.what(), HasSubstr(name));
        }
    }
}

TEST(MailRenderer, has_templates_for_every_state_that_is_mailed_and_for_a_reset) {
    EXPECT_EQ(built_in_mail_templates().size(), 12u);
    EXPECT_NO_THROW(make_renderer(built_in_mail_templates()));
}

TEST(MailRenderer, is_safe_for_many_threads) {
    const MailRenderer renderer = make_renderer();
    const Order order = make_order(OrderStatus::processed);
    const std::string expected = renderer.render(order, to).raw;
    std::vector<std::jthread> threads;
    for (int t = 0; t < 4; ++t) {
        threads.emplace_back([&] {
            for (int i = 0; i < 50; ++i) EXPECT_EQ(renderer.render(order, to).raw, expected);
        });
    }
}

ResetMail make_reset() {
    ResetMail reset;
    reset.id = ResetId("r-1");
    reset.to = to;
    reset.created_at = from_unix_ms(1'767'225'600'000);
    reset.expires_at = reset.created_at + Milliseconds{1'800'000};
    return reset;
}

TEST(MailRenderer, shows_the_token_of_a_reset_and_how_long_it_counts) {
    const Mail mail = make_renderer().render(make_reset(), "dG9rZW4");
    EXPECT_EQ(mail.identity, "reset-r-1");
    EXPECT_EQ(mail.date, make_reset().created_at);
    EXPECT_THAT(head_of(mail), HasSubstr("Subject: A new password for Lamp Shop\r\n"));
    EXPECT_THAT(part_of(mail, "text/plain"), HasSubstr("\ndG9rZW4\n"));
    EXPECT_THAT(part_of(mail, "text/plain"), HasSubstr("within 30 minutes"));
    EXPECT_THAT(part_of(mail, "text/html"), HasSubstr(">dG9rZW4<"));
    EXPECT_EQ(mail.raw, make_renderer().render(make_reset(), "dG9rZW4").raw);
}

TEST(MailRenderer, links_to_the_shops_page_for_a_new_password) {
    const MailRenderer renderer({.from = "orders@shop.example",
                                 .shop_name = "Lamp Shop",
                                 .currency = {},
                                 .password_reset_url = "https://shop.example/new?a=1&t="},
                                {});
    const Mail mail = renderer.render(make_reset(), "dG9rZW4");
    EXPECT_THAT(part_of(mail, "text/plain"), HasSubstr("\nhttps://shop.example/new?a=1&t=dG9rZW4\n"));
    EXPECT_THAT(part_of(mail, "text/html"), HasSubstr("href=\"https://shop.example/new?a=1&amp;t=dG9rZW4\""));
}

TEST(MailRenderer, takes_the_shops_own_words_for_a_reset) {
    const Mail mail =
        make_renderer({{"password-reset.txt", "Token {{token}} of {{shopName}}"}}).render(make_reset(), "dG9rZW4");
    EXPECT_THAT(part_of(mail, "text/plain"), HasSubstr("Token dG9rZW4 of Lamp Shop"));
}

}  // namespace
}  // namespace waybill

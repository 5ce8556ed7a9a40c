#include <algorithm>
#include <array>
#include <string>

#include "app/mail_renderer.hpp"
#include "app/mime.hpp"
#include "domain/user.hpp"
#include "tests/fuzz/input.hpp"
#include "tests/fuzz/targets.hpp"
#include "tests/support/quoted_printable.hpp"

namespace waybill::fuzz {

namespace {

constexpr std::size_t line_octets_max = 998;  // RFC 5322, 2.1.1

// Lines end with CR and LF and with nothing else, and none is too long.
void check_lines(std::string_view text, std::size_t octets_max) {
    while (!text.empty()) {
        const std::size_t end = text.find("\r\n");
        require(end != std::string_view::npos, "the last line ends too");
        const std::string_view line = text.substr(0, end);
        require(line.size() <= octets_max, "no line is too long");
        require(line.find_first_of(std::string_view("\r\n\0", 3)) == std::string_view::npos, "nor bare CR or LF");
        text.remove_prefix(end + 2);
    }
}

// One header: every further line is folded.
void check_header(std::string_view header) {
    check_lines(header, line_octets_max);
    for (std::size_t end = header.find("\r\n"); end + 2 < header.size(); end = header.find("\r\n", end + 2)) {
        require(header[end + 2] == ' ' || header[end + 2] == '\t', "text adds no header");
    }
}

void mime(std::string_view bytes) {
    const std::string clean = mime::clean_text(bytes, true);
    require(count_code_points(clean).has_value(), "what is clean is UTF-8");
    require(mime::clean_text(clean, true) == clean, "and stays so");
    const std::string encoded = mime::encode_quoted_printable(clean);
    check_lines(encoded, 76);
    std::string decoded = testing::decode_quoted_printable(encoded);
    std::string expected = clean;
    if (!expected.empty() && !expected.ends_with('\n')) expected += '\n';
    require(decoded == expected, "a text comes back as it was");

    check_header(mime::text_header("Subject", bytes));
    if (mime::is_plain_address(bytes)) check_header(mime::address_header("To", bytes, bytes));
    check_header(mime::address_header("From", bytes, "orders@example.com"));
    if (const auto email = normalize_email(bytes)) {
        require(mime::is_plain_address(*email), "an account's address is a plain one");
        require(normalize_email(*email) == email, "and stays as it is");
    }
}

// As a reader of the HTML part sees it.
std::string html_of(std::string_view raw) {
    const std::size_t named = raw.find("boundary=\"") + 10;
    const std::string boundary = "\r\n--" + std::string(raw.substr(named, raw.find('"', named) - named));
    const std::size_t part = raw.find("Content-Type: text/html");
    require(part != std::string_view::npos, "a mail has an HTML part");
    const std::size_t begin = raw.find("\r\n\r\n", part) + 4;
    return testing::decode_quoted_printable(raw.substr(begin, raw.find(boundary, begin) - begin));
}

void mail(std::string_view bytes) {
    static const MailRenderer renderer({}, {});
    Input input(bytes);
    Order order;
    order.id = OrderId("0193d1c8-0000-7000-8000-000000000001");
    order.user_id = UserId("u");
    constexpr std::array states{OrderStatus::processed, OrderStatus::failed, OrderStatus::cancelled};
    order.status = states[input.choice(states.size())];
    order.location = "bangalore";
    order.created_at = order.finished_at.emplace(TimePoint{Milliseconds{1'767'225'600'000}});
    order.reason = input.word();
    while (!input.is_empty() && order.lines.size() < 5) {
        order.lines.push_back({ProductId("p"), input.word(), 2, 149'950});
    }
    for (const OrderLine& line : order.lines) order.total += line.total();

    const Mail made = renderer.render(order, "somebody@example.com");
    require(made.raw == renderer.render(order, "somebody@example.com").raw, "one order has one mail");
    check_lines(made.raw, line_octets_max);
    const std::string_view head = std::string_view(made.raw).substr(0, made.raw.find("\r\n\r\n"));
    require(std::ranges::all_of(head, [](char c) { return (c >= ' ' && c < 0x7f) || c == '\r' || c == '\n'; }),
            "headers are ASCII");
    require(!html_of(made.raw).contains("<script"), "names and reasons are escaped in HTML");
}

constexpr std::array targets{Target{"mime", mime}, Target{"mail", mail}};

}  // namespace

std::span<const Target> mail_targets() { return targets; }

}  // namespace waybill::fuzz

#include <algorithm>
#include <array>
#include <deque>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "domain/hex.hpp"
#include "domain/ids.hpp"
#include "domain/user.hpp"
#include "domain/work.hpp"
#include "http/client_address.hpp"
#include "http/cookies.hpp"
#include "http/cursor.hpp"
#include "http/head_scanner.hpp"
#include "http/idempotency.hpp"
#include "http/query.hpp"
#include "http/request_checks.hpp"
#include "http/request_parser.hpp"
#include "http/route_table.hpp"
#include "tests/fuzz/input.hpp"
#include "tests/fuzz/targets.hpp"

namespace waybill::fuzz {

namespace {

std::string percent_encode_all(std::string_view text) {
    std::string out;
    for (const char c : text) {
        out += '%';
        append_hex(out, c);
    }
    return out;
}

void query(std::string_view text) {
    http::QueryReader reader(text);
    require(reader.limit() <= 100, "a page has its limit");
    (void)reader.after(http::CursorOf::orders);
    (void)reader.after_stock();
    (void)reader.order_status();
    const auto user = reader.id("userId");
    const auto location = reader.location();
    http::Request request;
    request.target = request.path = "/api/v1/orders";
    if (const auto refusal = reader.refusal(request)) {
        require(refusal->status == 400 || refusal->status == 422, "a query is refused with 400 or 422");
        return;
    }
    if (user) require(is_valid_id(*user), "an id of a query is an id");
    if (location) require(is_valid_location(*location), "a location of a query is one");
}

void target(std::string_view bytes) {
    static const http::RouteTable table(http::api_routes(), http::root_routes(),
                                        [](const http::Route&) { return std::size_t{0}; });
    const http::TargetParts parts = http::split_target(bytes);
    const http::PathMatch match = table.find(parts.path);
    if (match.endpoint != nullptr) {
        for (const std::string_view param : match.params) {
            require(param.find_first_of(std::string_view("/\0", 2)) == std::string_view::npos && param != "." &&
                        param != "..",
                    "a parameter is one segment");
            if (!match.endpoint->long_ids) require(param.empty() || is_valid_id(param), "a parameter is an id");
        }
    }
    query(parts.query);
    if (const auto decoded = http::decode_query_text(bytes)) {
        require(count_code_points(*decoded).has_value(), "what was decoded is UTF-8");
        require(http::decode_query_text(percent_encode_all(*decoded)) == *decoded, "encoded and decoded is the same");
    }
}

struct Head {
    http::HeadScanner::Found found = http::HeadScanner::Found::need_more;
    std::size_t size = 0;
    std::size_t fields = 0;
    bool operator==(const Head&) const = default;
};

constexpr http::HeadScanner::Limits limits{512, 1024, 20};

// Feeds `bytes` in steps, as they could arrive.
Head scan(std::string_view bytes, std::size_t step) {
    http::HeadScanner scanner(limits);
    Head head;
    for (std::size_t arrived = std::min(step, bytes.size());; arrived = std::min(arrived + step, bytes.size())) {
        head.found = scanner.scan(bytes.substr(0, arrived));
        if (head.found != http::HeadScanner::Found::need_more || arrived == bytes.size()) break;
    }
    if (head.found == http::HeadScanner::Found::complete) {
        head.size = scanner.size();
        head.fields = scanner.fields();
    }
    return head;
}

struct Parsed {
    bool sound = false;
    std::string target;
    std::vector<std::pair<std::string, std::string>> headers;
    std::string body;
    std::size_t consumed = 0;
    bool operator==(const Parsed&) const = default;
};

Parsed parse(std::string bytes, std::size_t head_size, std::size_t step) {
    Parsed parsed;
    http::Request request;
    http::RequestParser parser(request, parsed.body);
    parser.header_limit(static_cast<std::uint32_t>(head_size) + 1);
    parser.body_limit(256);
    boost::beast::error_code error;
    parsed.consumed = parser.put(boost::asio::const_buffer(bytes.data(), head_size), error);
    if (error || !http::find_head_fault(request.headers, parser.is_http_1_1()).empty() ||
        http::split_target(request.target).path.empty())
        return {};
    parser.eager(true);
    for (std::size_t arrived = std::min(bytes.size(), parsed.consumed + step); !parser.is_done();) {
        const auto unread = std::span(bytes).subspan(parsed.consumed, arrived - parsed.consumed);
        parsed.consumed += parser.put_body(unread, error);
        if (error == boost::beast::http::error::need_more) error = {};
        if (error || (arrived == bytes.size() && !parser.is_done())) return {};
        arrived = std::min(arrived + step, bytes.size());
    }
    parsed.sound = true;
    parsed.target = request.target;
    for (const auto& [name, value] : request.headers) parsed.headers.emplace_back(name, value);
    return parsed;
}

void request(std::string_view bytes) {
    const Head whole = scan(bytes, std::max<std::size_t>(bytes.size(), 1));
    for (const std::size_t step : {1U, 7U}) {
        const Head parts = scan(bytes, step);
        // Which of two faults is named may depend on what has arrived; that there is one may not.
        require(
            (parts.found == http::HeadScanner::Found::complete) == (whole.found == http::HeadScanner::Found::complete),
            "a head ends the same however it arrives");
        if (whole.found == http::HeadScanner::Found::complete) require(parts == whole, "and in the same place");
    }
    if (whole.found != http::HeadScanner::Found::complete) return;
    require(whole.size <= bytes.size() && whole.fields <= limits.header_fields_max, "a head keeps its limits");
    require(bytes.substr(0, whole.size).ends_with("\r\n\r\n"), "a head ends with an empty line");

    const Parsed parsed = parse(std::string(bytes), whole.size, bytes.size());
    require(parse(std::string(bytes), whole.size, 1).sound == parsed.sound, "a request is sound however it arrives");
    if (!parsed.sound) return;
    require(parse(std::string(bytes), whole.size, 1) == parsed, "and it is the same request");
    require(parsed.body.size() <= 256 && parsed.consumed <= bytes.size(), "a body keeps its limit");
    for (const auto& [name, value] : parsed.headers) {
        require(!name.empty() && name.find_first_of(" \t\r\n:") == std::string::npos, "a name is a token");
        require(value.find_first_of(std::string_view("\r\n\0", 3)) == std::string::npos, "a value is one line");
    }
}

// "Name: value" lines, until an empty one.
class HeaderLines {
public:
    explicit HeaderLines(Input& input) {
        while (!input.is_empty()) {
            const std::string_view line = input.line();
            if (line.empty()) break;
            const std::size_t colon = std::min(line.find(':'), line.size());
            std::string_view value = line.substr(std::min(colon + 1, line.size()));
            while (value.starts_with(' ')) value.remove_prefix(1);
            request.headers.emplace_back(line.substr(0, colon), value);
        }
        request.target = request.path = "/api/v1/orders";
        request.body = input.rest();
        request.peer_address = "10.0.0.7";
    }
    http::Request request;
};

void headers(std::string_view bytes) {
    Input input(bytes);
    HeaderLines lines(input);
    http::Request& asked = lines.request;
    asked.peer_is_loopback = input.choice(2) == 1;

    if (const auto key = http::read_idempotency_key(asked)) {
        if (*key) {
            const std::string& text = (*key)->key;
            require(!text.empty() && text.size() <= http::idempotency_key_length_max &&
                        std::ranges::all_of(text, [](char c) { return c > ' ' && c < '\x7f'; }),
                    "a key is visible and short");
            require((*key)->request_hash == http::hash_request(asked), "a request has one hash");
        }
    } else {
        require(key.error().status == 400, "a key is refused with 400");
    }

    const http::RefreshCookie cookie = http::find_refresh_cookie(asked);
    if (cookie.presence == http::RefreshCookie::Presence::once) {
        require(cookie.token.find(';') == std::string_view::npos, "a cookie ends at its semicolon");
    } else {
        require(cookie.token.empty(), "an ambiguous cookie is none");
    }
    const http::EdgeOptions edge;
    (void)http::has_trusted_origin(asked, edge);
    const std::string set = http::set_refresh_cookie(asked, edge, "token");
    require(set.starts_with("refreshToken=token; HttpOnly; SameSite=Strict; Path=/api; Max-Age=604800") &&
                set.find_first_of("\r\n") == std::string::npos,
            "no header reaches the cookie");
    (void)http::find_head_fault(asked.headers, true);

    static const http::TrustedProxies proxies({"10.0.0.0/8", "fd00::/8"});
    const std::string address = proxies.client_address(asked);
    require(http::parse_ip_address(address).has_value(), "the client's address is an address");
}

void address(std::string_view bytes) {
    if (const auto parsed = http::parse_ip_address(bytes)) {
        require(http::parse_ip_address(parsed->to_string()) == parsed, "an address reads as it is written");
    }
    try {
        const http::TrustedProxies proxies({std::string(bytes)});
        (void)proxies.contains(http::IpAddress{});
    } catch (const std::invalid_argument&) {  // NOLINT(bugprone-empty-catch): the answer to what is no block
    }
}

void cursor(std::string_view bytes) {
    for (const auto list : {http::CursorOf::orders, http::CursorOf::products, http::CursorOf::dead_letters}) {
        if (const auto key = http::read_cursor(list, bytes)) {
            require(http::make_cursor(list, *key) == bytes, "a cursor has one text");
        }
    }
    if (const auto level = http::read_stock_cursor(bytes)) {
        require(http::make_stock_cursor(*level) == bytes, "a stock cursor has one text");
    }
    Input input(bytes);
    const std::int64_t ms = input.number() & 0x3fff'ffff'ffff;
    const PageKey key{from_unix_ms(ms), input.word()};
    const auto again = http::read_cursor(http::CursorOf::orders, http::make_cursor(http::CursorOf::orders, key));
    if (is_valid_id(key.id)) require(again == key, "what a list gave comes back");
}

constexpr std::array targets{Target{"target", target}, Target{"request", request}, Target{"headers", headers},
                             Target{"address", address}, Target{"cursor", cursor}};

}  // namespace

std::span<const Target> http_targets() { return targets; }

}  // namespace waybill::fuzz

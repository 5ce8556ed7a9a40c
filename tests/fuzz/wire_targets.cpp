#include <algorithm>
#include <array>
#include <exception>
#include <string>
#include <vector>

#include "adapters/redis/address.hpp"
#include "adapters/redis/reply.hpp"
#include "adapters/smtp/server_address.hpp"
#include "adapters/smtp/verdict.hpp"
#include "adapters/webcall/order_json.hpp"
#include "domain/user.hpp"
#include "tests/fuzz/input.hpp"
#include "tests/fuzz/targets.hpp"

namespace waybill::fuzz {

namespace {

constexpr std::size_t reply_bytes_max = 4'096;

std::string text_of(const redis::Reply& reply) {
    std::string text =
        std::to_string(static_cast<int>(reply.kind)) + ":" + std::to_string(reply.integer) + ":" + reply.text + "[";
    for (const redis::Reply& element : reply.elements) text += text_of(element) + ",";
    return text + "]";
}

// What was read, and where it broke.
std::vector<std::string> read_replies(std::string_view bytes, std::size_t step) {
    redis::ReplyReader reader(reply_bytes_max);
    std::vector<std::string> replies;
    while (!bytes.empty() && !reader.is_broken()) {
        const std::string_view part = bytes.substr(0, step);
        bytes.remove_prefix(part.size());
        reader.feed(part);
        while (const auto reply = reader.next()) {
            (void)reply->error_code();
            replies.push_back(text_of(*reply));
        }
    }
    return replies;
}

void redis_reply(std::string_view bytes) {
    // A limit counts what has arrived, so one reply of that size reads the same in any steps.
    if (bytes.size() < reply_bytes_max) {
        require(read_replies(bytes, 1) == read_replies(bytes, bytes.size()), "replies read the same however they come");
    }
    Input input(bytes);
    const std::string first = input.word();
    const std::string second(input.rest());
    const std::string command = redis::format_command({first, second});
    redis::ReplyReader reader(1u << 20);
    reader.feed(command);
    const auto echoed = reader.next();
    require(echoed && echoed->elements.size() == 2 && echoed->elements[0].text == first &&
                echoed->elements[1].text == second,
            "a command is binary safe");
}

std::string refusal_of_redis(const std::string& url) {
    const auto address = redis::parse_redis_url(url);
    if (!address) return address.error().detail;
    require(!address->host.empty() && address->port != 0, "a Redis address can be connected to");
    return {};
}

std::string refusal_of_smtp(const std::string& url) {
    try {
        const smtp::ServerAddress server = smtp::parse_server_address(url);
        require(!server.host.empty() && !server.port.empty(), "a mail server's address can be connected to");
        const std::string for_curl = smtp::curl_url_of(server, "shop.example");
        require(for_curl.find_first_of(std::string_view(" \r\n\0", 4)) == std::string::npos, "and is one word");
        return {};
    } catch (const std::invalid_argument& error) {
        return error.what();
    }
}

// A password in a URL that could not be read must not be in the sentence that says so. Where another
// one in its place is not there either, the words are the sentence's own.
void check_echo(std::string (*refusal_of)(const std::string&), std::string_view url, const char* what) {
    const std::size_t at = url.find('@');
    const std::size_t colon = at == std::string_view::npos ? at : url.substr(0, at).rfind(':');
    if (colon == std::string_view::npos || at - colon < 5) return;
    const std::string password(url.substr(colon + 1, at - colon - 1));
    const std::string other(password.size(), 'q');
    const std::string with_other = std::string(url.substr(0, colon + 1)) + other + std::string(url.substr(at));
    require(!refusal_of(std::string(url)).contains(password) || !refusal_of(with_other).contains(other), what);
}

void urls(std::string_view bytes) {
    (void)refusal_of_redis(std::string(bytes));
    (void)refusal_of_smtp(std::string(bytes));
    check_echo(refusal_of_redis, bytes, "no secret of a Redis URL is told");
    check_echo(refusal_of_smtp, bytes, "no secret of an SMTP URL is told");
}

void smtp_reply(std::string_view bytes) {
    Input input(bytes);
    smtp::Conversation conversation;
    while (!input.is_empty()) {
        if (input.choice(2) == 0) {
            conversation.note_command(input.line());
        } else {
            conversation.note_reply(input.line());
        }
    }
    for (const long status : {0L, 250L, 421L, 451L, 550L, 999L}) {
        const MailResult result = smtp::verdict_of(conversation, status, "The server went away.");
        require(result.outcome != MailOutcome::sent, "a conversation that failed sent nothing");
        require(!result.reason.empty(), "and says why");
        require(std::ranges::all_of(result.reason, [](char c) { return c >= ' ' && c < 0x7f; }), "in one clean line");
    }
    if (smtp::is_mail_address(bytes)) {
        require(bytes.find_first_of(std::string_view("<>\r\n \0", 6)) == std::string_view::npos,
                "an address ends no command");
    }
}

void fulfilment_answer(std::string_view bytes) {
    const std::string reason = webcall::read_reason(bytes);
    const auto length = count_code_points(reason);
    require(length && *length <= webcall::reason_characters_max, "a reason is short UTF-8");
    require(std::ranges::none_of(reason, [](char c) { return (c >= 0 && c < ' ') || c == 0x7f; }),
            "without control characters");
}

constexpr std::array targets{Target{"redis_reply", redis_reply}, Target{"urls", urls}, Target{"smtp_reply", smtp_reply},
                             Target{"fulfilment_answer", fulfilment_answer}};

}  // namespace

std::span<const Target> wire_targets() { return targets; }

}  // namespace waybill::fuzz

#include <algorithm>
#include <array>
#include <string>

#include "adapters/aws/ses_messages.hpp"
#include "adapters/aws/sigv4.hpp"
#include "adapters/aws/sqs_messages.hpp"
#include "domain/work.hpp"
#include "tests/fuzz/input.hpp"
#include "tests/fuzz/targets.hpp"

namespace waybill::fuzz {

namespace {

bool is_unreserved(char c) {
    return std::string_view("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.~").contains(c);
}

void sigv4(std::string_view bytes) {
    Input input(bytes);
    aws::SignableRequest request;
    request.method = "POST";
    request.path = "/" + input.word();
    request.query = input.word();
    request.headers = {{"Host", "sqs.eu-west-1.amazonaws.com"}, {"x-" + input.word(), input.word()}};
    request.body = input.rest();

    const std::string encoded = aws::percent_encode(request.query);
    require(std::ranges::all_of(encoded, [](char c) { return c == '%' || is_unreserved(c); }),
            "only unreserved characters stay");
    const std::string canonical = aws::canonical_request(request, aws::PathForm::normalized);
    require(canonical.starts_with("POST\n/") && canonical.ends_with("\n" + aws::sha256_hex(request.body)),
            "method first, the body's hash last");
    const std::string path = canonical.substr(5, canonical.find('\n', 5) - 5);
    require(!path.contains("//") && !(path + "/").contains("/../") && !(path + "/").contains("/./"),
            "a path is normalized");

    aws::SignableRequest reordered = request;
    std::ranges::reverse(reordered.headers);
    require(aws::canonical_request(reordered, aws::PathForm::normalized) == canonical, "headers are sorted");

    aws::Signer signer("eu-west-1", "sqs");
    const aws::Credentials credentials{"AKIDEXAMPLE", "wJalrXUtnFEMI", ""};
    const TimePoint time{Milliseconds{1'767'225'600'000}};
    const auto added = signer.sign(request, credentials, time);
    require(added == signer.sign(request, credentials, time), "one request has one signature");
    for (const auto& [name, value] : added) require(!value.contains(credentials.secret), "the secret stays here");
}

void aws_answers(std::string_view bytes) {
    const aws::ReadBody body = aws::read_body(bytes);
    if (body.kind == aws::BodyKind::ours) require(is_valid_work_id(body.work_id.text), "ids of messages are ids");
    if (const auto outcomes = aws::read_batch(bytes, 3)) require(outcomes->size() == 3, "one outcome for each entry");
    (void)aws::read_messages(bytes);
    (void)aws::read_attributes(bytes);
    (void)aws::read_account(bytes);
    (void)aws::is_verified(bytes);
    const aws::HttpResponse response{.status = 400, .headers = {}, .body = std::string(bytes)};
    (void)aws::judge(response);
}

constexpr std::array targets{Target{"sigv4", sigv4}, Target{"aws_answers", aws_answers}};

}  // namespace

std::span<const Target> aws_targets() { return targets; }

}  // namespace waybill::fuzz

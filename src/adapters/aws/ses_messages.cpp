#include "adapters/aws/ses_messages.hpp"

#include <openssl/evp.h>

#include <algorithm>
#include <array>

#include "adapters/aws/json.hpp"
#include "domain/user.hpp"

namespace waybill::aws {

namespace {

namespace json = boost::json;

std::string base64(std::string_view bytes) {
    std::string out((bytes.size() + 2) / 3 * 4 + 1, '\0');  // EVP_EncodeBlock ends with a zero
    const auto* data = reinterpret_cast<const unsigned char*>(bytes.data());
    const int size =
        EVP_EncodeBlock(reinterpret_cast<unsigned char*>(out.data()), data, static_cast<int>(bytes.size()));
    out.resize(static_cast<std::size_t>(size));
    return out;
}

// One addr-spec of plain ASCII: nothing that could become a second recipient or a header.
bool is_address(const std::string& text) { return normalize_email(text).has_value(); }

// 4xx that an operator can mend: the mail itself is fine.
bool is_account_trouble(std::string_view code) {
    static constexpr std::array<std::string_view, 4> codes = {"AccountSuspendedException", "SendingPausedException",
                                                              "LimitExceededException", "ConfigurationSetDoesNotExist"};
    return std::ranges::find(codes, code) != codes.end();
}

bool is_of_the_mail(const ServiceFailure& failure) {
    const bool says_so = failure.status == 400 || failure.status == 413 || failure.status == 422;
    return failure.kind == FailureKind::rejected && says_so && !is_account_trouble(failure.code);
}

}  // namespace

std::string reason_against(const Mail& mail, std::size_t raw_bytes_max) {
    if (!is_address(mail.to)) return "The recipient's address is not one that SES can mail.";
    if (!is_address(mail.from)) return "The sender's address is not one that SES can mail from.";
    if (mail.raw.size() > raw_bytes_max) return "The mail is larger than this carrier takes.";
    return {};
}

std::string mail_request(const Mail& mail, const std::string& configuration_set) {
    json::object request{{"FromEmailAddress", mail.from},
                         {"Destination", {{"ToAddresses", json::array{mail.to}}}},
                         {"Content", {{"Raw", {{"Data", base64(mail.raw)}}}}}};
    if (!configuration_set.empty()) request["ConfigurationSetName"] = configuration_set;
    return json::serialize(request);
}

MailResult judge(const ServiceAnswer& answer) {
    if (!answer) {
        const MailOutcome outcome = is_of_the_mail(answer.error()) ? MailOutcome::refused : MailOutcome::no_answer;
        return {outcome, answer.error().detail};
    }
    const auto object = parse_object(answer->body);
    if (!object || string_at(*object, "MessageId").empty()) {
        return {MailOutcome::no_answer, "SES answered what is no answer of SES."};
    }
    return {MailOutcome::sent, {}};
}

std::optional<MailReport> read_account(std::string_view answer) {
    const auto object = parse_object(answer);
    if (!object || object->if_contains("SendingEnabled") == nullptr) return std::nullopt;
    const json::object& quota = object_at(*object, "SendQuota");
    MailReport report;
    report.sending_enabled = bool_at(*object, "SendingEnabled");
    report.production_access = bool_at(*object, "ProductionAccessEnabled");
    report.rate_per_second_max = number_at(quota, "MaxSendRate");
    report.sent_last_day = number_at(quota, "SentLast24Hours");
    report.per_day_max = number_at(quota, "Max24HourSend");
    return report;
}

bool is_verified(std::string_view answer) {
    const auto object = parse_object(answer);
    return object && bool_at(*object, "VerifiedForSendingStatus");
}

}  // namespace waybill::aws

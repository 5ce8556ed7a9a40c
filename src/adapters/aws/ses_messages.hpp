// What Waybill says to SES v2 (REST) and reads from it. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "adapters/aws/aws.hpp"
#include "adapters/aws/service_client.hpp"

namespace waybill::aws {

// Empty when the mail may be handed to SES, else why it never will be.
[[nodiscard]] std::string reason_against(const Mail& mail, std::size_t raw_bytes_max);

// POST /v2/email/outbound-emails
[[nodiscard]] std::string mail_request(const Mail& mail, const std::string& configuration_set);

// `refused` is for what a repeat cannot change about this mail; what is wrong with the account, the
// credentials or the connection is no answer.
[[nodiscard]] MailResult judge(const ServiceAnswer& answer);

// GET /v2/email/account; empty when it is not what SES says.
[[nodiscard]] std::optional<MailReport> read_account(std::string_view answer);

// GET /v2/email/identities/<identity>
[[nodiscard]] bool is_verified(std::string_view answer);

}  // namespace waybill::aws

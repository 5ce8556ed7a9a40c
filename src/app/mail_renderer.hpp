// Turns a terminal order into the mail that tells its customer, and a forgotten password into the one
// that lets its owner choose another. Pure: the same order and address give the same bytes.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "domain/error.hpp"
#include "domain/money.hpp"
#include "domain/order.hpp"
#include "domain/password_reset.hpp"
#include "ports/mailer.hpp"

namespace waybill {

// Mustache templates by name: "<mail>.subject", "<mail>.txt", "<mail>.html" with <mail> one of
// processed, failed, cancelled, password-reset. Built-in ones serve where a name is missing.
using MailTemplates = std::map<std::string, std::string, std::less<>>;

[[nodiscard]] const MailTemplates& built_in_mail_templates();

// Thread-safe.
class MailRenderer {
public:
    struct Options {
        std::string from = "orders@localhost";
        std::string shop_name = "Waybill";
        Currency currency{};
        std::string password_reset_url{};  // the token is appended; empty: the mail shows the token
    };
    // Throws std::invalid_argument that names the template when one does not parse or its name is
    // unknown.
    MailRenderer(Options options, const MailTemplates& overrides);
    ~MailRenderer();

    // The order must be terminal. Sets X-Waybill-Mail-Id, X-Waybill-Trace (as a traceparent), Message-ID, Date and MIME
    // boundaries from the identity and the order's times; parts are text and HTML, quoted-printable (RFC 2045), the
    // subject an encoded word where it must be (RFC 2047).
    [[nodiscard]] Mail render(const Order& order, const std::string& to) const;

    // The same for a reset, with its token; the identity is "reset-<id>".
    [[nodiscard]] Mail render(const ResetMail& reset, const std::string& token) const;

private:
    class State;
    std::unique_ptr<State> state_;
};

}  // namespace waybill

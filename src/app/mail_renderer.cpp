#include "app/mail_renderer.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <stdexcept>

#include "app/mail_template.hpp"
#include "app/mime.hpp"

namespace waybill {

namespace {

// RFC 2046, 5.1.1 allows 70 characters.
constexpr std::size_t boundary_identity_max = 60;

// Room for headers and what stands between the parts, and for what quoted-printable adds.
constexpr std::size_t headers_length_usual = 1'024;
constexpr std::size_t encoded_length_usual(std::size_t length) { return length + length / 8; }

constexpr std::array mailed_states{OrderStatus::processed, OrderStatus::failed, OrderStatus::cancelled};

std::string word_of(OrderStatus state) {
    std::string word(to_text(state));
    std::ranges::transform(word, word.begin(),
                           [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
    return word;
}

// Renders text without control characters (mime::clean_text). The values are clean; where the template
// is too, so is what they make.
class Template {
public:
    Template(const std::string& text, MailTemplate::Escape escape)
        : parsed_(text, escape), is_clean_(mime::clean_text(text, true) == text) {}

    [[nodiscard]] std::string render(const MailValues& values) const {
        std::string text = parsed_.render(values);
        if (!is_clean_) text = mime::clean_text(text, true);
        return text;
    }

private:
    MailTemplate parsed_;
    bool is_clean_;
};

struct MailWords {
    Template subject;
    Template text;
    Template html;
};

const std::string& template_text(const std::string& name, const MailTemplates& overrides) {
    const auto found = overrides.find(name);
    return found == overrides.end() ? built_in_mail_templates().at(name) : found->second;
}

Template make_template(const std::string& name, const MailTemplates& overrides) {
    const auto escape = name.ends_with(".html") ? MailTemplate::Escape::html : MailTemplate::Escape::none;
    try {
        return Template(template_text(name, overrides), escape);
    } catch (const std::out_of_range&) {
        throw std::invalid_argument("mail template " + name + " does not parse");
    } catch (const std::invalid_argument& problem) {
        throw std::invalid_argument("mail template " + name + " does not parse: " + problem.what());
    }
}

MailWords make_words(const std::string& mail, const MailTemplates& overrides) {
    return {make_template(mail + ".subject", overrides), make_template(mail + ".txt", overrides),
            make_template(mail + ".html", overrides)};
}

void check_names(const MailTemplates& overrides) {
    for (const auto& [name, text] : overrides) {
        if (!built_in_mail_templates().contains(name)) throw std::invalid_argument("unknown mail template: " + name);
    }
}

MailValues::Texts item_values(const OrderLine& line, const Currency& currency) {
    MailValues::Texts values;
    values.reserve(5);
    values.push_back({"productId", mime::clean_text(line.product_id.text)});
    values.push_back({"name", mime::clean_text(line.name)});
    values.push_back({"quantity", std::to_string(line.quantity)});
    values.push_back({"unitPrice", format_amount(line.unit_price, currency)});
    values.push_back({"lineTotal", format_amount(line.total(), currency)});
    return values;
}

MailValues order_values(const Order& order, const MailRenderer::Options& options) {
    MailValues values;
    values.items.reserve(order.lines.size());
    for (const OrderLine& line : order.lines) values.items.push_back(item_values(line, options.currency));
    values.texts.reserve(7);
    values.texts.push_back({"shopName", mime::clean_text(options.shop_name)});
    values.texts.push_back({"orderId", mime::clean_text(order.id.text)});
    values.texts.push_back({"status", std::string(to_text(order.status))});
    values.texts.push_back({"total", format_amount(order.total, options.currency)});
    values.texts.push_back({"currency", options.currency.code});
    values.texts.push_back({"location", mime::clean_text(order.location)});
    if (!order.reason.empty()) values.texts.push_back({"reason", mime::clean_text(order.reason)});
    return values;
}

void append_part(std::string& out, std::string_view boundary, std::string_view type, std::string_view text) {
    out.append("--").append(boundary).append("\r\nContent-Type: ").append(type);
    out += "; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n";
    mime::append_quoted_printable(out, text);
}

// Parts are quoted-printable, where a '=' is never followed by '_', so they cannot hold the boundary.
void append_multipart(std::string& out, const std::string& identity, std::string_view text, std::string_view html) {
    const std::string boundary = "=_" + identity.substr(0, boundary_identity_max);
    out.append("Content-Type: multipart/alternative;\r\n boundary=\"").append(boundary).append("\"\r\n\r\n");
    append_part(out, boundary, "text/plain", text);
    append_part(out, boundary, "text/html", html);
    out.append("--").append(boundary).append("--\r\n");
}

void require_plain_address(const std::string& address, const char* what) {
    if (!mime::is_plain_address(address)) throw std::invalid_argument(std::string(what) + " is not a plain address");
}

}  // namespace

class MailRenderer::State {
public:
    State(Options options, const MailTemplates& overrides)
        : options_(std::move(options)), reset_words_(make_words("password-reset", overrides)) {
        check_names(overrides);
        require_plain_address(options_.from, "the mail sender");
        from_header_ = mime::address_header("From", options_.shop_name, options_.from);
        from_domain_ = options_.from.substr(options_.from.rfind('@'));
        for (const OrderStatus state : mailed_states) words_.emplace(state, make_words(word_of(state), overrides));
    }

    Mail render(const Order& order, const std::string& to) const {
        if (!is_terminal(order.status) || !order.finished_at) throw std::logic_error("a mail for an unfinished order");
        if (!is_valid_id(order.id.text)) throw std::logic_error("a mail for an order without a valid id");
        require_plain_address(to, "the mail recipient");

        std::string identity = order.id.text + "-" + word_of(order.status);
#ifdef WAYBILL_MUTANT_RANDOM_MESSAGE_ID
        static std::atomic<unsigned> mails_made{0};
        identity += "-" + std::to_string(++mails_made);
#endif
        return make(std::move(identity), to, *order.finished_at, words_.at(order.status), order_values(order, options_),
                    order.trace);
    }

    Mail render(const ResetMail& reset, const std::string& token) const {
        if (!is_valid_id(reset.id.text)) throw std::logic_error("a mail for a reset without a valid id");
        require_plain_address(reset.to, "the mail recipient");
        MailValues values;
        values.texts.push_back({"shopName", mime::clean_text(options_.shop_name)});
        values.texts.push_back({"token", token});
        const std::string& url = options_.password_reset_url;
        if (!url.empty()) values.texts.push_back({"link", mime::clean_text(url) + token});
        const auto lifetime = std::chrono::duration_cast<std::chrono::minutes>(reset.expires_at - reset.created_at);
        values.texts.push_back({"minutes", std::to_string(lifetime.count())});
        return make("reset-" + reset.id.text, reset.to, reset.created_at, reset_words_, values);
    }

private:
    Mail make(std::string identity, std::string to, TimePoint date, const MailWords& words, const MailValues& values,
              const TraceContext& trace = {}) const {
        Mail mail;
        mail.identity = std::move(identity);
        mail.from = options_.from;
        mail.to = std::move(to);
        mail.date = date;
        const std::string text = words.text.render(values);
        const std::string html = words.html.render(values);
        mail.raw.reserve(headers_length_usual + encoded_length_usual(text.size() + html.size()));
        append_headers(mail, words.subject.render(values), trace);
        append_multipart(mail.raw, mail.identity, text, html);
        return mail;
    }

    void append_headers(Mail& mail, const std::string& subject, const TraceContext& trace) const {
        std::string& out = mail.raw;
        out += from_header_;
        out += mime::address_header("To", "", mail.to);
        out += mime::text_header("Subject", subject);
        out.append("Date: ").append(mime::format_date(mail.date)).append("\r\n");
        out.append("Message-ID:\r\n <").append(mail.identity).append(from_domain_).append(">\r\n");
        out.append("X-Waybill-Mail-Id: ").append(mail.identity).append("\r\n");
        if (trace.is_set()) out.append("X-Waybill-Trace: ").append(to_traceparent(trace)).append("\r\n");
        out += "Auto-Submitted: auto-generated\r\nMIME-Version: 1.0\r\n";
    }

    Options options_;
    std::string from_header_;
    std::string from_domain_;  // with its @
    std::map<OrderStatus, MailWords> words_;
    MailWords reset_words_;
};

MailRenderer::MailRenderer(Options options, const MailTemplates& overrides)
    : state_(std::make_unique<State>(std::move(options), overrides)) {}

MailRenderer::~MailRenderer() = default;

Mail MailRenderer::render(const Order& order, const std::string& to) const { return state_->render(order, to); }

Mail MailRenderer::render(const ResetMail& reset, const std::string& token) const {
    return state_->render(reset, token);
}

}  // namespace waybill

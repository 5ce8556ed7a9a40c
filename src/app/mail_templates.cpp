// The built-in words of the mails. Names: shopName, orderId, status, items (productId, name,
// quantity, unitPrice, lineTotal), total, currency, location, reason (absent when empty). Those of
// password-reset: shopName, token, link (absent without --password-reset-url), minutes.
#include "app/mail_renderer.hpp"

namespace waybill {

namespace {

constexpr std::string_view subject = "Your Order {{status}}: {{orderId}}";

constexpr std::string_view text_details = R"(Order: {{orderId}}
Location: {{location}}

{{#items}}
{{quantity}} x {{name}}
    {{unitPrice}} {{currency}} each, {{lineTotal}} {{currency}}
{{/items}}

Total: {{total}} {{currency}}
)";

constexpr std::string_view html_start = R"(<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{{shopName}}</title>
</head>
<body style="margin:0;padding:16px;background:#f4f4f5;color:#18181b;font:16px/1.5 -apple-system,'Segoe UI',Roboto,Helvetica,Arial,sans-serif">
<div style="max-width:560px;margin:0 auto;padding:24px;background:#ffffff;border-radius:8px">
<p style="margin:0 0 16px;font-size:14px;color:#52525b">{{shopName}}</p>
)";

constexpr std::string_view html_details =
    R"(<p style="margin:16px 0;font-size:14px;color:#52525b">Order {{orderId}}<br>Location {{location}}</p>
<table role="presentation" cellpadding="0" cellspacing="0" style="width:100%;border-collapse:collapse">
{{#items}}
<tr>
<td style="padding:8px 0;border-top:1px solid #e4e4e7">{{name}}<br><span style="font-size:14px;color:#52525b">{{quantity}} &times; {{unitPrice}} {{currency}}</span></td>
<td style="padding:8px 0 8px 16px;border-top:1px solid #e4e4e7;text-align:right;white-space:nowrap;vertical-align:top">{{lineTotal}} {{currency}}</td>
</tr>
{{/items}}
<tr>
<td style="padding:8px 0;border-top:2px solid #18181b;font-weight:bold">Total</td>
<td style="padding:8px 0 8px 16px;border-top:2px solid #18181b;font-weight:bold;text-align:right;white-space:nowrap">{{total}} {{currency}}</td>
</tr>
</table>
)";

constexpr std::string_view html_end = R"(</div>
</body>
</html>
)";

// What one state says before and after the details.
struct Words {
    std::string_view title;
    std::string_view opening;  // after the greeting
    std::string_view reason;   // a section; empty where a state has none
    std::string_view closing;
};

constexpr Words processed_words{"Your order is processed", "your order at {{shopName}} has been processed.", "",
                                "Thank you for your order."};
constexpr Words failed_words{
    "Your order failed",
    "we are sorry: your order at {{shopName}} could not be processed. The items were released again.",
    "Reason: {{reason}}", "You are welcome to order again."};
constexpr Words cancelled_words{"Your order is cancelled",
                                "your order at {{shopName}} has been cancelled, as requested.", "Reason: {{reason}}",
                                "We hope to see you again."};

constexpr std::string_view reset_text = R"(Hello,

somebody asked for a new password for your account at {{shopName}}. If it was you, use this within {{minutes}} minutes:

{{#link}}
{{link}}
{{/link}}
{{^link}}
{{token}}
{{/link}}

If it was not you, there is nothing to do: your password stays as it is.
{{shopName}}
)";

constexpr std::string_view reset_html =
    R"(<h1 style="margin:0 0 16px;font-size:22px;line-height:1.3">A new password</h1>
<p style="margin:0 0 16px">Hello,<br>somebody asked for a new password for your account at {{shopName}}. If it was you, use this within {{minutes}} minutes:</p>
{{#link}}
<p style="margin:0 0 16px"><a href="{{link}}" style="display:inline-block;padding:12px 20px;background:#18181b;color:#ffffff;border-radius:6px;text-decoration:none">Choose a new password</a></p>
{{/link}}
{{^link}}
<p style="margin:0 0 16px;font-family:monospace;word-break:break-all">{{token}}</p>
{{/link}}
<p style="margin:0">If it was not you, there is nothing to do: your password stays as it is.<br>{{shopName}}</p>
)";

std::string text_of(const Words& words) {
    std::string out = "Hello,\n\n";
    out.append(words.opening).append("\n\n");
    if (!words.reason.empty()) out.append("{{#reason}}\n").append(words.reason).append("\n\n{{/reason}}\n");
    out.append(text_details).append("\n").append(words.closing).append("\n{{shopName}}\n");
    return out;
}

std::string html_of(const Words& words) {
    std::string out(html_start);
    out.append("<h1 style=\"margin:0 0 16px;font-size:22px;line-height:1.3\">").append(words.title).append("</h1>\n");
    out.append("<p style=\"margin:0 0 16px\">Hello,<br>").append(words.opening).append("</p>\n");
    if (!words.reason.empty()) {
        out.append("{{#reason}}\n<p style=\"margin:0 0 16px\">").append(words.reason).append("</p>\n{{/reason}}\n");
    }
    out.append(html_details);
    out.append("<p style=\"margin:16px 0 0\">").append(words.closing).append("<br>{{shopName}}</p>\n");
    out.append(html_end);
    return out;
}

MailTemplates make_templates() {
    MailTemplates templates;
    const auto add = [&](const std::string& state, const Words& words) {
        templates.emplace(state + ".subject", subject);
        templates.emplace(state + ".txt", text_of(words));
        templates.emplace(state + ".html", html_of(words));
    };
    add("processed", processed_words);
    add("failed", failed_words);
    add("cancelled", cancelled_words);
    templates.emplace("password-reset.subject", "A new password for {{shopName}}");
    templates.emplace("password-reset.txt", reset_text);
    templates.emplace("password-reset.html", std::string(html_start).append(reset_html).append(html_end));
    return templates;
}

}  // namespace

const MailTemplates& built_in_mail_templates() {
    static const MailTemplates templates = make_templates();
    return templates;
}

}  // namespace waybill

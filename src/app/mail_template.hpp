// A mustache template, parsed once and rendered for every mail. kainjow's library parses it; it is
// rendered here, because the library's way (a call through std::function for every word and every
// space, a copy of every line) was a third of what a mail cost.
//
// Shows texts, and the sections of texts and of items; `{{.}}` is the text of the section around it.
// Partials show nothing: a value is never taken for a template. Lines that hold nothing but the tags
// of sections are left out, as mustache says.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace waybill {

// What a template can name. A text that an order does not have is left out, and so is its section.
struct MailValues {
    struct Text {
        std::string_view name;  // a literal
        std::string value;
    };
    using Texts = std::vector<Text>;
    Texts texts;
    std::vector<Texts> items;  // the section of this name, once for each
};

// Immutable.
class MailTemplate {
public:
    enum class Escape : std::uint8_t { none, html };

    // Throws std::invalid_argument, in the parser's words, when `text` does not parse.
    MailTemplate(const std::string& text, Escape escape);

    [[nodiscard]] std::string render(const MailValues& values) const;

    struct Node {
        enum class Kind : std::uint8_t { text, line_end, value, value_as_it_is, section, inverted_section };
        Kind kind;
        std::string text;            // or the name
        std::vector<Node> children;  // of a section
    };

private:
    std::vector<Node> nodes_;
    Escape escape_;
    std::size_t length_;
};

}  // namespace waybill

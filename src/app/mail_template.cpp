#include "app/mail_template.hpp"

#include <kainjow/mustache.hpp>

#include <algorithm>
#include <optional>
#include <stdexcept>

namespace waybill {

namespace {

namespace mustache = kainjow::mustache;

using Component = mustache::component<std::string>;
using Node = MailTemplate::Node;
using Kind = Node::Kind;

std::optional<Kind> kind_of(const Component& component) {
    switch (component.tag.type) {
        case mustache::tag_type::text:
            return component.is_newline() ? Kind::line_end : Kind::text;
        case mustache::tag_type::variable:
            return Kind::value;
        case mustache::tag_type::unescaped_variable:
            return Kind::value_as_it_is;
        case mustache::tag_type::section_begin:
            return Kind::section;
        case mustache::tag_type::section_begin_inverted:
            return Kind::inverted_section;
        case mustache::tag_type::section_end:
        case mustache::tag_type::comment:
        case mustache::tag_type::partial:
        case mustache::tag_type::set_delimiter:
            return std::nullopt;
    }
    return std::nullopt;
}

// The parser makes a component of each word and each space; here they are one text up to the next tag
// or the end of the line.
std::vector<Node> make_nodes(const std::vector<Component>& components) {
    std::vector<Node> nodes;
    for (const Component& component : components) {
        const std::optional<Kind> kind = kind_of(component);
        if (!kind) continue;
        if (*kind == Kind::text && !nodes.empty() && nodes.back().kind == Kind::text) {
            nodes.back().text += component.text;
        } else {
            const bool is_tag = *kind != Kind::text && *kind != Kind::line_end;
            nodes.push_back({*kind, is_tag ? component.tag.name : component.text, make_nodes(component.children)});
        }
    }
    return nodes;
}

std::string_view html_of(char c) {
    switch (c) {
        case '&':
            return "&amp;";
        case '<':
            return "&lt;";
        case '>':
            return "&gt;";
        case '"':
            return "&quot;";
        case '\'':
            return "&apos;";
        default:
            return {};
    }
}

// What is around a tag: the mail, one of its items, or a text that has a section.
struct Scope {
    const MailValues::Texts* texts = nullptr;
    const std::vector<MailValues::Texts>* items = nullptr;
    const std::string* text = nullptr;
    const Scope* outer = nullptr;
};

struct Found {
    bool is_there = false;
    const std::string* text = nullptr;
    const std::vector<MailValues::Texts>* items = nullptr;
};

Found find(const std::string& name, const Scope& scope) {
    if (name == ".") return {true, scope.text, nullptr};
    for (const Scope* at = &scope; at != nullptr; at = at->outer) {
        if (at->texts == nullptr) continue;
        const auto found = std::ranges::find(*at->texts, name, &MailValues::Text::name);
        if (found != at->texts->end()) return {true, &found->value, nullptr};
        if (at->items != nullptr && !at->items->empty() && name == "items") return {true, nullptr, at->items};
    }
    return {};
}

class Rendering {
public:
    Rendering(MailTemplate::Escape escape, std::size_t expected_length) : escape_(escape) {
        out_.reserve(expected_length);
    }

    void show(const std::vector<Node>& nodes, const Scope& scope) {
        for (const Node& node : nodes) show(node, scope);
    }

    [[nodiscard]] std::string finish() {
        end_line({});
        return std::move(out_);
    }

private:
    void show(const Node& node, const Scope& scope) {
        switch (node.kind) {
            case Kind::text:
                out_ += node.text;
                return;
            case Kind::line_end:
                return end_line(node.text);
            case Kind::value:
                return show_value(find(node.text, scope), escape_);
            case Kind::value_as_it_is:
                return show_value(find(node.text, scope), MailTemplate::Escape::none);
            case Kind::section:
                return show_section(node, find(node.text, scope), scope);
            case Kind::inverted_section:
                if (!find(node.text, scope).is_there) show_once(node, scope);
                return;
        }
    }

    void show_value(const Found& found, MailTemplate::Escape escape) {
        if (found.text == nullptr) return;
        if (escape == MailTemplate::Escape::none) {
            out_ += *found.text;
        } else {
            append_html(*found.text);
        }
    }

    void append_html(std::string_view text) {
        std::size_t shown = 0;
        for (std::size_t i = 0; i < text.size(); ++i) {
            const std::string_view html = html_of(text[i]);
            if (html.empty()) continue;
            out_ += text.substr(shown, i - shown);
            out_ += html;
            shown = i + 1;
        }
        out_ += text.substr(shown);
    }

    void show_section(const Node& node, const Found& found, const Scope& scope) {
        if (!found.is_there) return;
        if (found.items != nullptr) {
            for (const MailValues::Texts& item : *found.items) show_once(node, {.texts = &item, .outer = &scope});
        } else if (found.text != nullptr) {
            show_once(node, {.text = found.text, .outer = &scope});
        } else {
            show_once(node, scope);
        }
    }

    // Its tags are on the line on which it begins, and on the one on which it ends.
    void show_once(const Node& section, const Scope& scope) {
        line_has_section_ = true;
        show(section.children, scope);
        line_has_section_ = true;
    }

    void end_line(std::string_view end) {
        const std::string_view line = std::string_view(out_).substr(line_start_);
        if (line_has_section_ && line.find_first_not_of(" \t") == std::string_view::npos) {
            out_.resize(line_start_);
        } else {
            out_ += end;
        }
        line_start_ = out_.size();
        line_has_section_ = false;
    }

    const MailTemplate::Escape escape_;
    std::string out_;
    std::size_t line_start_ = 0;
    bool line_has_section_ = false;
};

}  // namespace

MailTemplate::MailTemplate(const std::string& text, Escape escape) : escape_(escape), length_(text.size()) {
    mustache::context<std::string> nothing;
    mustache::context_internal<std::string> state(nothing);
    Component root;
    std::string problem;
    const mustache::parser<std::string> parsed(text, state, root, problem);
    if (!problem.empty()) throw std::invalid_argument(problem);
    nodes_ = make_nodes(root.children);
}

std::string MailTemplate::render(const MailValues& values) const {
    Rendering rendering(escape_, 2 * length_);
    rendering.show(nodes_, {.texts = &values.texts, .items = &values.items});
    return rendering.finish();
}

}  // namespace waybill

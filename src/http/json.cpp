#include "http/json.hpp"

#include <boost/json/basic_parser_impl.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <optional>
#include <utility>

#include "domain/hex.hpp"

namespace waybill::http {

namespace {

namespace bj = boost::json;
using ErrorCodeOfParser = bj::error_code;
using TextPart = bj::string_view;

JsonProblem malformed(std::string detail) {
    JsonProblem problem;
    problem.detail = std::move(detail);
    return problem;
}

JsonProblem refused(std::string pointer, std::string code, std::string message) {
    JsonProblem problem;
    problem.malformed = false;
    problem.detail = message;
    problem.field = {std::move(pointer), std::move(code), std::move(message)};
    return problem;
}

// The name that occurs a second time, if one does.
std::optional<std::string_view> find_duplicate(const Json& object) {
    std::vector<std::string_view> names;
    names.reserve(object.members.size());
    for (const auto& [name, value] : object.members) names.emplace_back(name);
    std::ranges::sort(names);
    const auto twin = std::ranges::adjacent_find(names);
    if (twin == names.end()) return std::nullopt;
    return *twin;
}

// What basic_parser needs of every handler; says yes to all of it.
struct Acceptor {
    static constexpr std::size_t max_object_size = static_cast<std::size_t>(-1);
    static constexpr std::size_t max_array_size = static_cast<std::size_t>(-1);
    static constexpr std::size_t max_key_size = static_cast<std::size_t>(-1);
    static constexpr std::size_t max_string_size = static_cast<std::size_t>(-1);

    bool on_document_begin(ErrorCodeOfParser&) { return true; }
    bool on_document_end(ErrorCodeOfParser&) { return true; }
    bool on_object_begin(ErrorCodeOfParser&) { return true; }
    bool on_object_end(std::size_t, ErrorCodeOfParser&) { return true; }
    bool on_array_begin(ErrorCodeOfParser&) { return true; }
    bool on_array_end(std::size_t, ErrorCodeOfParser&) { return true; }
    bool on_key_part(TextPart, std::size_t, ErrorCodeOfParser&) { return true; }
    bool on_key(TextPart, std::size_t, ErrorCodeOfParser&) { return true; }
    bool on_string_part(TextPart, std::size_t, ErrorCodeOfParser&) { return true; }
    bool on_string(TextPart, std::size_t, ErrorCodeOfParser&) { return true; }
    bool on_number_part(TextPart, ErrorCodeOfParser&) { return true; }
    bool on_int64(std::int64_t, TextPart, ErrorCodeOfParser&) { return true; }
    bool on_uint64(std::uint64_t, TextPart, ErrorCodeOfParser&) { return true; }
    bool on_double(double, TextPart, ErrorCodeOfParser&) { return true; }
    bool on_bool(bool, ErrorCodeOfParser&) { return true; }
    bool on_null(ErrorCodeOfParser&) { return true; }
    bool on_comment_part(TextPart, ErrorCodeOfParser&) { return true; }
    bool on_comment(TextPart, ErrorCodeOfParser&) { return true; }
};

// Builds the tree bottom-up: a container grows on `open_` and moves into its parent when it ends.
class TreeBuilder : public Acceptor {
public:
    Json root;
    std::optional<JsonProblem> problem{};  // the first one that RFC 8259 allows

    // The value that is being read, or is to be read next.
    [[nodiscard]] std::string pointer() const {
        std::string pointer;
        for (const Open& open : open_) {
            if (open.value.kind == Json::Kind::array) {
                append_pointer_token(pointer, std::to_string(open.value.items.size()));
            } else if (open.has_name) {
                append_pointer_token(pointer, open.name);
            }
        }
        return pointer;
    }

    bool on_object_begin(ErrorCodeOfParser&) { return begin(Json::Kind::object); }
    bool on_array_begin(ErrorCodeOfParser&) { return begin(Json::Kind::array); }
    bool on_array_end(std::size_t, ErrorCodeOfParser&) { return end(); }

    bool on_object_end(std::size_t, ErrorCodeOfParser&) {
        if (const auto name = find_duplicate(open_.back().value); name && !problem) {
            std::string at = pointer();
            append_pointer_token(at, *name);
            problem = refused(std::move(at), "duplicate-name", "The name occurs more than once in its object.");
        }
        return end();
    }

    bool on_key_part(TextPart part, std::size_t, ErrorCodeOfParser&) { return keep(part); }
    bool on_key(TextPart part, std::size_t, ErrorCodeOfParser&) {
        keep(part);
        open_.back().name = std::move(text_);
        open_.back().has_name = true;
        text_.clear();
        return true;
    }

    bool on_string_part(TextPart part, std::size_t, ErrorCodeOfParser&) { return keep(part); }
    bool on_string(TextPart part, std::size_t, ErrorCodeOfParser&) { return add_text(Json::Kind::string, part); }

    bool on_number_part(TextPart part, ErrorCodeOfParser&) { return keep(part); }
    bool on_int64(std::int64_t, TextPart part, ErrorCodeOfParser&) { return add_text(Json::Kind::number, part); }
    bool on_uint64(std::uint64_t, TextPart part, ErrorCodeOfParser&) { return add_text(Json::Kind::number, part); }
    bool on_double(double value, TextPart part, ErrorCodeOfParser&) {
        if (!std::isfinite(value) && !problem) {
            problem = refused(pointer(), "out-of-range", "The number is too large.");
        }
        return add_text(Json::Kind::number, part);
    }

    bool on_bool(bool value, ErrorCodeOfParser&) {
        Json json;
        json.kind = Json::Kind::boolean;
        json.boolean = value;
        return add(std::move(json));
    }
    bool on_null(ErrorCodeOfParser&) { return add(Json{}); }

private:
    struct Open {
        Json value;
        std::string name;  // of the member whose value comes next
        bool has_name = false;
    };

    bool keep(TextPart part) {
        text_.append(part.data(), part.size());
        return true;
    }

    bool add_text(Json::Kind kind, TextPart part) {
        keep(part);
        Json json;
        json.kind = kind;
        json.text = std::move(text_);
        text_.clear();
        return add(std::move(json));
    }

    bool begin(Json::Kind kind) {
        open_.emplace_back();
        open_.back().value.kind = kind;
        return true;
    }

    bool end() {
        Json closed = std::move(open_.back().value);
        open_.pop_back();
        return add(std::move(closed));
    }

    bool add(Json json) {
        if (open_.empty()) {
            root = std::move(json);
        } else if (Open& parent = open_.back(); parent.value.kind == Json::Kind::array) {
            parent.value.items.push_back(std::move(json));
        } else {
            parent.value.members.emplace_back(std::move(parent.name), std::move(json));
            parent.name.clear();
            parent.has_name = false;
        }
        return true;
    }

    std::vector<Open> open_;
    std::string text_;  // parts of a string or number so far
};

struct Parsed {
    ErrorCodeOfParser error;
    std::size_t read = 0;
};

template <class Handler>
Parsed parse(bj::basic_parser<Handler>& parser, std::string_view text) {
    Parsed parsed;
    parsed.read = parser.write_some(false, text.data(), text.size(), parsed.error);
    if (!parsed.error && parsed.read < text.size()) parsed.error = bj::error::extra_data;
    return parsed;
}

// The same document with U+FFFD for every escaped surrogate, paired or not. What only looks like one,
// behind an escaped backslash, is as valid before as after.
std::string without_surrogates(std::string text) {
    for (std::size_t i = 0; i + 1 < text.size(); ++i) {
        if (text[i] != '\\') continue;
        const std::string_view escape = std::string_view(text).substr(i, 6);
        const bool surrogate = escape.size() == 6 && escape[1] == 'u' && (escape[2] == 'd' || escape[2] == 'D') &&
                               hex_value(escape[3]) >= 8 && hex_value(escape[4]) >= 0 && hex_value(escape[5]) >= 0;
        if (surrogate) text.replace(i, 6, "\\uFFFD");
    }
    return text;
}

constexpr std::string_view white_space = " \t\n\r";
constexpr std::string_view structure = "[]{}:,\"";

// A string, number or literal, as far as it goes: whether it is one is not asked.
std::string_view scalar_at(std::string_view text) {
    std::size_t end = 1;
    if (text.front() == '"') {
        while (end < text.size() && text[end] != '"') end += text[end] == '\\' ? 2u : 1u;
        return text.substr(0, end + 1);
    }
    while (end < text.size() && !white_space.contains(text[end]) && !structure.contains(text[end])) ++end;
    return text.substr(0, end);
}

bool is_scalar(std::string_view text) {
    bj::basic_parser<Acceptor> parser{bj::parse_options{}};
    const ErrorCodeOfParser error = parse(parser, text).error;
    if (error != bj::error::exponent_overflow) return !error;
    // It stopped within the digits of an exponent: all that comes has to be more of them.
    return text.find_last_not_of("0123456789") <= text.find_first_of("eE") + 1;
}

// The structure of a document, token by token. Not by recursion: it may be as deep as it is long.
class Structure {
public:
    // False where RFC 8259 (section 2) wants something else at this place.
    bool take(std::string_view token) {
        switch (token.front()) {
            case '[':
                return begin(token.front(), Next::value_or_end);
            case '{':
                return begin(token.front(), Next::name_or_end);
            case ']':
                return end('[', Next::value_or_end);
            case '}':
                return end('{', Next::name_or_end);
            case ':':
                return next_ == Next::colon && expect(Next::value);
            case ',':
                return next_ == Next::comma_or_end && expect(open_.back() == '[' ? Next::value : Next::name);
            default:
                return take_scalar(token);
        }
    }
    [[nodiscard]] bool is_complete() const { return next_ == Next::nothing; }

private:
    enum class Next { value, value_or_end, name, name_or_end, colon, comma_or_end, nothing };

    bool expect(Next next) {
        next_ = next;
        return true;
    }
    [[nodiscard]] bool wants_value() const { return next_ == Next::value || next_ == Next::value_or_end; }
    bool end_value() { return expect(open_.empty() ? Next::nothing : Next::comma_or_end); }

    bool begin(char bracket, Next next) {
        if (!wants_value()) return false;
        open_.push_back(bracket);
        return expect(next);
    }
    bool end(char bracket, Next when_empty) {
        const bool may_end = next_ == when_empty || (next_ == Next::comma_or_end && open_.back() == bracket);
        if (!may_end) return false;
        open_.pop_back();
        return end_value();
    }
    bool take_scalar(std::string_view token) {
        if (!is_scalar(token)) return false;
        if (wants_value()) return end_value();
        const bool wants_name = next_ == Next::name || next_ == Next::name_or_end;
        return wants_name && token.front() == '"' && expect(Next::colon);
    }

    std::string open_;  // the brackets
    Next next_ = Next::value;
};

// Whether RFC 8259 allows a document that the parser has refused. Then its depth, an exponent or a
// lone surrogate was the reason.
bool is_otherwise_json(std::string_view document) {
    const std::string readable = without_surrogates(std::string(document));
    std::string_view text = readable;
    Structure read;
    while (!text.empty()) {
        const bool is_white = white_space.contains(text.front());
        const bool is_bracket = text.front() != '"' && structure.contains(text.front());
        const std::string_view token = is_white || is_bracket ? text.substr(0, 1) : scalar_at(text);
        if (!is_white && !read.take(token)) return false;
        text.remove_prefix(token.size());
    }
    return read.is_complete();
}

// Where the parser stopped at what JSON allows, the fault lies behind it.
std::string fault_of(const ErrorCodeOfParser& error, std::size_t read) {
    const bool is_allowed = error == bj::error::too_deep || error == bj::error::exponent_overflow;
    return "The body is not JSON (RFC 8259): " + (is_allowed ? "a fault" : error.message()) + " after octet " +
           std::to_string(read) + ".";
}

JsonProblem refusal_of(const ErrorCodeOfParser& error, const TreeBuilder& builder) {
    if (error == bj::error::too_deep) {
        return refused(builder.pointer(), "too-deep",
                       "Nested deeper than " + std::to_string(json_depth_max) + " arrays and objects.");
    }
    if (error == bj::error::exponent_overflow) {
        return refused(builder.pointer(), "out-of-range", "The number's exponent is too large.");
    }
    return refused(builder.pointer(), "lone-surrogate", "A surrogate stands without its other half.");
}

}  // namespace

const Json* Json::find(std::string_view name) const {
    const auto found = std::ranges::find(members, name, &Member::name);
    return found == members.end() ? nullptr : &found->value;
}

void append_pointer_token(std::string& pointer, std::string_view name) {
    pointer += '/';
    for (const char c : name) {
        if (c == '~') {
            pointer += "~0";
        } else if (c == '/') {
            pointer += "~1";
        } else {
            pointer += c;
        }
    }
}

std::expected<Json, JsonProblem> read_json(std::string_view text) {
    bj::parse_options options;
    options.max_depth = json_depth_max;
    bj::basic_parser<TreeBuilder> parser(options);
    const auto [error, read] = parse(parser, text);
    TreeBuilder& builder = parser.handler();
    if (!error && !builder.problem) return std::move(builder.root);
    if (!error) return std::unexpected(std::move(*builder.problem));

    if (text.empty()) return std::unexpected(malformed("The body is empty."));
    if (!is_otherwise_json(text)) {
        return std::unexpected(malformed(fault_of(error, read)));
    }
    return std::unexpected(builder.problem ? std::move(*builder.problem) : refusal_of(error, builder));
}

}  // namespace waybill::http

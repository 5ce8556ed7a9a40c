#include "app/mail_template.hpp"

#include <gtest/gtest.h>

#include <kainjow/mustache.hpp>

#include <array>
#include <random>
#include <stdexcept>

namespace waybill {
namespace {

using Escape = MailTemplate::Escape;

MailValues make_values() {
    return {.texts = {{"shop", "Lamp Shop"}, {"total", "<2 & 'more'>"}, {"empty", ""}, {"blank", " \t"}},
            .items = {{{"name", "A \"lamp\""}, {"total", "1"}}, {{"name", ""}, {"total", "2"}}}};
}

std::string render(const std::string& text, Escape escape = Escape::none) {
    return MailTemplate(text, escape).render(make_values());
}

namespace mustache = kainjow::mustache;

mustache::data as_data(const MailValues::Texts& texts) {
    mustache::data data;
    for (const auto& [name, value] : texts) data.set(std::string(name), value);
    return data;
}

std::string render_by_library(const std::string& text, Escape escape) {
    const MailValues values = make_values();
    mustache::data data = as_data(values.texts);
    mustache::data items(mustache::data::type::list);
    for (const MailValues::Texts& item : values.items) items.push_back(as_data(item));
    data.set("items", items);
    mustache::mustache parsed(text);
    if (escape == Escape::none) parsed.set_custom_escape([](const std::string& value) { return value; });
    return parsed.render(data);
}

class TemplateMaker {
public:
    explicit TemplateMaker(unsigned seed) : random_(seed) {}

    std::string make(int depth = 0) {
        std::string text;
        for (std::size_t left = pick(12); left > 0; --left)
            text += depth < 3 && pick(4) == 0 ? section(depth) : piece();
        return text;
    }

private:
    std::size_t pick(std::size_t below) { return random_() % below; }

    std::string piece() {
        static constexpr std::array pieces{"word",
                                           " ",
                                           "\n",
                                           "\n",
                                           "\r\n",
                                           "\t",
                                           "&",
                                           "{{shop}}",
                                           "{{total}}",
                                           "{{name}}",
                                           "{{empty}}",
                                           "{{blank}}",
                                           "{{items}}",
                                           "{{missing}}",
                                           "{{{total}}}",
                                           "{{&name}}",
                                           "{{ name }}",
                                           "{{.}}",
                                           "{{! a word }}",
                                           "{{=[ ]=}}[name] [={{ }}=]"};
        return pieces.at(pick(pieces.size()));
    }

    std::string section(int depth) {
        static constexpr std::array names{"items", "shop", "empty", "missing", "."};
        const std::string name = names.at(pick(names.size()));
        return std::string(pick(3) == 0 ? "{{^" : "{{#") + name + "}}" + make(depth + 1) + "{{/" + name + "}}";
    }

    std::mt19937 random_;
};

TEST(MailTemplate, shows_what_the_library_would_show) {
    for (unsigned seed = 0; seed < 3'000; ++seed) {
        const std::string text = TemplateMaker(seed).make();
        for (const Escape escape : {Escape::none, Escape::html}) {
            ASSERT_EQ(MailTemplate(text, escape).render(make_values()), render_by_library(text, escape))
                << "seed " << seed << ":\n"
                << text;
        }
    }
}

TEST(MailTemplate, escapes_values_in_html_unless_they_are_taken_as_they_are) {
    EXPECT_EQ(render("<i>{{total}}</i>", Escape::html), "<i>&lt;2 &amp; &apos;more&apos;&gt;</i>");
    EXPECT_EQ(render("{{{total}}}", Escape::html), "<2 & 'more'>");
    EXPECT_EQ(render("{{total}}"), "<2 & 'more'>");
}

TEST(MailTemplate, an_item_hides_what_the_mail_calls_the_same) {
    EXPECT_EQ(render("{{#items}}{{total}} {{shop}};{{/items}}"), "1 Lamp Shop;2 Lamp Shop;");
}

TEST(MailTemplate, leaves_out_lines_that_are_nothing_but_tags_of_sections) {
    EXPECT_EQ(render("a\n  {{#shop}}\nb\n\t{{/shop}}\nc\n"), "a\nb\nc\n");
}

TEST(MailTemplate, never_takes_a_value_for_a_template) {
    const MailValues values{.texts = {{"name", "{{name}}"}}, .items = {}};
    EXPECT_EQ(MailTemplate("[{{> name}}{{name}}]", Escape::none).render(values), "[{{name}}]");
}

TEST(MailTemplate, says_what_does_not_parse) {
    try {
        (void)render("a {{#items}} b");
        FAIL() << "a section without an end was taken";
    } catch (const std::invalid_argument& problem) {
        EXPECT_STREQ(problem.what(), "Unclosed section \"items\" at 2");
    }
}

}  // namespace
}  // namespace waybill

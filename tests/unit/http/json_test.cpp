#include "http/json.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace waybill::http {
namespace {

std::string nested(std::size_t depth) { return std::string(depth, '[') + std::string(depth, ']'); }

std::string number_text(std::string_view text) {
    const auto json = read_json(text);
    return json && json->kind == Json::Kind::number ? json->text : "no number";
}

std::string string_text(std::string_view text) {
    const auto json = read_json(text);
    return json && json->kind == Json::Kind::string ? json->text : "no string";
}

TEST(ReadJson, keeps_the_text_of_every_number) {
    const std::string digits_400 = "0." + std::string(400, '1');
    for (const std::string text :
         {"0", "-0", "4324", "4324.00", "1E5", "1e+5", "4.324e3", "-1.5", "0.1", "1e-400", "9223372036854775807",
          "18446744073709551615", "123456789012345678901234567890", "0.10000000000000000000000001", "0e1"}) {
        EXPECT_EQ(number_text(text), text);
        EXPECT_EQ(number_text(" " + text + "\r\n\t"), text);
        const auto list = read_json("[" + text + "," + text + "]");
        ASSERT_TRUE(list) << text;
        EXPECT_EQ(list->items.at(0).text, text);
        EXPECT_EQ(list->items.at(1).text, text);
    }
    EXPECT_EQ(number_text(digits_400), digits_400);
}

TEST(ReadJson, decodes_strings) {
    EXPECT_EQ(string_text(R"("")"), "");
    EXPECT_EQ(string_text(R"("a\"\\\/\b\f\n\r\t")"), "a\"\\/\b\f\n\r\t");
    EXPECT_EQ(string_text(R"("\u20ac\ud83d\ude00")"), "\u20ac\U0001F600");
    EXPECT_EQ(string_text("\"\u20ac\U0001F600\x7f\""), "\u20ac\U0001F600\x7f");
    EXPECT_EQ(string_text(R"("a\u0000b")"), std::string("a\0b", 3));
}

TEST(ReadJson, builds_the_tree_in_order) {
    const auto json = read_json(R"( {"b":[1,{"x":null}],"a":true,"c":false,"":"d"} )");
    ASSERT_TRUE(json);
    ASSERT_EQ(json->kind, Json::Kind::object);
    ASSERT_EQ(json->members.size(), 4u);
    EXPECT_EQ(json->members[0].name, "b");
    EXPECT_EQ(json->members[1].name, "a");
    const Json* list = json->find("b");
    ASSERT_NE(list, nullptr);
    ASSERT_EQ(list->items.size(), 2u);
    ASSERT_NE(list->items[1].find("x"), nullptr);
    EXPECT_EQ(list->items[1].find("x")->kind, Json::Kind::null);
    EXPECT_TRUE(json->find("a")->boolean);
    EXPECT_EQ(json->find("c")->kind, Json::Kind::boolean);
    EXPECT_FALSE(json->find("c")->boolean);
    EXPECT_EQ(json->find("")->text, "d");
    EXPECT_EQ(json->find("none"), nullptr);
    EXPECT_EQ(list->find("b"), nullptr);
}

std::vector<std::string> malformed_texts() {
    return {
        "",
        " ",
        "\n",
        "{",
        "}",
        "[",
        "]",
        "[1",
        "{\"a\"",
        "{\"a\":",
        "{\"a\":1",
        "\"",
        "\"abc",
        "tru",
        "nul",
        "-",
        // trailing data
        "{} x",
        "{}{}",
        "1 2",
        "[]]",
        "null,",
        "true false",
        "{}\xEF\xBB\xBF",
        // numbers
        "01",
        "-01",
        "00",
        "1.",
        "-1.",
        ".5",
        "-.5",
        "+1",
        "1e",
        "1e+",
        "1.e5",
        "0x10",
        "1_000",
        "NaN",
        "nan",
        "Infinity",
        "-Infinity",
        "inf",
        "[1.]",
        "[01]",
        "\xEF\xBC\x91",
        // commas, quotes, names
        "[1,]",
        "[,1]",
        "[1 2]",
        "[,]",
        "{\"a\":1,}",
        "{,}",
        "{a:1}",
        "{'a':1}",
        "{\"a\" 1}",
        "{\"a\",1}",
        "{1:1}",
        "{\"a\":1 \"b\":2}",
        "{null:1}",
        "[\"a\":1]",
        // words
        "True",
        "NULL",
        "undefined",
        "[nul]",
        // comments, byte order mark, odd white space
        "/**/1",
        "1//x",
        "{}#",
        "\xEF\xBB\xBF{}",
        "[\f1]",
        "\v1",
        "\xC2\xA0"
        "1",
        "[1\xE2\x80\xA8]",
        // strings
        "\"\t\"",
        "\"\n\"",
        std::string("\"\0\"", 3),
        "\"\x1f\"",
        R"("\x")",
        R"("\u12")",
        R"("\u12g4")",
        R"("\a")",
        R"("\")",
        R"("\uD800\q")",
        R"(["\uD800")",
        R"(["\uDC00",])",
        // UTF-8: continuation alone, cut, overlong, surrogate, beyond U+10FFFF
        "\"\x80\"",
        "\"\xC3\"",
        "\"\xE2\x82\"",
        "\"\xC0\xAF\"",
        "\"\xE0\x80\xAF\"",
        "\"\xF0\x80\x80\xAF\"",
        "\"\xED\xA0\x80\"",
        "\"\xF4\x90\x80\x80\"",
        "\"\xFF\"",
        "\"\xFE\"",
        "{\"\xFF\":1}",
        "\xFF",
        // too deep and broken
        std::string(33, '['),
        std::string(60'000, '['),
        nested(40) + "]",
        nested(40) + ",",
        // duplicate names, and broken
        R"({"a":1,"a":2)",
        R"([1e400)",
        // exponents beyond what the parser reads, and broken
        "[1e99999999999]x",
        "[1e99999999999",
        "{\"a\":1e99999999999,,}",
        "[1e99999999999,\"\xFF\"]",
        "[1e-99999999999] x",
        "1e99999999999x",
        "1e+99999999999.5",
        "1e99999999999e1",
        std::string("null\0", 5),
    };
}

TEST(ReadJson, refuses_as_malformed_what_rfc_8259_forbids) {
    for (const std::string& text : malformed_texts()) {
        const auto json = read_json(text);
        ASSERT_FALSE(json) << text;
        EXPECT_TRUE(json.error().malformed) << text << ": " << json.error().detail;
        EXPECT_FALSE(json.error().detail.empty()) << text;
    }
}

TEST(ReadJson, refuses_with_a_pointer_what_rfc_8259_allows_but_we_do_not) {
    struct Case {
        std::string text;
        std::string pointer;
        std::string code;
    };
    const std::string to_depth_32 = [] {
        std::string pointer;
        for (int i = 0; i < 32; ++i) pointer += "/0";
        return pointer;
    }();
    const Case cases[] = {
        {R"({"a":1,"a":2})", "/a", "duplicate-name"},
        {R"({"a":1,"\u0061":2})", "/a", "duplicate-name"},
        {R"({"":1,"b":1,"":2})", "/", "duplicate-name"},
        {R"({"x":[0,{"a/b~":1,"c":0,"a/b~":1}]})", "/x/1/a~1b~0", "duplicate-name"},
        {"1e400", "", "out-of-range"},
        {"-1e400", "", "out-of-range"},
        {"1e99999999999", "", "out-of-range"},
        {R"({"totalAmount":1e400})", "/totalAmount", "out-of-range"},
        {R"({"items":[{"quantity":1},{"quantity":1E+999}]})", "/items/1/quantity", "out-of-range"},
        {std::string(400, '9'), "", "out-of-range"},
        {R"("\uD800")", "", "lone-surrogate"},
        {R"("\uDC00")", "", "lone-surrogate"},
        {R"({"a":["","\uD800x"]})", "/a/1", "lone-surrogate"},
        {R"({"a":"\uD800\n"})", "/a", "lone-surrogate"},
        {R"({"a":"\uD800\uD800"})", "/a", "lone-surrogate"},
        {R"({"a":"\\\uDFFF"})", "/a", "lone-surrogate"},
        {R"({"\uD800":1})", "", "lone-surrogate"},
        {nested(33), to_depth_32, "too-deep"},
        {nested(500), to_depth_32, "too-deep"},
        {nested(20'000), to_depth_32, "too-deep"},
        {R"([1e400,"\uD800"])", "/0", "out-of-range"},
    };
    for (const Case& c : cases) {
        const auto json = read_json(c.text);
        ASSERT_FALSE(json) << c.text;
        EXPECT_FALSE(json.error().malformed) << c.text << ": " << json.error().detail;
        EXPECT_EQ(json.error().field.pointer, c.pointer) << c.text;
        EXPECT_EQ(json.error().field.code, c.code) << c.text;
        EXPECT_FALSE(json.error().field.message.empty()) << c.text;
    }
}

bool is_malformed(const std::string& text) {
    const auto json = read_json(text);
    return !json && json.error().malformed;
}

TEST(ReadJson, what_lies_too_deep_is_malformed_where_it_would_be_higher_up) {
    std::vector<std::string> texts = malformed_texts();
    for (const char* text :
         {"", "1", " 1 , 2 ", "{\"a\" : [ ] , \"b\" : { } }", R"("\"]")", R"({"\\":"\\\""})", "1e400", "-0.5E+1",
          "1e-99999999999", "0E+99999999999", R"("\uD800")", R"({"a":1,"a":2})", "null,true,false", "\"\xC3\xA9\""}) {
        texts.emplace_back(text);
    }
    for (const std::string& text : texts) {
        const std::string deep(json_depth_max, '[');
        EXPECT_EQ(is_malformed(deep + "[" + text + "]" + std::string(json_depth_max, ']')),
                  is_malformed("[" + text + "]"))
            << text.substr(0, 100);
    }
    EXPECT_FALSE(is_malformed(std::string(60'000, '[') + std::string(60'000, ']')));
    EXPECT_TRUE(is_malformed(std::string(60'000, '[') + "}" + std::string(59'999, ']')));
}

TEST(ReadJson, names_no_fault_that_is_none) {
    EXPECT_EQ(read_json(std::string(40, '[')).error().detail,
              "The body is not JSON (RFC 8259): a fault after octet 32.");
    EXPECT_TRUE(read_json("[1e99999999999]x").error().detail.starts_with("The body is not JSON (RFC 8259): a fault"));
    EXPECT_TRUE(read_json("[1]x").error().detail.contains("extra data"));
}

TEST(ReadJson, reads_what_is_just_deep_enough) {
    EXPECT_TRUE(read_json(nested(json_depth_max)));
    EXPECT_TRUE(read_json(R"("\\uD800")"));
    EXPECT_TRUE(read_json(R"([{"a":1},{"a":1}])"));
}

TEST(ReadJson, finds_one_duplicate_among_many_names) {
    std::string text = "{";
    for (int i = 0; i < 5'000; ++i) text += '"' + std::to_string(i) + "\":0,";
    const auto json = read_json(text + "\"4711\":1}");
    ASSERT_FALSE(json);
    EXPECT_EQ(json.error().field.pointer, "/4711");
    EXPECT_TRUE(read_json(text + "\"x\":1}"));
}

TEST(JsonWriter, puts_commas_where_they_belong) {
    JsonWriter json;
    json.begin_object();
    json.name("a")
        .begin_array()
        .integer(1)
        .integer(-2)
        .begin_object()
        .end_object()
        .begin_array()
        .end_array()
        .end_array();
    json.name("b").boolean(true);
    json.name("c").boolean(false).name("d").null();
    json.name("e").raw("4324.00").name("f").begin_object().name("g").string("h").end_object();
    json.end_object();
    EXPECT_EQ(json.take(), R"({"a":[1,-2,{},[]],"b":true,"c":false,"d":null,"e":4324.00,"f":{"g":"h"}})");
}

TEST(JsonWriter, writes_the_whole_range_of_integers) {
    JsonWriter json;
    json.begin_array().integer(INT64_MIN).integer(INT64_MAX).integer(0).end_array();
    EXPECT_EQ(json.take(), "[-9223372036854775808,9223372036854775807,0]");
}

std::string written(std::string_view text) {
    JsonWriter json;
    json.string(text);
    return json.take();
}

TEST(JsonWriter, escapes_what_must_be_and_replaces_what_is_no_utf_8) {
    EXPECT_EQ(written(""), R"("")");
    EXPECT_EQ(written("plain"), R"("plain")");
    EXPECT_EQ(written("\"\\/\n\r\t"), R"("\"\\/\n\r\t")");
    EXPECT_EQ(written(std::string_view("\0\x01\x1f\x7f", 4)), "\"\\u0000\\u0001\\u001f\x7f\"");
    EXPECT_EQ(written("\u00e9\u20ac\U0001F600"), "\"\u00e9\u20ac\U0001F600\"");
    for (const char* bad : {"\x80", "\xC3", "\xE2\x82", "\xC0\xAF", "\xED\xA0\x80", "\xF4\x90\x80\x80", "\xFF"}) {
        EXPECT_TRUE(read_json(written(bad))) << written(bad);
        EXPECT_NE(written(bad).find("\xEF\xBF\xBD"), std::string::npos);
    }
    EXPECT_EQ(written("a\xE2\x82"
                      "b"),
              "\"a\xEF\xBF\xBD\xEF\xBF\xBD"
              "b\"");
}

TEST(JsonWriter, writes_a_text_that_points_nowhere_as_an_empty_one) { EXPECT_EQ(written(std::string_view{}), "\"\""); }

TEST(JsonWriter, finds_what_must_be_escaped_wherever_it_stands) {
    for (std::size_t size = 1; size <= 20; ++size) {
        for (std::size_t at = 0; at < size; ++at) {
            for (int octet = 0; octet < 256; ++octet) {
                std::string text(size, '~');
                text[at] = static_cast<char>(octet);
                const bool is_plain = octet >= 0x20 && octet < 0x80 && octet != '"' && octet != '\\';
                EXPECT_EQ(written(text) == '"' + text + '"', is_plain) << size << ' ' << at << ' ' << octet;
            }
        }
    }
}

TEST(JsonWriter, is_read_back_as_it_was) {
    std::string all;
    for (int c = 0; c < 128; ++c) all += static_cast<char>(c);
    EXPECT_EQ(string_text(written(all)), all);
}

}  // namespace
}  // namespace waybill::http

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "adapters/redis/reply.hpp"

namespace waybill::redis {
namespace {

using std::string_literals::operator""s;

constexpr std::size_t plenty = 1u << 20;

TEST(RedisReply, formats_commands_of_any_octets) {
    EXPECT_EQ(format_command({"GET", std::string_view("a\0\r\n", 4)}), "*2\r\n$3\r\nGET\r\n$4\r\na\0\r\n\r\n"s);
    EXPECT_EQ(format_command({"SET", "", std::string_view()}), "*3\r\n$3\r\nSET\r\n$0\r\n\r\n$0\r\n\r\n");
}

TEST(RedisReply, reads_every_kind_octet_by_octet) {
    const std::string bytes =
        "+OK\r\n-WRONGPASS no\r\n:-42\r\n$-1\r\n$0\r\n\r\n$4\r\na\0\r\n\r\n*2\r\n:1\r\n*1\r\n$1\r\nx\r\n"s;
    ReplyReader reader(plenty);
    std::vector<Reply> replies;
    for (const char octet : bytes) {
        reader.feed({&octet, 1});
        while (auto reply = reader.next()) replies.push_back(std::move(*reply));
    }
    ASSERT_FALSE(reader.is_broken());
    ASSERT_EQ(replies.size(), 7u);
    EXPECT_TRUE(replies[0].is_status("OK"));
    EXPECT_EQ(replies[1].error_code(), "WRONGPASS");
    EXPECT_EQ(replies[2].kind, Reply::Kind::integer);
    EXPECT_EQ(replies[2].integer, -42);
    EXPECT_EQ(replies[3].kind, Reply::Kind::nil);
    EXPECT_EQ(replies[4].kind, Reply::Kind::bytes);
    EXPECT_EQ(replies[4].text, "");
    EXPECT_EQ(replies[5].text, std::string("a\0\r\n", 4));
    ASSERT_EQ(replies[6].elements.size(), 2u);
    EXPECT_EQ(replies[6].elements[0].integer, 1);
    ASSERT_EQ(replies[6].elements[1].elements.size(), 1u);
    EXPECT_EQ(replies[6].elements[1].elements[0].text, "x");
}

TEST(RedisReply, nonsense_breaks_the_reader_for_good) {
    const std::vector<std::string> table{"HTTP/1.1 400 Bad Request\r\n",
                                         "\r\n",
                                         "*17\r\n",
                                         "*2147483647\r\n",
                                         "*99999999999999999999\r\n",
                                         "$-2\r\n",
                                         "$x\r\n",
                                         "$99999999999999999999\r\n",
                                         "*1\r\n%1\r\n",
                                         ":12x4\r\n",
                                         "\x15\x03\x03"};
    for (const std::string& bytes : table) {
        ReplyReader reader(plenty);
        reader.feed(bytes);
        EXPECT_FALSE(reader.next()) << bytes;
        EXPECT_TRUE(reader.is_broken()) << bytes;
        reader.feed("+OK\r\n");
        EXPECT_FALSE(reader.next()) << bytes;
    }
}

TEST(RedisReply, a_reply_above_its_limit_breaks_the_reader) {
    ReplyReader reader(1'000);
    reader.feed("$800\r\n" + std::string(800, 'x') + "\r\n");
    EXPECT_EQ(reader.next()->text.size(), 800u);
    reader.feed("$800\r\n" + std::string(800, 'x') + "\r\n");
    EXPECT_EQ(reader.next()->text.size(), 800u) << "the limit is one reply's";
    reader.feed("$1000000000\r\n" + std::string(900, 'x'));
    EXPECT_FALSE(reader.next());
    EXPECT_FALSE(reader.is_broken());
    reader.feed(std::string(200, 'x'));
    EXPECT_FALSE(reader.next());
    EXPECT_TRUE(reader.is_broken());

    ReplyReader endless(1'000);
    endless.feed("+" + std::string(1'001, 'x'));
    EXPECT_FALSE(endless.next());
    EXPECT_TRUE(endless.is_broken());
}

TEST(RedisReply, the_code_of_an_error_holds_nothing_of_what_was_sent) {
    const auto code = [](const std::string& line) {
        ReplyReader reader(plenty);
        reader.feed(line + "\r\n");
        return reader.next()->error_code();
    };
    EXPECT_EQ(code("-NOAUTH Authentication required."), "NOAUTH");
    EXPECT_EQ(code("-ERR unknown command 'AUTH', with args beginning with: 'hunter2'"), "ERR");
    EXPECT_EQ(code("-hunter2"), "ERR");
    EXPECT_EQ(code("-" + std::string(100, 'A')), "ERR");
    EXPECT_EQ(code("-"), "ERR");
    EXPECT_EQ(code("+OK"), "");
}

}  // namespace
}  // namespace waybill::redis

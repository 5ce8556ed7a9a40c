#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "adapters/redis/address.hpp"

namespace waybill::redis {
namespace {

struct Good {
    std::string url;
    RedisAddress expected;
};

TEST(RedisAddress, reads_every_part_of_a_url) {
    const std::vector<Good> table{
        {"redis://localhost", {false, "localhost", false, 6379, 0, "", ""}},
        {"redis://localhost/", {false, "localhost", false, 6379, 0, "", ""}},
        {"rediss://cache.example.com:6380/12", {true, "cache.example.com", false, 6380, 12, "", ""}},
        {"redis://:secret@10.0.0.7", {false, "10.0.0.7", true, 6379, 0, "", "secret"}},
        {"redis://ann:secret@redis_1:1", {false, "redis_1", false, 1, 0, "ann", "secret"}},
        {"redis://a%3Ab:p%40s%2Fs%25%00@h:65535/0", {false, "h", false, 65535, 0, "a:b", std::string("p@s/s%\0", 7)}},
        {"redis://ann:a:b@c@h", {false, "h", false, 6379, 0, "ann", "a:b@c"}},
        {"redis://[::1]:7000/3", {false, "::1", true, 7000, 3, "", ""}},
        {"rediss://u:p@[2001:db8::5]", {true, "2001:db8::5", true, 6379, 0, "u", "p"}},
    };
    for (const Good& row : table) {
        const Result<RedisAddress> address = parse_redis_url(row.url);
        ASSERT_TRUE(address) << row.url << ": " << address.error().detail;
        EXPECT_EQ(address->tls, row.expected.tls) << row.url;
        EXPECT_EQ(address->host, row.expected.host) << row.url;
        EXPECT_EQ(address->host_is_ip, row.expected.host_is_ip) << row.url;
        EXPECT_EQ(address->port, row.expected.port) << row.url;
        EXPECT_EQ(address->database, row.expected.database) << row.url;
        EXPECT_EQ(address->user, row.expected.user) << row.url;
        EXPECT_EQ(address->password, row.expected.password) << row.url;
    }
}

TEST(RedisAddress, refuses_what_it_does_not_understand_and_never_repeats_the_password) {
    const std::vector<std::string> table{
        "",
        "hunter2",
        "localhost:6379",
        "http://:hunter2@h",
        "redis:/h",
        "redis://",
        "redis:///0",
        "redis://:hunter2@",
        "redis://hunter2@h",
        "redis://ann:@h",
        "redis://ann:hunter2%@h",
        "redis://ann:hunter2%4@h",
        "redis://ann:hunter2%zz@h",
        "redis://ann:hunter2@h:0",
        "redis://ann:hunter2@h:65536",
        "redis://ann:hunter2@h:",
        "redis://ann:hunter2@h:6379x",
        "redis://ann:hunter2@h:-1",
        "redis://ann:hunter2@h/x",
        "redis://ann:hunter2@h/-1",
        "redis://ann:hunter2@h/1/2",
        "redis://ann:hunter2@h/99999999999",
        "redis://ann:hunter2@h/70000",
        "redis://ann:hunter2@h?db=1",
        "redis://ann:hunter2@h#x",
        "redis://ann:hunter2/x@h",
        "redis://ann:hunter2@[::1",
        "redis://ann:hunter2@[nonsense]",
        "redis://ann:hunter2@[::1]6379",
        "redis://ann:hunter2@h h",
        "redis://ann:hunter2@h\r\n",
        "redis://ann:hunter2@h$x",
        "redis://ann:hunter2@" + std::string(300, 'h'),
        "redis://ann:hunter2" + std::string(3'000, '2') + "@h",
    };
    for (const std::string& url : table) {
        const Result<RedisAddress> address = parse_redis_url(url);
        ASSERT_FALSE(address) << url;
        EXPECT_EQ(address.error().code, ErrorCode::validation_failed) << url;
        EXPECT_EQ(address.error().detail.find("hunter"), std::string::npos) << address.error().detail;
        EXPECT_NE(address.error().detail.find("redis://"), std::string::npos) << address.error().detail;
    }
}

TEST(RedisAddress, names_host_and_port_alone) {
    EXPECT_EQ(parse_redis_url("redis://ann:hunter2@h/4")->place(), "h:6379");
    EXPECT_EQ(parse_redis_url("redis://[::1]:7000")->place(), "[::1]:7000");
}

}  // namespace
}  // namespace waybill::redis

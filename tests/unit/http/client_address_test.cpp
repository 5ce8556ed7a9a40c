#include "http/client_address.hpp"

#include <gtest/gtest.h>

#include <stdexcept>

#include "tests/unit/http/requests.hpp"

namespace waybill::http {

namespace {

TEST(ClientAddress, is_the_last_untrusted_one) {
    const std::vector<std::string> none;
    const std::vector<std::string> lan{"10.0.0.0/8", "192.0.2.7", "2001:db8::/32"};
    const struct {
        std::vector<std::string> trusted;
        std::string peer;
        HeaderTexts headers;
        std::string expected;
    } cases[] = {
        {none, "203.0.113.9", {}, "203.0.113.9"},
        {none, "203.0.113.9", {{"X-Forwarded-For", "1.2.3.4"}}, "203.0.113.9"},
        {lan, "203.0.113.9", {{"X-Forwarded-For", "1.2.3.4"}}, "203.0.113.9"},
        {lan, "10.1.2.3", {}, "10.1.2.3"},
        {lan, "10.1.2.3", {{"X-Forwarded-For", "1.2.3.4"}}, "1.2.3.4"},
        {lan, "10.1.2.3", {{"x-forwarded-for", "6.6.6.6, 1.2.3.4"}}, "1.2.3.4"},
        {lan, "10.1.2.3", {{"X-Forwarded-For", "6.6.6.6,1.2.3.4 , 192.0.2.7"}}, "1.2.3.4"},
        {lan, "10.1.2.3", {{"X-Forwarded-For", "6.6.6.6"}, {"X-Forwarded-For", "1.2.3.4"}}, "1.2.3.4"},
        {lan, "10.1.2.3", {{"X-Forwarded-For", "10.0.0.1, 10.0.0.2"}}, "10.0.0.1"},
        {lan, "10.1.2.3", {{"X-Forwarded-For", "1.2.3.4, nonsense, 10.0.0.2"}}, "10.0.0.2"},
        {lan, "10.1.2.3", {{"X-Forwarded-For", ""}}, "10.1.2.3"},
        {lan, "10.1.2.3", {{"X-Forwarded-For", "1.2.3.4:4711"}}, "1.2.3.4"},
        {lan, "10.1.2.3", {{"X-Forwarded-For", "[2001:db9::1]:4711"}}, "2001:db9::1"},
        {lan, "10.1.2.3", {{"X-Forwarded-For", "::ffff:1.2.3.4"}}, "1.2.3.4"},
        {lan, "2001:db8:1::5", {{"X-Forwarded-For", "1.2.3.4"}}, "1.2.3.4"},
        {lan, "2001:db9::5", {{"X-Forwarded-For", "1.2.3.4"}}, "2001:db9::5"},
        {lan, "192.0.2.8", {{"X-Forwarded-For", "1.2.3.4"}}, "192.0.2.8"},
        {lan, "11.0.0.1", {{"X-Forwarded-For", "1.2.3.4"}}, "11.0.0.1"},
        {{"172.16.0.0/12"}, "172.31.255.255", {{"X-Forwarded-For", "1.2.3.4"}}, "1.2.3.4"},
        {{"172.16.0.0/12"}, "172.32.0.0", {{"X-Forwarded-For", "1.2.3.4"}}, "172.32.0.0"},
        {{"0.0.0.0/0"}, "203.0.113.9", {{"X-Forwarded-For", "1.2.3.4"}}, "1.2.3.4"},
        {{"0.0.0.0/0"}, "2001:db9::5", {{"X-Forwarded-For", "1.2.3.4"}}, "2001:db9::5"},
    };
    for (const auto& row : cases) {
        OwnedRequest request(Method::get, "/", {}, row.headers);
        request.get().peer_address = row.peer;
        EXPECT_EQ(TrustedProxies(row.trusted).client_address(request.get()), row.expected) << row.peer;
    }
}

TEST(ClientAddress, refuses_entries_that_are_no_network) {
    for (const std::string entry :
         {"", "proxy", "10.0.0.0/33", "10.0.0.0/", "::1/129", "10.0.0.0/-1", "10.0.0/8", "1.2.3.4/8x"})
        EXPECT_THROW(TrustedProxies({entry}), std::invalid_argument) << entry;
}

TEST(ClientAddress, of_ipv6_all_of_a_64_count_as_one_client) {
    EXPECT_EQ(network_of("2001:db8:1:2::7"), "2001:db8:1:2::/64");
    EXPECT_EQ(network_of("2001:db8:1:2:ffff:ffff:ffff:ffff"), "2001:db8:1:2::/64");
    EXPECT_NE(network_of("2001:db8:1:3::7"), "2001:db8:1:2::/64");
    EXPECT_EQ(network_of("192.0.2.7"), "192.0.2.7");
    EXPECT_EQ(network_of("nonsense:"), "nonsense:");
}

TEST(ClientAddress, knows_loopback) {
    EXPECT_TRUE(parse_ip_address("127.8.8.8")->is_loopback());
    EXPECT_TRUE(parse_ip_address("::1")->is_loopback());
    EXPECT_TRUE(parse_ip_address("::ffff:127.0.0.1")->is_loopback());
    EXPECT_FALSE(parse_ip_address("128.0.0.1")->is_loopback());
    EXPECT_FALSE(parse_ip_address("::2")->is_loopback());
}

}  // namespace

}  // namespace waybill::http

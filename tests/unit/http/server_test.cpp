#include "http/server.hpp"

#include <gtest/gtest.h>

#include <sys/resource.h>

#include <future>
#include <memory>
#include <thread>
#include <vector>

#include "tests/unit/http/server_fixture.hpp"

namespace waybill::http {

namespace {

TEST_F(ServerTest, answers_and_keeps_the_connection) {
    RawClient client(start());
    for (int i = 0; i < 3; ++i) {
        const RawAnswer answer = client.ask(get("/ping"));
        EXPECT_EQ(answer.status, 200);
        EXPECT_EQ(answer.body, "pong");
        EXPECT_FALSE(answer.closes());
    }
    EXPECT_EQ(client.ask(get("/peer")).body, "127.0.0.1 loopback");
    EXPECT_EQ(client.ask(post("/echo", "{\"a\":1}")).body, "{\"a\":1}");
    EXPECT_EQ(client.ask("GET http://a/ping?x HTTP/1.1\r\nHost: a\r\n\r\n").body, "pong");
    EXPECT_EQ(client.ask("\r\n" + get("/ping")).body, "pong");
    EXPECT_EQ(client.ask(get("/nothing")).status, 404);
}

TEST_F(ServerTest, answers_a_pipeline_in_order) {
    RawClient client(start());
    std::string requests;
    for (int i = 0; i < 200; ++i) requests += post("/write", std::to_string(i)) + get("/ping");
    client.send(requests);
    for (int i = 0; i < 200; ++i) {
        EXPECT_EQ(client.read_answer().body, std::to_string(i));
        EXPECT_EQ(client.read_answer().body, "pong");
    }
}

TEST_F(ServerTest, reads_requests_that_come_byte_by_byte) {
    RawClient client(start());
    for (const char byte : post("/echo", "{}") + post_chunked("3\r\nabc\r\n2;x=y\r\nde\r\n0\r\nT: 1\r\n\r\n"))
        client.send({&byte, 1});
    EXPECT_EQ(client.read_answer().body, "{}");
    EXPECT_EQ(client.read_answer().body, "abcde");
    EXPECT_EQ(client.ask(get("/ping")).body, "pong");
}

TEST_F(ServerTest, reads_bodies_up_to_the_limit_however_they_are_framed) {
    RawClient client(start());
    const std::string full(options.body_bytes_max, 'b');
    EXPECT_EQ(client.ask(post("/echo", full)).body, full);
    std::string chunks;
    for (std::size_t i = 0; i < full.size(); i += 1'024) chunks += "400\r\n" + full.substr(i, 1'024) + "\r\n";
    EXPECT_EQ(client.ask(post_chunked(chunks + "0\r\n\r\n")).body, full);
    EXPECT_EQ(client.ask(get("/ping")).body, "pong");
}

TEST_F(ServerTest, keeps_to_the_rules_of_http_1_0_and_close) {
    const std::string url = start();
    RawClient plain(url);
    EXPECT_TRUE(plain.ask("GET /ping HTTP/1.0\r\n\r\n").closes());
    EXPECT_TRUE(plain.is_closed());
    RawClient kept(url);
    for (int i = 0; i < 2; ++i) {
        const RawAnswer answer = kept.ask("GET /ping HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
        EXPECT_EQ(answer.body, "pong");
        EXPECT_TRUE(answer.has("Connection: keep-alive"));
    }
    for (const std::string_view fields :
         {"Connection: keep-alive, close\r\n", "Connection: keep-alive\r\nconnection: Close\r\n"}) {
        RawClient ended(url);
        EXPECT_TRUE(ended.ask("GET /ping HTTP/1.0\r\n" + std::string(fields) + "\r\n").closes()) << fields;
        EXPECT_TRUE(ended.is_closed());
    }
    RawClient closing(url);
    EXPECT_TRUE(closing.ask("GET /ping HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").closes());
    EXPECT_TRUE(closing.is_closed());
    RawClient half(url);
    half.send(get("/ping"));
    half.finish_sending();
    EXPECT_EQ(half.read_answer().body, "pong");
    EXPECT_TRUE(half.is_closed());
}

TEST_F(ServerTest, answers_head_without_the_body) {
    RawClient client(start());
    client.send("HEAD /ping HTTP/1.1\r\nHost: a\r\n\r\n" + get("/ping"));
    const RawAnswer head = client.read_answer(true);
    EXPECT_EQ(head.status, 200);
    EXPECT_TRUE(head.has("Content-Length: 4"));
    EXPECT_EQ(client.read_answer().body, "pong");
}

TEST_F(ServerTest, refuses_head_without_a_body) {
    const std::string url = start();
    const struct {
        std::string bytes;
        int status;
    } cases[] = {
        {"HEAD /" + std::string(9'000, 'a'), 414},
        {"\r\nHEAD /" + std::string(9'000, 'a'), 414},
        {"HEAD /ping HTTP/1.1\r\nHost: a\r\nX: " + std::string(16'400, 'a'), 431},
        {"HEAD /ping HTTP/1.1\r\nHost: a\r\n b\r\n\r\n", 400},
        {"HEAD /ping HTTP/1.1\nHost: a\n\n", 400},
        {"HEAD /ping HTTP/1.2\r\nHost: a\r\n\r\n", 400},
        {"HEAD /ping HTTP/1.1\r\n\r\n", 400},
        {"HEAD /ping HTTP/1.1\r\nHost: a\r\nContent-Length: 65537\r\n\r\n", 413},
    };
    for (const auto& row : cases) {
        RawClient client(url);
        client.send(row.bytes);
        const RawAnswer answer = client.read_answer(true);
        EXPECT_EQ(answer.status, row.status) << row.bytes.substr(0, 60);
        EXPECT_NE(answer.head.find("\r\nContent-Length: "), std::string::npos);
        EXPECT_EQ(client.read_rest(), "") << row.bytes.substr(0, 60);
    }
}

TEST_F(ServerTest, gives_up_a_head_request_without_a_body) {
    options.header_deadline = Milliseconds{1};
    RawClient client(start());
    client.send("HEAD /ping HTTP/1.1\r\n");
    EXPECT_EQ(client.read_answer(true).status, 408);
    EXPECT_EQ(client.read_rest(), "");
}

TEST_F(ServerTest, takes_trailers_for_no_headers) {
    RawClient client(start());
    for (const std::string trailers :
         {"Connection: close", "proxy-connection: close", "Connection: a b", "X: a\r\nConnection: ,;\r\nHost: b"}) {
        const RawAnswer answer = client.ask(post_chunked("2\r\n{}\r\n0\r\n" + trailers + "\r\n\r\n"));
        EXPECT_EQ(answer.body, "{}") << trailers;
        EXPECT_FALSE(answer.closes()) << trailers;
    }
    EXPECT_EQ(client.ask(get("/ping")).body, "pong");
}

TEST_F(ServerTest, invites_the_body_that_a_client_waits_with) {
    RawClient client(start());
    client.send(
        "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 2\r\n"
        "Expect: 100-continue\r\n\r\n");
    EXPECT_EQ(client.read_answer().status, 100);
    EXPECT_EQ(client.ask("{}").body, "{}");
    RawClient greedy(server->url());
    EXPECT_EQ(
        greedy.ask("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 65537\r\nExpect: 100-continue\r\n\r\n").status,
        413);
}

TEST_F(ServerTest, refuses_expectations_that_it_does_not_know) {
    RawClient client(start());
    const RawAnswer answer =
        client.ask("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nExpect: 200-ok\r\n\r\n{}");
    EXPECT_EQ(answer.status, 417);
    EXPECT_NE(answer.body.find("\"code\":\"expectation-failed\""), std::string::npos) << answer.body;
    EXPECT_TRUE(answer.closes());
    EXPECT_EQ(client.read_rest(), "");
}

TEST_F(ServerTest, takes_the_host_from_an_absolute_target) {
    RawClient client(start());
    EXPECT_EQ(client.ask("GET http://shop.example:81/host HTTP/1.1\r\nHost: other\r\n\r\n").body, "shop.example:81");
    EXPECT_EQ(client.ask("GET /host HTTP/1.1\r\nHost: other\r\n\r\n").body, "other");
}

TEST_F(ServerTest, gives_an_ambiguous_stream_one_refusal_and_closes) {
    const std::string url = start();
    const std::string smuggled = get("/ping");
    const std::string start_line = "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n";
    const std::string cases[] = {
        start_line + "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + smuggled,
        start_line + "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n" + smuggled,
        start_line + "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n" + smuggled,
        start_line + "Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n" + smuggled,
        start_line + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + smuggled,
        start_line + "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n" + smuggled,
        start_line + "Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n" + smuggled,
        start_line +
            "Transfer-Encoding:\x0b"
            "chunked\r\n\r\n0\r\n\r\n" +
            smuggled,
        "POST /echo HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + smuggled,
        start_line + "Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}" + smuggled,
        start_line + "Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}" + smuggled,
        start_line + "Content-Length: 2, 2\r\n\r\n{}" + smuggled,
        start_line + "Content-Length: +2\r\n\r\n{}" + smuggled,
        start_line + "Content-Length: 0x2\r\n\r\n{}" + smuggled,
        start_line + "Content-Length: 2 2\r\n\r\n{}" + smuggled,
        start_line + "Content-Length: 18446744073709551618\r\n\r\n{}" + smuggled,
        start_line + "X: a\rb\r\n\r\n" + smuggled,
        start_line + "X: a\nContent-Length: 2\r\n\r\n{}" + smuggled,
        start_line + std::string("X: a\0b\r\n\r\n", 10) + smuggled,
        start_line + "No colon\r\n\r\n" + smuggled,
        start_line + ": empty\r\n\r\n" + smuggled,
        start_line + " X: folded\r\n\r\n" + smuggled,
        "GET /ping HTTP/1.1\r\n\r\n" + smuggled,
        "GET /ping HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n" + smuggled,
        "GET /ping HTTP/1.1\r\nHost: a/b\r\n\r\n" + smuggled,
        "GET /ping  HTTP/1.1\r\nHost: a\r\n\r\n" + smuggled,
        "GET /ping HTTP/1.2\r\nHost: a\r\n\r\n" + smuggled,
        "GET /ping HTTP/2.0\r\nHost: a\r\n\r\n" + smuggled,
        "GET /ping\r\n\r\n" + smuggled,
        "GET ping HTTP/1.1\r\nHost: a\r\n\r\n" + smuggled,
        "CONNECT a:80 HTTP/1.1\r\nHost: a\r\n\r\n" + smuggled,
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        "\x16\x03\x01\x02",
        "\r\n\r\n" + smuggled,
        post_chunked("zz\r\nab\r\n0\r\n\r\n") + smuggled,
        post_chunked("-1\r\nab\r\n0\r\n\r\n") + smuggled,
        post_chunked("0x2\r\nab\r\n0\r\n\r\n") + smuggled,
        post_chunked(" 2\r\nab\r\n0\r\n\r\n") + smuggled,
        post_chunked("2\nab\r\n0\r\n\r\n") + smuggled,
        post_chunked("2\r\nabc\r\n0\r\n\r\n") + smuggled,
        post_chunked("2\r\nab0\r\n\r\n") + smuggled,
        post_chunked("2;\x01\r\nab\r\n0\r\n\r\n") + smuggled,
        post_chunked("10000000000000002\r\nab\r\n0\r\n\r\n") + smuggled,
        post_chunked("2\r\nab\r\n0\r\nContent-Length: 3\r\n\r\n") + smuggled,
        post_chunked("2;" + std::string(8'000, 'x') + "\r\nab\r\n0\r\n\r\n") + smuggled,
        post_chunked("2;a=\"\n\"\r\nab\r\n0\r\n\r\n") + smuggled,
        post_chunked("2;a=\"\r\nab\r\n0\r\n\r\n"),
        post_chunked("2\r\nab\r\n0;a=\"\r\n\r\n"),
        post_chunked("2\r\nab\r\n0\r\nX: a\r\n b\r\n\r\n") + smuggled,
        post_chunked("2\r\nab\r\n0\r\nX:\r\n b\r\n\r\n") + smuggled,
        post_chunked("2\r\nab\r\n0\r\nX: a\r\n \r\n\r\n") + smuggled,
        "GET * HTTP/1.1\r\nHost: a\r\n\r\n" + smuggled,
    };
    for (const std::string& bytes : cases) {
        RawClient client(url);
        const RawAnswer answer = client.ask(bytes);
        EXPECT_EQ(answer.status, 400) << bytes;
        EXPECT_NE(answer.body.find("\"code\":\"bad-header\""), std::string::npos) << bytes;
        EXPECT_TRUE(answer.closes()) << bytes;
        EXPECT_EQ(client.read_rest(), "") << bytes;
    }
}

TEST_F(ServerTest, answers_from_other_threads) {
    options.io_threads = 2;
    const std::string url = start();
    std::vector<std::unique_ptr<RawClient>> clients;
    for (int i = 0; i < 8; ++i) {
        clients.push_back(std::make_unique<RawClient>(url));
        clients.back()->send(post("/later", "{}") + get("/ping"));
    }
    for (Completion& done : scene.take_kept(8)) std::jthread([&done] { done(ready(say("late"))); });
    for (const auto& client : clients) {
        EXPECT_EQ(client->read_answer().body, "late");
        EXPECT_EQ(client->read_answer().body, "pong");
    }
}

TEST_F(ServerTest, drops_answers_for_clients_that_left_and_for_a_server_that_is_gone) {
    const std::string url = start();
    {
        RawClient left(url);
        left.send(post("/later", "{}"));
        std::vector<Completion> first = scene.take_kept(1);
        left.close();
        first.front()(ready(say("nobody listens")));
    }
    RawClient client(url);
    client.send(post("/later", "{}"));
    std::vector<Completion> kept = scene.take_kept(1);
    server->stop(Milliseconds{0});
    server.reset();
    kept.front()(ready(say("too late")));
    EXPECT_TRUE(client.is_closed());
}

TEST_F(ServerTest, stops_by_answering_what_it_has_read) {
    options.io_threads = 1;  // what closes the idle one has told the others
    const std::string url = start();
    RawClient idle(url);
    EXPECT_EQ(idle.ask(get("/ping")).status, 200);
    RawClient busy(url);
    busy.send(post("/hold", "{}"));
    RawClient waiting(url);
    waiting.send(post("/later", "{}"));
    scene.wait_entered(1);
    std::vector<Completion> kept = scene.take_kept(1);
    std::future<void> stopped = std::async(std::launch::async, [this] { server->stop(long_enough); });
    EXPECT_TRUE(idle.is_closed());
    EXPECT_THROW(RawClient{url}, std::runtime_error);
    scene.let_go();
    kept.front()(ready(say("late")));
    const RawAnswer held = busy.read_answer();
    EXPECT_EQ(held.body, "held /hold");
    EXPECT_TRUE(held.closes());
    EXPECT_EQ(waiting.read_answer().body, "late");
    busy.close();
    waiting.close();
    stopped.get();
    server->stop(long_enough);
}

TEST_F(ServerTest, gives_up_the_drain_in_time) {
    const std::string url = start();
    RawClient client(url);
    client.send(post("/later", "{}"));
    std::vector<Completion> kept = scene.take_kept(1);
    server->stop(shortly);
    server.reset();
    EXPECT_TRUE(client.is_closed());
}

TEST_F(ServerTest, waits_for_descriptors_when_there_are_none) {
    const std::string url = start();
    rlimit usual{};
    getrlimit(RLIMIT_NOFILE, &usual);
    RawClient early(url);
    EXPECT_EQ(early.ask(get("/ping")).status, 200);
    // UBSan needs descriptors to look at a type for the first time; then it remembers.
    Log& as_port = log;
    (void)as_port.enabled(LogLevel::error);
    ASSERT_EQ(log.count("accept-failed"), 0u);
    // The client's own end takes the last descriptor, so that the server's accept fails.
    const int probe = dup(0);
    close(probe);
    const rlimit tight{static_cast<rlim_t>(probe) + 1, usual.rlim_max};
    setrlimit(RLIMIT_NOFILE, &tight);
    RawClient late(url);
    late.send(get("/ping"));
    while (log.count("accept-failed") == 0) std::this_thread::yield();
    setrlimit(RLIMIT_NOFILE, &usual);
    EXPECT_EQ(late.read_answer().body, "pong");
}

TEST_F(ServerTest, says_in_one_sentence_why_it_cannot_listen) {
    const std::string url = start();
    ServerOptions taken;
    taken.port = static_cast<std::uint16_t>(std::stoi(url.substr(url.rfind(':') + 1)));
    const auto second = Server::bind(taken, router, log);
    ASSERT_FALSE(second);
    EXPECT_EQ(second.error().code, ErrorCode::unavailable);
    EXPECT_EQ(second.error().detail, "Port " + std::to_string(taken.port) +
                                         " on 127.0.0.1 is in use; stop the other program or choose another with "
                                         "--listen.");
    for (const std::string address : {"192.0.2.1", "no.such.host.invalid", "::zz"}) {
        ServerOptions foreign;
        foreign.address = address;
        foreign.port = 0;
        const auto refused = Server::bind(foreign, router, log);
        ASSERT_FALSE(refused) << address;
        EXPECT_TRUE(refused.error().detail.ends_with(".")) << refused.error().detail;
    }
}

TEST_F(ServerTest, listens_on_names_and_ipv6) {
    const struct {
        std::string address;
        std::string prefix;
    } cases[] = {{"localhost", "http://127.0.0.1:"}, {"0.0.0.0", "http://0.0.0.0:"}};
    for (const auto& row : cases) {
        options.address = row.address;
        EXPECT_TRUE(start().starts_with(row.prefix)) << row.address;
        RawClient client(server->url());
        EXPECT_EQ(client.ask(get("/ping")).status, 200);
    }
    options.address = "[::1]";
    options.port = 0;
    const auto six = Server::bind(options, router, log);
    if (!six) GTEST_SKIP() << "this machine has no IPv6: " << six.error().detail;
    EXPECT_TRUE((*six)->url().starts_with("http://[::1]:"));
}

}  // namespace

}  // namespace waybill::http

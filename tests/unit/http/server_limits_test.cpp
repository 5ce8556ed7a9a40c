#include <chrono>
#include <future>
#include <list>
#include <string>
#include <vector>

#include "tests/unit/http/server_fixture.hpp"

namespace waybill::http {

namespace {

TEST_F(ServerTest, refuses_what_is_too_large_and_closes) {
    const std::string url = start();
    const auto headers = [](std::size_t count) {
        std::string text = "GET /ping HTTP/1.1\r\nHost: a\r\n";
        for (std::size_t i = 1; i < count; ++i) text += "X-" + std::to_string(i) + ": 1\r\n";
        return text + "\r\n";
    };
    const struct {
        std::string bytes;
        int status;
        std::string code;
    } cases[] = {
        {"GET /" + std::string(8'192, 'a') + " HTTP/1.1\r\nHost: a\r\n\r\n", 414, "uri-too-long"},
        {"GET /" + std::string(9'000, 'a'), 414, "uri-too-long"},
        {"GET /ping HTTP/1.1\r\nHost: a\r\nX: " + std::string(16'400, 'a') + "\r\n\r\n", 431, "headers-too-large"},
        {headers(101), 431, "headers-too-large"},
        {post("/echo", std::string(65'537, 'b')), 413, "payload-too-large"},
        {post_chunked("8000\r\n" + std::string(32'768, 'b') + "\r\n8001\r\n"), 413, "payload-too-large"},
        {post_chunked("ffffffffffffffff\r\n"), 413, "payload-too-large"},
    };
    for (const auto& row : cases) {
        RawClient client(url);
        client.send(row.bytes);
        const RawAnswer answer = client.read_answer();
        EXPECT_EQ(answer.status, row.status) << row.bytes.substr(0, 60);
        EXPECT_NE(answer.body.find("\"code\":\"" + row.code + "\""), std::string::npos) << answer.body;
        EXPECT_TRUE(answer.has("X-Content-Type-Options: nosniff"));
        EXPECT_TRUE(answer.closes());
        EXPECT_EQ(client.read_rest(), "");
    }
    RawClient fits(url);
    EXPECT_EQ(fits.ask(headers(100)).status, 200);
    EXPECT_EQ(fits.ask("GET /ping?" + std::string(8'000, 'a') + " HTTP/1.1\r\nHost: a\r\n\r\n").status, 200);
    EXPECT_EQ(fits.ask("GET /ping HTTP/1.1\r\nHost: a\r\nX: " + std::string(16'000, 'a') + "\r\n\r\n").status, 200);
}

TEST_F(ServerTest, ends_a_request_at_its_deadline_although_it_trickles) {
    options.header_deadline = options.body_deadline = shortly;
    const std::string url = start();
    for (const std::string& begin :
         {std::string("GET /ping HTTP/1.1\r\nX: "), post("/echo", "{}").substr(0, 40),
          "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 60000\r\n\r\n" + std::string("{")}) {
        RawClient client(url);
        client.send(begin);
        while (!client.is_readable_within(Milliseconds{5})) client.send("a");
        const RawAnswer answer = client.read_answer();
        EXPECT_EQ(answer.status, 408);
        EXPECT_NE(answer.body.find("request-timeout"), std::string::npos);
        EXPECT_TRUE(answer.closes());
        EXPECT_EQ(client.read_rest(), "");
    }
}

TEST_F(ServerTest, closes_idle_connections_silently) {
    options.idle_deadline = Milliseconds{1'000};  // longer than a busy machine takes from connection to request
    const std::string url = start();
    RawClient fresh(url);
    EXPECT_EQ(fresh.read_rest(), "");
    RawClient used(url);
    EXPECT_EQ(used.ask(get("/ping")).status, 200);
    EXPECT_EQ(used.read_rest(), "");
}

TEST_F(ServerTest, closes_readers_that_are_too_slow) {
    options.write_deadline = shortly;
    RawClient client(start(), 4'096);
    client.send(get("/big"));
    ASSERT_TRUE(client.is_readable_within(long_enough));
    server->stop(long_enough);  // returns once the connection was given up
    EXPECT_LT(client.read_rest().size(), 32u << 20);
}

TEST_F(ServerTest, closes_what_is_beyond_its_connections) {
    options.connections_max = 1;
    const std::string url = start();
    RawClient first(url);
    EXPECT_EQ(first.ask(get("/ping")).status, 200);
    RawClient second(url);
    EXPECT_TRUE(second.is_closed());
    EXPECT_EQ(first.ask(get("/ping")).status, 200);
}

TEST_F(ServerTest, bounds_the_memory_of_all_requests) {
    options.buffer_bytes_max = 40'000;
    const std::string url = start();
    RawClient first(url);
    first.send(post("/hold", std::string(30'000, 'b')));
    scene.wait_entered(1);
    RawClient second(url);
    const RawAnswer refused = second.ask(post("/echo", std::string(30'000, 'b')));
    EXPECT_EQ(refused.status, 503);
    EXPECT_TRUE(refused.has("Retry-After: 1"));
    EXPECT_TRUE(refused.closes());
    scene.let_go();
    EXPECT_EQ(first.read_answer().status, 200);
    EXPECT_EQ(first.ask(get("/ping")).status, 200);  // the room was given back before
    RawClient third(url);
    EXPECT_EQ(third.ask(post("/echo", std::string(30'000, 'b'))).status, 200);
}

TEST_F(ServerTest, reserves_for_a_body_what_has_arrived_and_not_what_was_announced) {
    options.buffer_bytes_max = 20'000;
    const std::string url = start();
    std::list<RawClient> waiting;
    for (const std::string_view framing : {"Content-Length: 60000", "Transfer-Encoding: chunked"}) {
        for (int i = 0; i < 3; ++i) {
            const std::string head = "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n" +
                                     std::string(framing) + "\r\nExpect: 100-continue\r\n\r\n";
            EXPECT_EQ(waiting.emplace_back(url).ask(head).status, 100) << framing;
        }
    }
    RawClient client(url);
    const std::string fits(15'000, 'b');
    EXPECT_EQ(client.ask(post("/echo", fits)).body, fits);
    EXPECT_EQ(client.ask(post_chunked("3a98\r\n" + fits + "\r\n0\r\n\r\n")).body, fits);
    for (const std::string& bytes : {post("/echo", std::string(50'000, 'b')),
                                     post_chunked("c350\r\n" + std::string(50'000, 'b') + "\r\n0\r\n\r\n")}) {
        RawClient greedy(url);
        const RawAnswer refused = greedy.ask(bytes);
        EXPECT_EQ(refused.status, 503);
        EXPECT_NE(refused.body.find("\"code\":\"overloaded\""), std::string::npos) << refused.body;
        EXPECT_TRUE(refused.closes());
    }
}

TEST_F(ServerTest, gives_back_the_memory_of_each_body_of_a_pipeline) {
    options.buffer_bytes_max = 46'000;  // an input of 32 KiB and a body of 20,000
    RawClient client(start());
    client.send(post("/later", ""));
    std::vector<Completion> first = scene.take_kept(1);
    // It waits until all has been sent. So much is left behind each body that the input stays as large as it is.
    const std::string large(6'000, 'a');
    const std::string head =
        "POST /echo?" + std::string(8'000, 'b') +
        " HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nX: " + std::string(14'000, 'c') +
        "\r\nContent-Length: 6000\r\n\r\n";
    client.send(head + large + post("/later", "") + "GET /ping HTTP/1.1\r\nHost: a\r\nX: " + std::string(9'000, 'd'));
    first.front()(ready(say("first")));
    std::vector<Completion> second = scene.take_kept(1);
    RawClient other(server->url());
    EXPECT_EQ(other.ask(post("/echo", std::string(20'000, 'e'))).status, 200);
    second.front()(ready(say("second")));
    client.send("\r\n\r\n");
    EXPECT_EQ(client.read_answer().body, "first");
    EXPECT_EQ(client.read_answer().body, large);
    EXPECT_EQ(client.read_answer().body, "second");
    EXPECT_EQ(client.read_answer().body, "pong");
}

TEST_F(ServerTest, refuses_when_a_pool_is_full_and_serves_the_rest) {
    options.store_threads = options.hashing_threads = options.pool_waiting_max = options.hashing_waiting_max = 1;
    const std::string url = start();
    for (const std::string_view path : {"/hold", "/hash"}) {
        scene.open = false;
        const std::size_t before = scene.entered;
        RawClient running(url);
        running.send(post(path, "{}"));
        scene.wait_entered(before + 1);
        RawClient a(url);
        RawClient b(url);
        a.send(post(path, "{}"));
        b.send(post(path, "{}"));
        // One of them waits in the pool; the other is refused and has the room of nobody.
        std::future<RawAnswer> first = std::async(std::launch::async, [&] { return a.read_answer(); });
        std::future<RawAnswer> second = std::async(std::launch::async, [&] { return b.read_answer(); });
        RawClient other(url);
        EXPECT_EQ(other.ask(get("/ping")).status, 200);
        while (first.wait_for(Milliseconds{1}) != std::future_status::ready &&
               second.wait_for(Milliseconds{1}) != std::future_status::ready) {
        }
        scene.let_go();
        EXPECT_EQ(running.read_answer().status, 200);
        EXPECT_EQ(first.get().status + second.get().status, 200 + 503);
    }
}

}  // namespace

}  // namespace waybill::http

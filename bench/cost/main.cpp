// What one request and one order cost, in instructions and allocations. Run by bench/cost under
// valgrind --tool=callgrind --instr-atstart=no: each part is one dump, named for it. Prints the
// allocations of each part. Usage: order_cost FOLDER
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <unistd.h>
#if __has_include(<valgrind/callgrind.h>)
#include <valgrind/callgrind.h>
#else
#define CALLGRIND_START_INSTRUMENTATION
#define CALLGRIND_STOP_INSTRUMENTATION
#define CALLGRIND_ZERO_STATS
#define CALLGRIND_DUMP_STATS_AT(name)
#endif

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <new>
#include <string_view>

#include "bench/cost/shop.hpp"

namespace {

std::atomic<std::uint64_t> allocations{0};

void* count_and_allocate(std::size_t size) {
    allocations.fetch_add(1, std::memory_order_relaxed);
    if (void* block = std::malloc(size)) return block;
    throw std::bad_alloc{};
}

void* count_and_allocate(std::size_t size, std::align_val_t alignment) {
    allocations.fetch_add(1, std::memory_order_relaxed);
    const auto step = static_cast<std::size_t>(alignment);
    if (void* block = std::aligned_alloc(step, (size + step - 1) / step * step)) return block;
    throw std::bad_alloc{};
}

}  // namespace

void* operator new(std::size_t size) { return count_and_allocate(size); }
void* operator new(std::size_t size, std::align_val_t alignment) { return count_and_allocate(size, alignment); }
void operator delete(void* block) noexcept { std::free(block); }
void operator delete(void* block, std::size_t) noexcept { std::free(block); }
void operator delete(void* block, std::align_val_t) noexcept { std::free(block); }
void operator delete(void* block, std::size_t, std::align_val_t) noexcept { std::free(block); }

namespace waybill::bench {
namespace {

constexpr std::size_t batch_size = 64;  // also the connections
constexpr std::size_t batches = 16;
constexpr int product_count = 1'000;
constexpr std::size_t requests = 512;

class Client {
public:
    explicit Client(int port) : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_port = htons(static_cast<std::uint16_t>(port));
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        const int one = 1;
        ::setsockopt(socket_, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        if (::connect(socket_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
            throw std::runtime_error("the server does not listen");
        }
    }
    Client(Client&& other) noexcept : socket_(std::exchange(other.socket_, -1)) {}
    Client& operator=(Client&&) = delete;
    ~Client() {
        if (socket_ >= 0) ::close(socket_);
    }

    void send(std::string_view request) const {
        if (::send(socket_, request.data(), request.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(request.size())) {
            throw std::runtime_error("the request could not be sent");
        }
    }

    // An answer fits the buffer and arrives whole: the server sends it with one call.
    [[nodiscard]] std::string_view receive(std::string_view status) {
        const ssize_t received = ::recv(socket_, buffer_.data(), buffer_.size(), 0);
        const std::string_view answer(buffer_.data(), received > 0 ? static_cast<std::size_t>(received) : 0);
        if (!answer.starts_with(status)) throw std::runtime_error("unexpected answer: " + std::string(answer));
        return answer;
    }

private:
    int socket_;
    std::array<char, 16'384> buffer_{};
};

std::string get_request(const Shop& shop, const std::string& target) {
    return "GET " + target + " HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer " + shop.token() + "\r\n\r\n";
}

std::string post_request(const Shop& shop, std::size_t number) {
    const auto& products = shop.products();
    const std::string body = std::string(R"({"location":")") + Shop::location + R"(","items":[{"productId":")" +
                             products[number * 7 % products.size()] + R"(","quantity":1},{"productId":")" +
                             products[(number * 13 + 5) % products.size()] + R"(","quantity":2}]})";
    const std::string key = number % 2 == 0 ? "Idempotency-Key: cost-" + std::to_string(number) + "\r\n" : "";
    return "POST /api/v1/orders HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer " + shop.token() + "\r\n" + key +
           "Content-Type: application/json\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}

class Run {
public:
    explicit Run(Shop& shop) : shop_(shop) {
        for (std::size_t i = 0; i < batch_size; ++i) clients_.emplace_back(shop.port());
    }

    void measure_all() {
        place(prepare(1));  // a first batch of everything, so that what is made once is not counted
        shop_.process_orders();
        shop_.send_mails(batch_size);
        orders_.clear();
        orders_.reserve(batch_size * batches);
        get("livez", {"/livez"});
        const std::vector<std::string> texts = prepare(batches);
        part("place", texts.size(), [&] { place(texts); });
        get("read_stored", orders_);
        get("list", {"/api/v1/orders?limit=20"});
        part("process", orders_.size(), [this] { shop_.process_orders(); });
        part("mail", orders_.size(), [this] { shop_.send_mails(orders_.size()); });
        get("read_cached", {orders_.front()});
    }

private:
    template <class Work>
    void part(const char* name, std::size_t count, Work work) {
        const std::uint64_t before = allocations;
        CALLGRIND_ZERO_STATS;
        CALLGRIND_START_INSTRUMENTATION;
        work();
        CALLGRIND_STOP_INSTRUMENTATION;
        CALLGRIND_DUMP_STATS_AT(name);
        std::printf("%s %zu %llu\n", name, count, static_cast<unsigned long long>(allocations - before));
    }

    std::vector<std::string> prepare(std::size_t count) {
        std::vector<std::string> texts;
        for (std::size_t i = 0; i < count * batch_size; ++i) texts.push_back(post_request(shop_, placed_++));
        return texts;
    }

    void place(const std::vector<std::string>& texts) {
        for (std::size_t begin = 0; begin < texts.size(); begin += batch_size) {
            for (std::size_t i = 0; i < batch_size; ++i) clients_[i].send(texts[begin + i]);
            shop_.commit_batch(batch_size);
            for (Client& client : clients_) orders_.push_back(location_of(client.receive("HTTP/1.1 201")));
            shop_.wait_until_absorbed();
        }
    }

    static std::string location_of(std::string_view answer) {
        constexpr std::string_view field = "\r\nLocation: ";
        const std::size_t begin = answer.find(field) + field.size();
        return std::string(answer.substr(begin, answer.find('\r', begin) - begin));
    }

    void get(const char* name, const std::vector<std::string>& targets) {
        std::vector<std::string> texts;
        for (const std::string& target : targets) texts.push_back(get_request(shop_, target));
        const auto one = [&](std::size_t i) {
            clients_[0].send(texts[i % texts.size()]);
            (void)clients_[0].receive("HTTP/1.1 200");
        };
        one(0);
        part(name, requests, [&] {
            for (std::size_t i = 0; i < requests; ++i) one(i);
        });
    }

    Shop& shop_;
    std::vector<Client> clients_;
    std::vector<std::string> orders_;
    std::size_t placed_ = 0;
};

}  // namespace
}  // namespace waybill::bench

int main(int argc, char** argv) {
    if (argc != 2) {
        std::fputs("usage: order_cost FOLDER\n", stderr);
        return 2;
    }
    try {
        waybill::bench::Shop shop(argv[1], waybill::bench::product_count);
        waybill::bench::Run(shop).measure_all();
    } catch (const std::exception& problem) {
        std::fprintf(stderr, "order_cost: %s\n", problem.what());
        return 1;
    }
    return 0;
}

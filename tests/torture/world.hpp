// What one round tortures: the real binary with its parts, each behind a way that can be broken, the
// goods of the shop and its people. Everything goes with the object.
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "tests/support/tcp_proxy.hpp"
#include "tests/system/fulfilment_server.hpp"
#include "tests/system/production_set.hpp"
#include "tests/system/shop.hpp"
#include "tests/torture/ledger.hpp"
#include "tests/torture/options.hpp"

namespace waybill::torture {

using system_test::Answer;
using system_test::Customer;
using system_test::Headers;

inline const std::string api = "/api/v1";
inline constexpr int client_timeout_ms = 6'000;  // above --request-deadline
inline constexpr int grace_s = 10;
inline constexpr int people = 8;

struct Good {
    std::string id;
    std::int64_t minor = 0;  // price at the beginning
    long stock = 0;          // at the beginning
};

// How fulfilment treats an order follows from what is in it.
struct Goods {
    std::vector<Good> plain;
    std::vector<Good> hot;  // few units, sold one by one, never cancelled
    Good bulk;              // the quantity tells orders without a key apart
    Good refused;           // a usable refusal
    Good flaky;             // no usable answer at first
    Good poison;            // no usable answer while faults last
    Good sold_out;
    [[nodiscard]] std::vector<const Good*> all() const;
};

struct WorldOptions {
    Options::Set set = Options::Set::embedded;
    std::filesystem::path tmpfs{};  // the data directory's place; empty: on the disk
    bool clock_jumps = false;
    bool refresh_grace = true;
    int hot_goods = 4;
};

struct SeenMail {
    std::string identity;
    std::string bytes;  // empty where only the name was looked at
};

// Thread-safe but for starting and ending processes.
class World {
public:
    explicit World(const WorldOptions& options);
    ~World();
    World(const World&) = delete;
    World& operator=(const World&) = delete;

    // Processes: those that serve customers first.
    [[nodiscard]] std::vector<system_test::ServerProcess*> processes() const;
    [[nodiscard]] std::size_t doors() const { return set_ ? 2 : 1; }
    [[nodiscard]] std::uint16_t port(std::size_t door) const;
    [[nodiscard]] bool is_production() const { return set_ != nullptr; }
    [[nodiscard]] system_test::ProductionSet& set() { return *set_; }
    [[nodiscard]] testing::TcpProxy& way_to_fulfilment() { return fulfilment_way_; }
    [[nodiscard]] const WorldOptions& options() const { return options_; }

    void fill_disk();  // to its last byte
    void clear_disk();
    void set_clock(int offset_s);           // of every process
    [[nodiscard]] std::string log() const;  // the end of each process's

    [[nodiscard]] const Goods& goods() const { return goods_; }
    // The one after the last customer looks after a session.
    [[nodiscard]] const Customer& person(std::size_t index) const { return people_.at(index); }
    [[nodiscard]] const Customer& admin() const { return admin_; }

    // From now on poisoned orders are refused, so that everything comes to its end.
    void end_poison() { poisoned_ = false; }

    struct Call {
        std::string body;
        int count = 0;
        bool differs = false;  // two calls for one order were not the same
    };
    [[nodiscard]] std::map<std::string, Call> fulfilment_calls() const;
    [[nodiscard]] std::vector<SeenMail> mails();

private:
    [[nodiscard]] std::vector<std::string> flags() const;
    void start_embedded();
    void open_shop();
    [[nodiscard]] Customer register_person(const std::string& name);
    Good add(const std::string& name, std::int64_t minor, long stock);
    system_test::FulfilmentAnswer decide(const system_test::FulfilmentCall& call);

    const WorldOptions options_;
    std::atomic<bool> poisoned_ = true;
    mutable std::mutex mutex_;
    std::map<std::string, Call> calls_;
    system_test::FulfilmentServer fulfilment_;
    testing::TcpProxy fulfilment_way_;
    std::filesystem::path root_;
    std::filesystem::path data_dir_;
    std::unique_ptr<system_test::ProductionSet> set_;
    std::unique_ptr<system_test::ServerProcess> embedded_;
    std::vector<Customer> people_;
    Customer admin_;
    Goods goods_;
};

// A process with this environment lives at an offset to the present time, as of the next look at its clock.
[[nodiscard]] std::vector<std::string> moved_clock_environment(const std::filesystem::path& file);
void write_clock_offset(const std::filesystem::path& file, std::int64_t offset_s);

// Whether a running process of the binary does so.
[[nodiscard]] bool clock_can_jump();

// Asks on behalf of one thread, and notes what came of it.
class Caller {
public:
    Caller(World& world, Ledger& ledger, std::string actor);

    struct Asked {
        Answer answer;
        Micros begun = 0;
        Micros ended = 0;
        std::size_t door = 0;
    };
    Asked ask(const std::string& method, const std::string& path, const std::string& body, Headers headers,
              Subject about);

    // The door for what follows.
    void use_door(std::size_t door) { door_ = door % clients_.size(); }
    [[nodiscard]] const std::string& actor() const { return actor_; }

private:
    Ledger& ledger_;
    std::string actor_;
    std::size_t door_ = 0;
    std::vector<system_test::HttpClient> clients_;
};

[[nodiscard]] std::string decimal(std::int64_t minor);
// Minor units of a number as it is on the wire, two fraction digits at most.
[[nodiscard]] std::int64_t minor_of(const boost::json::value& amount);

}  // namespace waybill::torture

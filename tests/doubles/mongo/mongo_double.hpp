// A strict double of a MongoDB primary, for tests: it speaks OP_MSG on a free port of 127.0.0.1,
// keeps its documents in memory, and refuses what a server would refuse (and what it does not know).
//
// Strict about: the fields of sessions and transactions, snapshot isolation with immediate write
// conflicts, any error ending its transaction, unique indexes, collections that must exist before a
// transaction, the size and lifetime of transactions. A writer outside a transaction waits for the
// one that holds the document. No storage, no query plans, no secondaries: what passes here has been
// tested against the protocol and not against MongoDB.
//
// Thread-safe. All time is the given clock's; it must outlive the double.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "ports/clock.hpp"
#include "tests/doubles/mongo/faults.hpp"
#include "tests/doubles/mongo/options.hpp"
#include "tests/doubles/mongo/value.hpp"

namespace waybill::testing {

class MongoDouble {
public:
    using Topology = mongo::Topology;
    using Options = mongo::Options;
    using Fault = mongo::Fault;
    using Action = mongo::Fault::Action;
    using Object = mongo::Object;

    // Listens when it returns. Throws std::runtime_error when it cannot.
    explicit MongoDouble(Clock& clock, const Options& options = {});
    ~MongoDouble();
    MongoDouble(const MongoDouble&) = delete;
    MongoDouble& operator=(const MongoDouble&) = delete;

    // mongodb://127.0.0.1:PORT/?replicaSet=rs0 (without credentials), as the topology wants it.
    [[nodiscard]] std::string uri() const;
    [[nodiscard]] std::uint16_t port() const;

    // The process ends: connections are cut, open transactions are gone; what is committed stays.
    void stop();
    // Again on the same port.
    void start();

    // ---- faults

    void arm(const Fault& fault);
    void clear_faults();
    // Every command and greeting stands still until release().
    void freeze();
    // Also for commands that met a fault that freezes.
    void release();
    // Until so many commands stand still; false when that took longer than ten seconds.
    [[nodiscard]] bool wait_for_frozen(int count);
    void step_down(Milliseconds duration);
    void step_up();
    // Closes every connection; transactions stay.
    void cut_connections();

    // ---- what was asked of it

    struct Seen {
        std::string name;
        std::string collection;  // without its database; empty when it has none
        Object command;
    };
    // By name; of one collection when that is given. Greetings are counted too.
    [[nodiscard]] std::size_t commands(const std::string& name, const std::string& collection = {}) const;
    // All but housekeeping: greetings, pings, logins and the ends of sessions.
    [[nodiscard]] std::size_t commands() const;
    // Oldest first; the latest 10,000. Housekeeping is left out.
    [[nodiscard]] std::vector<Seen> seen(const std::string& name = {}) const;
    void reset_commands();

    // ---- what it holds

    // "database.collection"; what is committed.
    [[nodiscard]] std::size_t count(const std::string& collection, const Object& filter = {}) const;
    [[nodiscard]] std::vector<Object> find(const std::string& collection, const Object& filter = {}) const;
    [[nodiscard]] std::size_t open_transactions() const;
    // Commands that wait for a transaction to end.
    [[nodiscard]] std::size_t waiting() const;
    // Deletes what TTL indexes say at the clock's time; how many.
    std::size_t expire_documents();

private:
    class Server;
    std::unique_ptr<Server> server_;
};

}  // namespace waybill::testing

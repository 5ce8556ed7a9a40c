// The server behind the wire: one command in, one reply out. Commands run one at a time, but for
// those that wait for another transaction to end.
//
// Thread-safe. Commands that the double does not know, and fields of commands that it does not know,
// are errors.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "ports/clock.hpp"
#include "tests/doubles/mongo/command_error.hpp"
#include "tests/doubles/mongo/options.hpp"
#include "tests/doubles/mongo/scram.hpp"
#include "tests/doubles/mongo/sessions.hpp"
#include "tests/doubles/mongo/storage.hpp"
#include "tests/doubles/mongo/value.hpp"

namespace waybill::testing::mongo {

// One connection.
struct Client {
    std::int64_t connection_id = 0;
    std::string address;
    bool logged_in = false;
    std::optional<Scram> scram{};
};

struct Cursor {
    std::string name;  // collection with its database
    std::string session;
    std::int64_t txn_number = -1;
    std::vector<Object> documents;
    std::size_t next = 0;
};

class Engine;

// A command on its way.
struct Call {
    Engine& engine;
    const Object& command;
    std::string name;
    std::string database;
    Client& client;
    Taking taking;
    std::unique_lock<std::mutex>& lock;

    // "database.collection" of the command's first field. Throws 73.
    [[nodiscard]] std::string collection_name() const;
    // Null when absent. Throws 14 when it is of another type.
    template <class T>
    [[nodiscard]] const T* option(std::string_view field) const {
        const Value* value = command.find(field);
        if (!value) return nullptr;
        const T* typed = value->as<T>();
        if (!typed) {
            throw CommandError(code::type_mismatch, "BSON field '" + name + "." + std::string(field) +
                                                        "' is the wrong type '" + std::string(type_name(*value)) + "'");
        }
        return typed;
    }
    [[nodiscard]] bool flag(std::string_view field, bool otherwise) const;
    [[nodiscard]] std::int64_t number(std::string_view field, std::int64_t otherwise) const;
};

class Engine {
public:
    Engine(Clock& clock, const Options& options);

    [[nodiscard]] Object run(const Object& command, Client& client);

    // Aborts what is open, as the end of the process does; what is committed stays.
    void restart();
    // Commands that wait give up (11600), and later ones until restart().
    void stop();

    // Not primary until step_up() or until the clock has moved so far.
    void step_down(Milliseconds duration);
    void step_up();

    // Aborts the transaction that the command belongs to.
    void abort_transaction_of(const Object& command);

    // Deletes what TTL indexes say; how many.
    std::size_t expire_documents();

    [[nodiscard]] std::size_t open_transactions();
    // Commands that wait for a transaction to end.
    [[nodiscard]] std::size_t waiting() const { return waiting_; }
    [[nodiscard]] std::vector<Object> find(const std::string& collection, const Object& filter);

    // ---- for commands, under the lock

    [[nodiscard]] Clock& clock() { return clock_; }
    [[nodiscard]] const Options& options() const { return options_; }
    [[nodiscard]] Storage& storage() { return storage_; }
    [[nodiscard]] Sessions& sessions() { return sessions_; }
    [[nodiscard]] std::map<std::int64_t, Cursor>& cursors() { return cursors_; }
    [[nodiscard]] std::int64_t new_cursor_id() { return ++last_cursor_id_; }
    [[nodiscard]] std::uint16_t port() const { return port_; }
    void set_port(std::uint16_t port) { port_ = port; }
    [[nodiscard]] DateTime now() const { return DateTime{to_unix_ms(clock_.now())}; }
    [[nodiscard]] bool is_primary();
    [[nodiscard]] Timestamp operation_time() const;

    // Until a transaction has ended. Throws 50 past the deadline, 11600 or 11602 when interrupted.
    void wait_for_change(Call& call);
    void announce_change();

private:
    [[nodiscard]] Object run_checked(const Object& command, Client& client, std::unique_lock<std::mutex>& lock);
    [[nodiscard]] Object execute(Call& call);
    std::size_t expire_by(Collection& collection, const IndexOptions& index);
    void check_primary(const Object& command, const std::string& name) const;
    [[nodiscard]] Object finish(Object reply, const Object& command) const;

    Clock& clock_;
    const Options options_;
    std::mutex mutex_;
    std::condition_variable changed_;
    std::uint64_t changes_ = 0;
    Storage storage_;
    Sessions sessions_;
    std::map<std::int64_t, Cursor> cursors_;
    std::int64_t last_cursor_id_ = 1'000'000'000'000;
    bool stopping_ = false;
    bool primary_ = true;
    SteadyTime primary_again_{};
    std::uint32_t started_seconds_ = 0;
    std::atomic<std::uint16_t> port_ = 0;
    std::atomic<std::size_t> waiting_ = 0;
};

}  // namespace waybill::testing::mongo

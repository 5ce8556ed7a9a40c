// The pool of connections to the cluster, and the commands that the store sends on one of them.
//
// What the server or the network answers is thrown as a MongoError, whose trouble says what may be
// done about it. A Connection belongs to one thread; the pool is thread-safe.
#pragma once

#include <mongoc/mongoc.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "adapters/mongo/bson.hpp"
#include "adapters/mongo/mongo.hpp"

namespace waybill::mongo {

enum class Trouble : std::uint8_t {
    conflict,        // another transaction was first: all of it again
    away,            // no connection, or no primary: all of it again
    commit_unknown,  // it may be committed: commit again
    duplicate_key,   // somebody else wrote this key since it was looked for
    refused,         // repeating cannot help
};

class MongoError : public std::runtime_error {
public:
    MongoError(Trouble trouble, const bson_error_t& error)
        : std::runtime_error(error.message), trouble_(trouble), domain_(error.domain), code_(error.code) {}

    [[nodiscard]] Trouble trouble() const { return trouble_; }
    [[nodiscard]] std::uint32_t domain() const { return domain_; }
    [[nodiscard]] std::uint32_t code() const { return code_; }
    // The words of libmongoc itself name hosts and causes; those of the server may quote what is
    // stored, and stay out of logs.
    [[nodiscard]] std::string reason() const;

private:
    Trouble trouble_;
    std::uint32_t domain_;
    std::uint32_t code_;
};

// Codes of the server: src/mongo/base/error_codes.yml there.
namespace code {
inline constexpr std::uint32_t unauthorized = 13;
inline constexpr std::uint32_t authentication_failed = 18;
inline constexpr std::uint32_t illegal_operation = 20;
inline constexpr std::uint32_t lock_timeout = 24;
inline constexpr std::uint32_t namespace_exists = 48;
inline constexpr std::uint32_t command_not_found = 59;
inline constexpr std::uint32_t index_options_conflict = 85;
inline constexpr std::uint32_t write_conflict = 112;
inline constexpr std::uint32_t conflicting_operation = 117;
inline constexpr std::uint32_t snapshot_unavailable = 246;
inline constexpr std::uint32_t no_such_transaction = 251;
inline constexpr std::uint32_t duplicate_key = 11'000;
}  // namespace code

struct FindOptions {
    Document sort{};
    std::size_t skip = 0;
    std::size_t limit = 0;  // 0: all
    Document fields{};
};

enum class Durability : std::uint8_t { majority, advisory };

class Connection {
public:
    Connection(mongoc_client_pool_t* pool, mongoc_client_t* client, const std::string& database);

    // ---- transactions

    // One session for the life of the connection; everything but hello and `run_alone` is then part
    // of it.
    void start_session();
    void start_transaction();
    void commit();
    void abort() noexcept;

    // ---- commands; inside a transaction when one was started, else majority reads of the primary

    template <class Read>
    [[nodiscard]] auto find(const char* collection, const Document& filter, const FindOptions& options, Read read) {
        std::vector<std::invoke_result_t<Read, const View&>> all;
        each(collection, filter, options, [&](const View& found) { all.push_back(read(found)); });
        return all;
    }
    void each(const char* collection, const Document& filter, const FindOptions& options,
              const std::function<void(const View&)>& take);
    void aggregate(const char* collection, const std::vector<Document>& pipeline,
                   const std::function<void(const View&)>& take);

    // A command that writes, in this transaction. Returns its reply.
    Document write(const Document& command);

    // A command of its own, outside of any transaction.
    Document run_alone(const Document& command, Durability durability);
    Document run_on_admin(const Document& command);

    // hello, or what servers before 4.4.2 call it.
    Document hello();

private:
    struct ReturnToPool {
        mongoc_client_pool_t* pool;
        void operator()(mongoc_client_t* client) const { mongoc_client_pool_push(pool, client); }
    };
    struct EndSession {
        void operator()(mongoc_client_session_t* session) const { mongoc_client_session_destroy(session); }
    };

    [[nodiscard]] bool in_transaction() const;
    [[nodiscard]] Document options_of_a_read() const;
    void drain(mongoc_cursor_t* cursor, const std::function<void(const View&)>& take) const;

    std::unique_ptr<mongoc_client_t, ReturnToPool> client_;
    std::unique_ptr<mongoc_client_session_t, EndSession> session_;  // ends before its client returns
    const std::string* database_;
};

class ConnectionPool {
public:
    // Errors: validation_failed, a sentence about the URI.
    [[nodiscard]] static Result<std::unique_ptr<ConnectionPool>> make(const MongoOptions& options);

    // Errors: overloaded, when none comes back in time.
    [[nodiscard]] Result<Connection> take();

    // "host:port, host:port" for messages.
    [[nodiscard]] const std::string& hosts() const { return hosts_; }

private:
    struct Destroy {
        void operator()(mongoc_client_pool_t* pool) const { mongoc_client_pool_destroy(pool); }
    };
    using Pool = std::unique_ptr<mongoc_client_pool_t, Destroy>;

    ConnectionPool(Pool pool, std::string hosts, const MongoOptions& options);

    std::function<void()> on_command_;  // outlives the pool, which calls it
    Pool pool_;
    std::string hosts_;
    std::string database_;
};

}  // namespace waybill::mongo

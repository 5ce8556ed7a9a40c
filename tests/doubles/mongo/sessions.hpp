// Logical sessions as the server keeps them: the number of the latest transaction, whether it is
// open, committed or aborted, and what retryable writes have already done. The rules of the fields
// lsid, txnNumber, autocommit and startTransaction are here.
//
// Not thread-safe: the engine's lock guards it.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "ports/clock.hpp"
#include "tests/doubles/mongo/storage.hpp"
#include "tests/doubles/mongo/value.hpp"

namespace waybill::testing::mongo {

struct ServerSession {
    enum class State { none, open, committed, aborted, retryable };

    Object id;  // as the client sent it
    std::int64_t txn_number = -1;
    State state = State::none;
    std::unique_ptr<Transaction> transaction;
    SteadyTime began{};
    TimePoint began_wall{};
    SteadyTime last_used{};
    std::string client;                      // that began the transaction
    std::set<std::string> collections;       // that the transaction has touched
    std::map<std::int32_t, Object> results;  // of retryable writes, by statement
};

// How a command takes part in a session.
struct Taking {
    ServerSession* session = nullptr;
    Transaction* transaction = nullptr;  // of several documents
    bool retryable = false;
};

class Sessions {
public:
    Sessions(Storage& storage, Clock& clock, Milliseconds transaction_lifetime, bool standalone);

    // What a command may do in a session, by its name.
    struct Rules {
        bool in_transaction = false;
        bool retryable = false;
        bool ends_transaction = false;
    };
    // Checks the fields and begins, continues or refuses. For commitTransaction and abortTransaction
    // only the fields are checked.
    Taking enter(const Object& command, const std::string& name, const Rules& rules, const std::string& client);

    // Returns at once for a transaction that is committed already.
    void commit(ServerSession& session, std::int64_t txn_number);
    void abort(ServerSession& session, std::int64_t txn_number);

    // Whatever its state; for errors and kills.
    void give_up(ServerSession& session);
    // Those that have lived too long. True when there was one.
    bool expire();
    void kill(const Object& lsid);
    void kill_all();

    // Whether an open transaction has touched the collection.
    [[nodiscard]] bool in_use(const std::string& collection) const;
    [[nodiscard]] std::vector<const ServerSession*> open_transactions() const;

private:
    ServerSession& session_of(const Object& lsid);
    void check_fields(const Object& command, const std::string& name, const Rules& rules) const;
    void begin(ServerSession& session, std::int64_t number, const std::string& client);
    void continue_transaction(ServerSession& session, std::int64_t number);
    void begin_retryable(ServerSession& session, std::int64_t number);

    Storage& storage_;
    Clock& clock_;
    Milliseconds lifetime_;
    bool standalone_;
    std::map<std::string, ServerSession> sessions_;
};

}  // namespace waybill::testing::mongo

// Runs a body as one multi-document transaction, again and again until it is committed, refused, or
// out of time.
//
// A body may run several times; each run sees a new snapshot and a new time. What it throws undoes
// it: Conflict and MongoErrors are repeated where that can help, anything else passes on. A Result
// that it returns, error or not, is answered after the commit: only then are the reads behind it
// known to last.
// Thread-safe.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "adapters/mongo/connection.hpp"
#include "adapters/mongo/primary_time.hpp"
#include "adapters/mongo/schema.hpp"
#include "adapters/mongo/stale_sessions.hpp"
#include "adapters/mongo/turns.hpp"
#include "domain/error.hpp"

namespace waybill::mongo {

// A row is not as it was read: run again.
struct Conflict {};

// Updates of one command: ids that get the same change under the same condition are one statement.
class Updates {
public:
    // `condition` is what the document must still be, besides its id.
    void add(const std::string& id, const Document& condition, const Document& change);

    [[nodiscard]] bool empty() const { return groups_.empty(); }
    [[nodiscard]] std::int64_t count() const { return count_; }
    [[nodiscard]] std::vector<Document> statements() const;

private:
    struct Group {
        Document condition;
        Document change;
        std::vector<std::string> ids;
    };
    std::map<std::string, Group> groups_;  // by the bytes of condition and change
    std::int64_t count_ = 0;
};

// What a body sees. `now` is the time of all that it stores.
class Transaction {
public:
    Transaction(Connection& connection, TimePoint time, int run, bool maybe_committed)
        : now(time), run_number(run), may_have_committed(maybe_committed), connection_(connection) {}

    const TimePoint now;
    const int run_number;           // 1: the first
    const bool may_have_committed;  // by an earlier run whose commit has no known end

    template <class Read>
    [[nodiscard]] auto find(const char* collection, const Document& filter, Read read) {
        return connection_.find(collection, filter, {}, read);
    }
    template <class Read>
    [[nodiscard]] auto find(const char* collection, const Document& filter, const FindOptions& options, Read read) {
        return connection_.find(collection, filter, options, read);
    }
    template <class Read>
    [[nodiscard]] auto find_one(const char* collection, const Document& filter, Read read)
        -> std::optional<std::invoke_result_t<Read, const View&>> {
        auto found = find(collection, filter, {.limit = 1}, read);
        if (found.empty()) return std::nullopt;
        return std::move(found.front());
    }

    // These do nothing when there is nothing to write.
    void insert(const char* collection, const std::vector<Document>& documents);
    // Throws Conflict unless every document is found as its condition says.
    void update(const char* collection, const Updates& updates);
    void remove(const char* collection, const std::vector<std::string>& ids);

    // How many documents were changed.
    std::int64_t update_where(const char* collection, const Document& filter, const Document& change);
    std::int64_t remove_where(const char* collection, const Document& filter);
    // Update statements as MongoDB has them, in one command; none of them must find anything.
    void apply(const char* collection, const std::vector<Document>& statements);

    void aggregate(const char* collection, const std::vector<Document>& pipeline,
                   const std::function<void(const View&)>& take) {
        connection_.aggregate(collection, pipeline, take);
    }

private:
    Connection& connection_;
};

class Transactions {
public:
    using Body = std::function<void(Transaction&)>;

    Transactions(const MongoOptions& options, ConnectionPool& pool, Clock& clock, Log& log);

    // Runs `body(Transaction&)`, which returns a Result.
    template <class Function>
    [[nodiscard]] auto run(Lane lane, Function body) -> std::invoke_result_t<Function&, Transaction&> {
        std::optional<std::invoke_result_t<Function&, Transaction&>> result;
        const Result<void> committed =
            run_until_committed(lane, {}, [&](Transaction& transaction) { result.emplace(body(transaction)); });
        if (!committed) return std::unexpected(committed.error());
        return *std::move(result);
    }

    // The same; before each run `prepare` may read outside of the transaction.
    [[nodiscard]] Result<void> run_until_committed(Lane lane, const std::function<void(Connection&)>& prepare,
                                                   const Body& body);

    // Runs `body(Connection&)`, which returns a plain value, outside of a transaction.
    template <class Function>
    [[nodiscard]] auto read(Function body) -> Result<std::invoke_result_t<Function&, Connection&>> {
        std::optional<std::invoke_result_t<Function&, Connection&>> result;
        const Result<void> done =
            read_until_answered([&](Connection& connection) { result.emplace(body(connection)); });
        if (!done) return std::unexpected(done.error());
        return *std::move(result);
    }

    [[nodiscard]] PrimaryTime& time() { return time_; }
    [[nodiscard]] Turns& turns() { return turns_; }

    // Logs what happened and says it in a sentence.
    [[nodiscard]] Error report(const MongoError& error);

private:
    // One call, over all its runs.
    struct Call;

    [[nodiscard]] Result<void> read_until_answered(const std::function<void(Connection&)>& body);

    // True: committed. False: run again.
    [[nodiscard]] Result<bool> run_once(Call& call, const std::function<void(Connection&)>& prepare, const Body& body);
    [[nodiscard]] Result<bool> commit(Call& call);
    [[nodiscard]] Result<bool> after(Call& call, const MongoError& error);
    void met_conflict(Call& call);
    void take_turn(Call& call);
    // False: the deadline is over.
    [[nodiscard]] bool wait_before_repeat(Call& call);
    [[nodiscard]] Error out_of_time(const Call& call);

    const MongoOptions& options_;
    ConnectionPool& pool_;
    Clock& clock_;
    Log& log_;
    PrimaryTime time_;
    Turns turns_;
    StaleSessions stale_sessions_;
};

}  // namespace waybill::mongo

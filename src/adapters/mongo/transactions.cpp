#include "adapters/mongo/transactions.hpp"

#include <algorithm>

namespace waybill::mongo {

// ---- one transaction

void Updates::add(const std::string& id, const Document& condition, const Document& change) {
    std::string key(condition.bytes());
    key += change.bytes();
    Group& group = groups_.try_emplace(std::move(key), Group{condition, change, {}}).first->second;
    group.ids.push_back(id);
    ++count_;
}

std::vector<Document> Updates::statements() const {
    std::vector<Document> all;
    for (const auto& [key, group] : groups_) {
        Document where = doc("_id", doc("$in", group.ids));
        bson_concat(where.get(), group.condition.get());
        all.push_back(doc("q", where, "u", group.change, "multi", true));
    }
    return all;
}

void Transaction::insert(const char* collection, const std::vector<Document>& documents) {
    if (documents.empty()) return;
    (void)connection_.write(doc("insert", collection, "documents", documents));
}

void Transaction::update(const char* collection, const Updates& updates) {
    if (updates.empty()) return;
    const Document reply = connection_.write(doc("update", collection, "updates", updates.statements()));
    if (View(reply).integer("n") != updates.count()) throw Conflict{};
}

void Transaction::remove(const char* collection, const std::vector<std::string>& ids) {
    if (ids.empty()) return;
    const std::int64_t removed = remove_where(collection, doc("_id", doc("$in", ids)));
    if (removed != static_cast<std::int64_t>(ids.size())) throw Conflict{};
}

std::int64_t Transaction::update_where(const char* collection, const Document& filter, const Document& change) {
    const Document statement = doc("q", filter, "u", change, "multi", true);
    return View(connection_.write(doc("update", collection, "updates", array(statement)))).integer("n");
}

std::int64_t Transaction::remove_where(const char* collection, const Document& filter) {
    const Document statement = doc("q", filter, "limit", 0);
    return View(connection_.write(doc("delete", collection, "deletes", array(statement)))).integer("n");
}

void Transaction::apply(const char* collection, const std::vector<Document>& statements) {
    if (statements.empty()) return;
    (void)connection_.write(doc("update", collection, "updates", statements));
}

// ---- all runs of one call

struct Transactions::Call {
    Call(Turns& all_turns, Lane in_lane, Connection taken, SteadyTime end)
        : turns(all_turns), lane(in_lane), connection(std::move(taken)), deadline(end), place(all_turns, in_lane) {}
    Call(const Call&) = delete;
    Call& operator=(const Call&) = delete;
    ~Call() {
        if (turn) turns.give_back(connection, *turn);
    }

    Turns& turns;
    const Lane lane;
    Connection connection;
    const SteadyTime deadline;
    const Turns::Place place;
    bool has_asked_for_turn = false;
    std::optional<std::int64_t> turn{};
    int runs = 0;
    int waits = 0;
    bool may_have_committed = false;
    std::optional<SteadyTime> conflicts_since{};
    std::string trouble{"rows were not as they were read"};  // the last one, for the log
};

Transactions::Transactions(const MongoOptions& options, ConnectionPool& pool, Clock& clock, Log& log)
    : options_(options),
      pool_(pool),
      clock_(clock),
      log_(log),
      time_(options, clock),
      turns_(clock),
      stale_sessions_(clock, log) {}

Result<void> Transactions::run_until_committed(Lane lane, const std::function<void(Connection&)>& prepare,
                                               const Body& body) {
    const SteadyTime deadline = clock_.steady_now() + options_.request_deadline;
    Result<Connection> taken = pool_.take();
    if (!taken) return std::unexpected(taken.error());
    Call call(turns_, lane, *std::move(taken), deadline);
    for (;;) {
        take_turn(call);
        const Result<bool> committed = run_once(call, prepare, body);
        if (!committed) return std::unexpected(committed.error());
        if (*committed) return {};
        if (!wait_before_repeat(call)) return std::unexpected(out_of_time(call));
    }
}

Result<bool> Transactions::run_once(Call& call, const std::function<void(Connection&)>& prepare, const Body& body) {
    Connection& connection = call.connection;
    ++call.runs;
    try {
        connection.start_session();
        if (prepare) prepare(connection);
        Transaction transaction(connection, time_.now(connection), call.runs, call.may_have_committed);
        connection.start_transaction();
        body(transaction);
    } catch (const Conflict&) {
        connection.abort();
        met_conflict(call);
        return false;
    } catch (const MongoError& error) {
        connection.abort();
        return after(call, error);
    } catch (...) {
        connection.abort();
        throw;
    }
    return commit(call);
}

Result<bool> Transactions::commit(Call& call) {
    for (;;) {
        try {
            call.connection.commit();
            return true;
        } catch (const MongoError& error) {
            // The server has refused it: what a later run finds there is the answer.
            if (error.trouble() == Trouble::conflict || error.trouble() == Trouble::away) return after(call, error);
            call.may_have_committed = true;
            if (error.trouble() != Trouble::commit_unknown) return after(call, error);
            call.trouble = error.reason();
            time_.forget();
            log_.write(LogLevel::warn, "store-commit-unknown", {{"reason", call.trouble}});
        }
        if (!wait_before_repeat(call)) return std::unexpected(out_of_time(call));
    }
}

// False, or the error that ends the call.
Result<bool> Transactions::after(Call& call, const MongoError& error) {
    call.trouble = error.reason();
    switch (error.trouble()) {
        case Trouble::conflict:
            met_conflict(call);
            return false;
        case Trouble::away:
            time_.forget();
            log_.write(LogLevel::debug, "store-away", {{"reason", call.trouble}});
            return false;
        case Trouble::duplicate_key:
        case Trouble::commit_unknown:
            return false;
        case Trouble::refused:
            break;
    }
    Error ending = report(error);
    if (call.may_have_committed) ending.code = ErrorCode::outcome_unknown;
    return std::unexpected(std::move(ending));
}

void Transactions::met_conflict(Call& call) {
    const SteadyTime now = clock_.steady_now();
    turns_.met_conflict(call.lane);
    if (!call.conflicts_since) call.conflicts_since = now;
    if (now - *call.conflicts_since > conflicts_patience) stale_sessions_.end_them(call.connection);
}

void Transactions::take_turn(Call& call) {
    if (call.lane != Lane::stock || call.has_asked_for_turn || !turns_.is_contended(Lane::stock)) return;
    call.has_asked_for_turn = true;
    call.turn = turns_.take(call.connection);
}

bool Transactions::wait_before_repeat(Call& call) {
    const int doublings = std::min(call.waits++, 10);
    const std::int64_t longest = std::min(options_.backoff_max.count(), options_.backoff_min.count() << doublings);
    // Half of it at least, so that nobody spins.
    const double share = 0.5 + clock_.random_fraction() / 2;
    const Milliseconds pause{
        std::max<std::int64_t>(1, static_cast<std::int64_t>(static_cast<double>(longest) * share))};
    if (clock_.steady_now() + pause >= call.deadline) return false;
    clock_.sleep_for(pause);
    return true;
}

Error Transactions::out_of_time(const Call& call) {
    const bool unknown = call.may_have_committed;
    log_.write(LogLevel::error, "store-out-of-time",
               {{"hosts", pool_.hosts()},
                {"tries", std::to_string(call.waits)},
                {"outcome", unknown ? "unknown" : "nothing was done"},
                {"reason", call.trouble}});
    if (unknown) return {ErrorCode::outcome_unknown, "The store did not say whether this was done."};
    return {ErrorCode::unavailable, "The store cannot be reached at the moment."};
}

// ---- reads

Result<void> Transactions::read_until_answered(const std::function<void(Connection&)>& body) {
    const SteadyTime deadline = clock_.steady_now() + options_.request_deadline;
    Result<Connection> taken = pool_.take();
    if (!taken) return std::unexpected(taken.error());
    Call call(turns_, Lane::none, *std::move(taken), deadline);
    for (;;) {
        try {
            body(call.connection);
            return {};
        } catch (const MongoError& error) {
            const Result<bool> again = after(call, error);
            if (!again) return std::unexpected(again.error());
        }
        if (!wait_before_repeat(call)) return std::unexpected(out_of_time(call));
    }
}

Error Transactions::report(const MongoError& error) {
    log_.write(LogLevel::error, "store-refused",
               {{"hosts", pool_.hosts()},
                {"domain", std::to_string(error.domain())},
                {"code", std::to_string(error.code())},
                {"reason", error.reason()}});
    return {ErrorCode::unavailable, "The store cannot do this at the moment."};
}

}  // namespace waybill::mongo

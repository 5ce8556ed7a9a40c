#include "tests/doubles/mongo/sessions.hpp"

#include <algorithm>

#include "tests/doubles/mongo/command_error.hpp"

namespace waybill::testing::mongo {

namespace {

std::string key_of(const Object& lsid) {
    const Value* id = lsid.find("id");
    const auto* uuid = id ? id->as<Binary>() : nullptr;
    static constexpr std::uint8_t uuid_subtype = 4;
    if (!uuid || uuid->subtype != uuid_subtype || uuid->bytes.size() != 16) {
        throw CommandError(207, "lsid.id must be a UUID of 16 bytes and subtype 4");
    }
    for (const Field& field : lsid) {
        if (field.name != "id" && field.name != "uid") {
            throw CommandError(code::unknown_field, "BSON field 'lsid." + field.name + "' is an unknown field.");
        }
    }
    return uuid->bytes;
}

std::string number_text(std::int64_t number) { return std::to_string(number); }

[[noreturn]] void refuse_unknown(const ServerSession& session, std::int64_t number) {
    throw CommandError(code::no_such_transaction,
                       "Given transaction number " + number_text(number) +
                           " does not match any in-progress transactions. The active transaction number is " +
                           number_text(session.txn_number),
                       {std::string(transient_label)});
}

[[noreturn]] void refuse_aborted(std::int64_t number) {
    throw CommandError(code::no_such_transaction, "Transaction " + number_text(number) + " has been aborted.",
                       {std::string(transient_label)});
}

[[noreturn]] void refuse_committed(std::int64_t number) {
    throw CommandError(code::transaction_committed, "Transaction " + number_text(number) + " has been committed.");
}

void refuse_old(const ServerSession& session, std::int64_t number) {
    if (number >= session.txn_number) return;
    throw CommandError(code::transaction_too_old,
                       "Cannot start transaction " + number_text(number) + " because a newer transaction " +
                           number_text(session.txn_number) + " has already started on this session.");
}

}  // namespace

Sessions::Sessions(Storage& storage, Clock& clock, Milliseconds transaction_lifetime, bool standalone)
    : storage_(storage), clock_(clock), lifetime_(transaction_lifetime), standalone_(standalone) {}

ServerSession& Sessions::session_of(const Object& lsid) {
    ServerSession& session = sessions_[key_of(lsid)];
    if (session.id.empty()) session.id = lsid;
    session.last_used = clock_.steady_now();
    return session;
}

void Sessions::check_fields(const Object& command, const std::string& name, const Rules& rules) const {
    const Value* number = command.find("txnNumber");
    const Value* autocommit = command.find("autocommit");
    const Value* start = command.find("startTransaction");
    const auto refuse = [](const std::string& why) { throw CommandError(code::invalid_options, why); };
    if (autocommit && (!autocommit->is<bool>() || *autocommit->as<bool>())) {
        refuse("Specifying autocommit=true is not allowed.");
    }
    if (start && (!start->is<bool>() || !*start->as<bool>()))
        refuse("Specifying startTransaction=false is not allowed.");
    if (autocommit && !number) refuse("'autocommit' field requires a transaction number to also be specified");
    if (start && !autocommit) refuse("'startTransaction' field requires 'autocommit' field to also be specified");
    if (number && !command.has("lsid")) refuse("Transaction number requires a session ID to also be specified");
    if (number && !number->is<std::int64_t>()) throw CommandError(code::type_mismatch, "txnNumber must be a long");
    if (number && number->to_int64() < 0) refuse("Transaction number cannot be negative");
    if (number && standalone_) {
        throw CommandError(code::illegal_operation,
                           "Transaction numbers are only allowed on a replica set member or mongos");
    }
    if (rules.ends_transaction) {
        if (!autocommit) refuse(name + " must be run within a transaction");
        if (start) refuse(name + " cannot start a transaction");
        return;
    }
    if (autocommit && !rules.in_transaction) {
        throw CommandError(code::not_in_transaction, "Cannot run '" + name + "' in a multi-document transaction.");
    }
    if (number && !autocommit && !rules.retryable) {
        throw CommandError(50768, "It is illegal to provide a txnNumber for command " + name);
    }
    if (autocommit && !start && command.has("readConcern")) {
        refuse("Only the first command in a transaction may specify a readConcern");
    }
    if (autocommit && command.has("writeConcern"))
        refuse("writeConcern is not allowed within a multi-statement transaction");
}

Taking Sessions::enter(const Object& command, const std::string& name, const Rules& rules, const std::string& client) {
    Taking taking;
    check_fields(command, name, rules);
    const Value* lsid = command.find("lsid");
    if (!lsid) return taking;
    const auto* id = lsid->as<Object>();
    if (!id) throw CommandError(code::type_mismatch, "lsid must be an object");
    taking.session = &session_of(*id);
    const Value* number = command.find("txnNumber");
    if (!number || rules.ends_transaction) return taking;
    if (!command.has("autocommit")) {
        begin_retryable(*taking.session, number->to_int64());
        taking.retryable = true;
        return taking;
    }
    if (command.has("startTransaction")) {
        begin(*taking.session, number->to_int64(), client);
    } else {
        continue_transaction(*taking.session, number->to_int64());
    }
    taking.transaction = taking.session->transaction.get();
    return taking;
}

void Sessions::begin(ServerSession& session, std::int64_t number, const std::string& client) {
    refuse_old(session, number);
    if (number == session.txn_number) {
        throw CommandError(
            code::conflicting_operation_in_progress,
            "Only servers in a sharded cluster can start a new transaction at the active transaction number");
    }
    give_up(session);
    session.txn_number = number;
    session.state = ServerSession::State::open;
    session.transaction = storage_.begin();
    session.began = clock_.steady_now();
    session.began_wall = clock_.now();
    session.client = client;
    session.results.clear();
}

void Sessions::continue_transaction(ServerSession& session, std::int64_t number) {
    refuse_old(session, number);
    if (number > session.txn_number) refuse_unknown(session, number);
    switch (session.state) {
        case ServerSession::State::open:
            return;
        case ServerSession::State::committed:
            refuse_committed(number);
        case ServerSession::State::aborted:
            refuse_aborted(number);
        case ServerSession::State::none:
        case ServerSession::State::retryable:
            break;
    }
    throw CommandError(code::no_such_transaction, "The transaction number was used by a retryable write",
                       {std::string(transient_label)});
}

void Sessions::begin_retryable(ServerSession& session, std::int64_t number) {
    refuse_old(session, number);
    if (number == session.txn_number) {
        if (session.state == ServerSession::State::retryable) return;
        throw CommandError(50768, "The transaction number was used by a transaction of several documents");
    }
    give_up(session);
    session.txn_number = number;
    session.state = ServerSession::State::retryable;
    session.results.clear();
}

void Sessions::commit(ServerSession& session, std::int64_t txn_number) {
    refuse_old(session, txn_number);
    if (txn_number != session.txn_number) refuse_unknown(session, txn_number);
    if (session.state == ServerSession::State::committed) return;
    if (session.state != ServerSession::State::open) refuse_aborted(txn_number);
    storage_.commit(*session.transaction);
    session.transaction.reset();
    session.collections.clear();
    session.state = ServerSession::State::committed;
}

void Sessions::abort(ServerSession& session, std::int64_t txn_number) {
    refuse_old(session, txn_number);
    if (txn_number != session.txn_number) refuse_unknown(session, txn_number);
    if (session.state == ServerSession::State::committed) refuse_committed(txn_number);
    if (session.state != ServerSession::State::open) refuse_aborted(txn_number);
    give_up(session);
}

void Sessions::give_up(ServerSession& session) {
    if (session.state != ServerSession::State::open) return;
    storage_.abort(*session.transaction);
    session.transaction.reset();
    session.collections.clear();
    session.state = ServerSession::State::aborted;
}

bool Sessions::expire() {
    bool any = false;
    for (auto& [key, session] : sessions_) {
        if (session.state == ServerSession::State::open && clock_.steady_now() - session.began >= lifetime_) {
            give_up(session);
            any = true;
        }
    }
    return any;
}

void Sessions::kill(const Object& lsid) {
    const auto found = sessions_.find(key_of(lsid));
    if (found != sessions_.end()) give_up(found->second);
}

void Sessions::kill_all() {
    for (auto& [key, session] : sessions_) give_up(session);
}

bool Sessions::in_use(const std::string& collection) const {
    return std::ranges::any_of(sessions_,
                               [&](const auto& entry) { return entry.second.collections.contains(collection); });
}

std::vector<const ServerSession*> Sessions::open_transactions() const {
    std::vector<const ServerSession*> open;
    for (const auto& [key, session] : sessions_) {
        if (session.state == ServerSession::State::open) open.push_back(&session);
    }
    return open;
}

}  // namespace waybill::testing::mongo

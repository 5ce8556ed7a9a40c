#include "tests/doubles/mongo/engine.hpp"

#include <algorithm>
#include <array>

#include "tests/doubles/mongo/commands.hpp"

namespace waybill::testing::mongo {

namespace {

bool is_not_primary(int code) {
    static constexpr std::array codes = {code::not_writable_primary,
                                         code::not_primary_no_secondary_ok,
                                         code::primary_stepped_down,
                                         code::interrupted_by_step_down,
                                         91,
                                         11600};
    return std::ranges::find(codes, code) != codes.end();
}

// Which labels the server itself would give.
std::vector<std::string> labels_for(int code, bool in_transaction, bool ends_transaction, bool retryable) {
    if (ends_transaction) {
        if (code == code::no_such_transaction) return {std::string(transient_label)};
        if (is_not_primary(code)) return {std::string(retryable_label)};
        return {};
    }
    if (in_transaction) {
        const bool transient = is_not_primary(code) || code == code::write_conflict || code == code::lock_timeout ||
                               code == code::no_such_transaction;
        if (transient) return {std::string(transient_label)};
    }
    if (retryable && is_not_primary(code)) return {std::string(retryable_label)};
    return {};
}

class Waiting {
public:
    explicit Waiting(std::atomic<std::size_t>& count) : count_(count) { ++count_; }
    ~Waiting() { --count_; }
    Waiting(const Waiting&) = delete;
    Waiting& operator=(const Waiting&) = delete;

private:
    std::atomic<std::size_t>& count_;
};

}  // namespace

std::string Call::collection_name() const {
    const auto* collection = command.begin()->value.as<std::string>();
    if (!collection || collection->empty() || collection->find('$') != std::string::npos) {
        throw CommandError(code::invalid_namespace, "Invalid namespace specified for " + name);
    }
    return database + "." + *collection;
}

bool Call::flag(std::string_view field, bool otherwise) const {
    const Value* value = command.find(field);
    if (!value) return otherwise;
    if (!value->is<bool>() && !value->is_number()) {
        throw CommandError(code::type_mismatch, name + "." + std::string(field) + " must be a bool");
    }
    return value->truthy();
}

std::int64_t Call::number(std::string_view field, std::int64_t otherwise) const {
    const Value* value = command.find(field);
    if (!value) return otherwise;
    if (!value->is_number())
        throw CommandError(code::type_mismatch, name + "." + std::string(field) + " must be a number");
    return value->to_int64();
}

Engine::Engine(Clock& clock, const Options& options)
    : clock_(clock),
      options_(options),
      sessions_(storage_, clock, options.transaction_lifetime, options.topology == Topology::standalone),
      started_seconds_(static_cast<std::uint32_t>(to_unix_ms(clock.now()) / 1'000)) {}

Object Engine::run(const Object& command, Client& client) {
    std::unique_lock lock(mutex_);
    try {
        return finish(run_checked(command, client, lock), command);
    } catch (const BadBson& bad) {
        return finish(error_reply(CommandError(code::bad_value, bad.what())), command);
    } catch (CommandError& error) {
        const CommandRow* row = command.empty() ? nullptr : find_command(command.begin()->name);
        const bool ends = row && row->rules.ends_transaction;
        const bool retryable = command.has("txnNumber") && !command.has("autocommit");
        error.labels = labels_for(error.code, command.has("autocommit"), ends, retryable);
        return finish(error_reply(error), command);
    }
}

Object Engine::run_checked(const Object& command, Client& client, std::unique_lock<std::mutex>& lock) {
    if (command.empty()) throw CommandError(code::failed_to_parse, "an empty command");
    if (stopping_) throw CommandError(11600, "interrupted at shutdown");
    const std::string& name = command.begin()->name;
    const CommandRow* row = find_command(name);
    const bool too_new = name == "hello" && options_.wire_version_max < wire_version_4_4;
    if (!row || too_new) throw CommandError(code::command_not_found, "no such command: '" + name + "'");
    const Value* database = command.find("$db");
    if (!database || !database->is<std::string>()) throw CommandError(40414, "BSON field '$db' is missing");
    if (sessions_.expire()) announce_change();
    if (!row->has(on_secondary)) check_primary(command, name);
    Call call{*this, command, name, *database->as<std::string>(), client, {}, lock};
    if (!row->has(before_login)) require_login(call);
    call.taking = sessions_.enter(command, name, row->rules, client.address);
    return execute(call);
}

// Any error inside a transaction ends it; write errors are reported inside the reply.
Object Engine::execute(Call& call) {
    const CommandRow* row = find_command(call.name);
    try {
        check_fields(*row, call.command);
        Object reply = row->handler(call);
        if (call.taking.transaction && reply.has("writeErrors")) {
            sessions_.give_up(*call.taking.session);
            announce_change();
        }
        if (!reply.has("ok")) reply.set("ok", 1.0);
        return reply;
    } catch (...) {
        if (call.taking.transaction) {
            sessions_.give_up(*call.taking.session);
            announce_change();
        }
        throw;
    }
}

void Engine::check_primary(const Object& command, const std::string& name) const {
    if (primary_ || clock_.steady_now() >= primary_again_) return;
    const CommandRow* row = find_command(name);
    const bool reads = row->has(takes_read_concern) && !command.has("autocommit");
    const Value* preference = command.find("$readPreference");
    const auto* object = preference ? preference->as<Object>() : nullptr;
    const Value* mode = object ? object->find("mode") : nullptr;
    const bool primary_only = !mode || *mode == Value("primary");
    if (!reads) throw CommandError(code::not_writable_primary, "not primary");
    if (primary_only) throw CommandError(code::not_primary_no_secondary_ok, "not primary and secondaryOk=false");
}

Object Engine::finish(Object reply, const Object& command) const {
    if (options_.topology == Topology::standalone) return reply;
    if (options_.topology == Topology::sharded && command.has("autocommit")) {
        reply.set("recoveryToken", Object{{"recoveryShardId", "shard0000"}});
    }
    const Timestamp time = operation_time();
    reply.set("$clusterTime",
              Object{{"clusterTime", time},
                     {"signature", Object{{"hash", Binary{0, std::string(20, '\0')}}, {"keyId", std::int64_t{0}}}}});
    reply.set("operationTime", time);
    return reply;
}

Timestamp Engine::operation_time() const {
    return Timestamp{started_seconds_, static_cast<std::uint32_t>(storage_.last_commit())};
}

bool Engine::is_primary() { return primary_ || clock_.steady_now() >= primary_again_; }

void Engine::wait_for_change(Call& call) {
    static constexpr std::chrono::milliseconds poll{5};  // of a clock that a test moves
    const std::uint64_t seen = changes_;
    const std::int64_t max_ms = call.number("maxTimeMS", 0);
    const SteadyTime began = clock_.steady_now();
    const Waiting counted(waiting_);
    while (changes_ == seen) {
        if (stopping_) throw CommandError(11600, "interrupted at shutdown");
        if (!is_primary()) throw CommandError(code::interrupted_by_step_down, "operation was interrupted");
        if (max_ms > 0 && clock_.steady_now() - began >= Milliseconds{max_ms}) {
            throw CommandError(code::max_time_expired, "operation exceeded time limit");
        }
        changed_.wait_for(call.lock, poll);
        if (sessions_.expire()) announce_change();
    }
}

void Engine::announce_change() {
    ++changes_;
    changed_.notify_all();
}

void Engine::restart() {
    const std::lock_guard lock(mutex_);
    sessions_.kill_all();
    cursors_.clear();
    stopping_ = false;
    primary_ = true;
}

void Engine::stop() {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    announce_change();
}

void Engine::step_down(Milliseconds duration) {
    const std::lock_guard lock(mutex_);
    primary_ = false;
    primary_again_ = clock_.steady_now() + duration;
    sessions_.kill_all();
    announce_change();
}

void Engine::step_up() {
    const std::lock_guard lock(mutex_);
    primary_ = true;
}

void Engine::abort_transaction_of(const Object& command) {
    const std::lock_guard lock(mutex_);
    const Value* lsid = command.find("lsid");
    if (!lsid || !lsid->is<Object>() || !command.has("autocommit")) return;
    sessions_.kill(*lsid->as<Object>());
    announce_change();
}

std::size_t Engine::expire_documents() {
    const std::lock_guard lock(mutex_);
    std::size_t deleted = 0;
    for (Collection* collection : storage_.collections_of("")) {
        for (const Index& index : collection->indexes()) {
            if (index.options().expire_after_seconds) deleted += expire_by(*collection, index.options());
        }
    }
    return deleted;
}

std::size_t Engine::expire_by(Collection& collection, const IndexOptions& index) {
    const DateTime before{now().ms - *index.expire_after_seconds * 1'000};
    const Filter old(Object{{index.keys.front().path, Object{{"$lte", before}}}});
    const std::unique_ptr<Transaction> transaction = storage_.begin();
    std::size_t deleted = 0;
    for (const Record* record : collection.candidates(old)) {
        const DocumentPtr document = Storage::visible(*record, *transaction);
        if (!document || record->writer || !old.matches(*document)) continue;
        storage_.write(*transaction, collection, Value(record->id), nullptr, false);
        ++deleted;
    }
    storage_.commit(*transaction);
    return deleted;
}

std::size_t Engine::open_transactions() {
    const std::lock_guard lock(mutex_);
    return sessions_.open_transactions().size();
}

std::vector<Object> Engine::find(const std::string& collection_name, const Object& query) {
    const std::lock_guard lock(mutex_);
    std::vector<Object> found;
    Collection* collection = storage_.find_collection(collection_name);
    if (!collection) return found;
    const Filter filter(query, now());
    const std::unique_ptr<Transaction> reader = storage_.begin();
    for (const Record* record : collection->candidates(filter)) {
        const DocumentPtr document = Storage::visible(*record, *reader);
        if (document && filter.matches(*document)) found.push_back(*document);
    }
    storage_.commit(*reader);
    return found;
}

}  // namespace waybill::testing::mongo

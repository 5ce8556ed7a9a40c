#include "adapters/mongo/connection.hpp"

#include <algorithm>
#include <array>

#include "libmongoc/handles.hpp"

namespace waybill::mongo {

namespace {

constexpr const char* transient_label = "TransientTransactionError";
constexpr const char* unknown_commit_label = "UnknownTransactionCommitResult";

// The cursor's first batch holds all that a transaction reads, so that each find is one command.
constexpr std::int32_t batch_size = 20'000;

// "not primary" and its like: another member answers soon.
constexpr std::array<std::uint32_t, 13> codes_of_a_change{6,     7,     89,    91,    189,   262,  9001,
                                                          10058, 10107, 11600, 11602, 13435, 13436};

constexpr std::array codes_of_a_conflict{code::lock_timeout, code::write_conflict, code::snapshot_unavailable,
                                         code::no_such_transaction};

template <class Codes>
bool is_one_of(std::uint32_t wanted, const Codes& codes) {
    return std::ranges::find(codes, wanted) != codes.end();
}

Trouble trouble_of(const bson_error_t& error, const bson_t* reply) {
    const bool has_no_reply = reply == nullptr || bson_empty(reply);
    if (!has_no_reply && mongoc_error_has_label(reply, unknown_commit_label)) return Trouble::commit_unknown;
    if (error.code == code::duplicate_key) return Trouble::duplicate_key;
    if (!has_no_reply && mongoc_error_has_label(reply, transient_label)) {
        return is_one_of(error.code, codes_of_a_conflict) ? Trouble::conflict : Trouble::away;
    }
    if (error.domain == MONGOC_ERROR_SERVER_SELECTION || error.domain == MONGOC_ERROR_STREAM) return Trouble::away;
    if (error.domain == MONGOC_ERROR_SERVER && is_one_of(error.code, codes_of_a_change)) return Trouble::away;
    return Trouble::refused;
}

[[noreturn]] void raise(const bson_error_t& error, const bson_t* reply) {
    throw MongoError(trouble_of(error, reply), error);
}

// Filled by libmongoc whether a call succeeds or not, and to be destroyed either way.
class Reply {
public:
    Reply() { bson_init(&bson_); }
    Reply(const Reply&) = delete;
    Reply& operator=(const Reply&) = delete;
    ~Reply() { bson_destroy(&bson_); }
    [[nodiscard]] bson_t* get() { return &bson_; }
    [[nodiscard]] Document copy() const { return Document(bson_); }

private:
    bson_t bson_;
};

// A write command can be "ok" and have failed.
void raise_write_errors(const Document& reply) {
    bson_error_t error{};
    error.domain = MONGOC_ERROR_SERVER;
    const View answer(reply);
    Document failed;
    if (answer.has("writeErrors")) {
        const std::vector<Document> errors = answer.documents("writeErrors");
        if (errors.empty()) return;
        failed = errors.front();
    } else if (answer.has("writeConcernError")) {
        failed = answer.document("writeConcernError");
    } else {
        return;
    }
    error.code = static_cast<std::uint32_t>(View(failed).integer_or("code", 0));
    bson_set_error(&error, error.domain, error.code, "%s", View(failed).text_or("errmsg", "a write failed").c_str());
    raise(error, reply.get());
}

using libmongoc::Collection;
using libmongoc::Cursor;

struct TransactionOptions {
    TransactionOptions() : opts(mongoc_transaction_opts_new()) {
        mongoc_read_concern_t* snapshot = mongoc_read_concern_new();
        mongoc_read_concern_set_level(snapshot, MONGOC_READ_CONCERN_LEVEL_SNAPSHOT);
        mongoc_transaction_opts_set_read_concern(opts, snapshot);
        mongoc_read_concern_destroy(snapshot);

        mongoc_write_concern_t* durable = mongoc_write_concern_new();
        mongoc_write_concern_set_wmajority(durable, 0);
        mongoc_write_concern_set_journal(durable, true);
        mongoc_transaction_opts_set_write_concern(opts, durable);
        mongoc_write_concern_destroy(durable);

        mongoc_read_prefs_t* primary = mongoc_read_prefs_new(MONGOC_READ_PRIMARY);
        mongoc_transaction_opts_set_read_prefs(opts, primary);
        mongoc_read_prefs_destroy(primary);
    }
    TransactionOptions(const TransactionOptions&) = delete;
    TransactionOptions& operator=(const TransactionOptions&) = delete;
    ~TransactionOptions() { mongoc_transaction_opts_destroy(opts); }
    mongoc_transaction_opt_t* opts;
};

}  // namespace

std::string MongoError::reason() const {
    const bool is_of_the_server = domain_ == MONGOC_ERROR_SERVER || domain_ == MONGOC_ERROR_WRITE_CONCERN;
    if (is_of_the_server) return "the server answered with code " + std::to_string(code_);
    return what();
}

Connection::Connection(mongoc_client_pool_t* pool, mongoc_client_t* client, const std::string& database)
    : client_(client, ReturnToPool{pool}), session_(nullptr), database_(&database) {}

// ---- transactions

void Connection::start_session() {
    if (session_) return;
    mongoc_session_opt_t* opts = mongoc_session_opts_new();
    mongoc_session_opts_set_causal_consistency(opts, false);
    bson_error_t error{};
    session_.reset(mongoc_client_start_session(client_.get(), opts, &error));
    mongoc_session_opts_destroy(opts);
    if (!session_) raise(error, nullptr);
}

void Connection::start_transaction() {
    const TransactionOptions options;
    bson_error_t error{};
    if (!mongoc_client_session_start_transaction(session_.get(), options.opts, &error)) raise(error, nullptr);
}

void Connection::commit() {
    Reply reply;
    bson_error_t error{};
    if (mongoc_client_session_commit_transaction(session_.get(), reply.get(), &error)) return;
    const Trouble trouble = trouble_of(error, reply.get());
    // Without the label of the server, a lost connection leaves the commit open.
    const bool is_undone = mongoc_error_has_label(reply.get(), transient_label);
    throw MongoError(trouble == Trouble::away && !is_undone ? Trouble::commit_unknown : trouble, error);
}

void Connection::abort() noexcept {
    if (!in_transaction()) return;
    // What cannot be said to the server it finds out itself: the transaction is never committed.
    bson_error_t error{};
    (void)mongoc_client_session_abort_transaction(session_.get(), &error);
}

bool Connection::in_transaction() const { return session_ && mongoc_client_session_in_transaction(session_.get()); }

// ---- commands

Document Connection::options_of_a_read() const {
    if (!in_transaction()) return doc("readConcern", doc("level", "majority"));
    Document options;
    bson_error_t error{};
    if (!mongoc_client_session_append(session_.get(), options.get(), &error)) raise(error, nullptr);
    return options;
}

void Connection::drain(mongoc_cursor_t* cursor, const std::function<void(const View&)>& take) const {
    const bson_t* found = nullptr;
    while (mongoc_cursor_next(cursor, &found)) take(View(*found));
    bson_error_t error{};
    const bson_t* reply = nullptr;
    if (mongoc_cursor_error_document(cursor, &error, &reply)) raise(error, reply);
}

void Connection::each(const char* collection, const Document& filter, const FindOptions& options,
                      const std::function<void(const View&)>& take) {
    Document settings = options_of_a_read();
    bson_append_int32(settings.get(), "batchSize", -1, batch_size);
    if (options.skip > 0) settings.put("skip", options.skip);
    if (options.limit > 0) settings.put("limit", options.limit);
    if (!bson_empty(options.sort.get())) settings.put("sort", options.sort);
    if (!bson_empty(options.fields.get())) settings.put("projection", options.fields);
    const Collection target(mongoc_client_get_collection(client_.get(), database_->c_str(), collection));
    const Cursor cursor(mongoc_collection_find_with_opts(target.get(), filter.get(), settings.get(), nullptr));
    drain(cursor.get(), take);
}

void Connection::aggregate(const char* collection, const std::vector<Document>& pipeline,
                           const std::function<void(const View&)>& take) {
    const Document settings = options_of_a_read();
    const Collection target(mongoc_client_get_collection(client_.get(), database_->c_str(), collection));
    const Cursor cursor(mongoc_collection_aggregate(target.get(), MONGOC_QUERY_NONE, doc("pipeline", pipeline).get(),
                                                    settings.get(), nullptr));
    drain(cursor.get(), take);
}

Document Connection::write(const Document& command) {
    Document options;
    bson_error_t error{};
    if (!mongoc_client_session_append(session_.get(), options.get(), &error)) raise(error, nullptr);
    Reply reply;
    const bool done = mongoc_client_write_command_with_opts(client_.get(), database_->c_str(), command.get(),
                                                            options.get(), reply.get(), &error);
    if (!done) raise(error, reply.get());
    Document answer = reply.copy();
    raise_write_errors(answer);
    return answer;
}

Document Connection::run_alone(const Document& command, Durability durability) {
    Document concern = durability == Durability::majority ? doc("w", "majority", "j", true) : doc();
    if (durability == Durability::advisory) bson_append_int32(concern.get(), "w", -1, 1);
    const Document options = doc("writeConcern", concern);
    Reply reply;
    bson_error_t error{};
    const bool done = mongoc_client_write_command_with_opts(client_.get(), database_->c_str(), command.get(),
                                                            options.get(), reply.get(), &error);
    if (!done) raise(error, reply.get());
    Document answer = reply.copy();
    raise_write_errors(answer);
    return answer;
}

Document Connection::run_on_admin(const Document& command) {
    Reply reply;
    bson_error_t error{};
    const bool done = mongoc_client_command_simple(client_.get(), "admin", command.get(), nullptr, reply.get(), &error);
    if (!done) raise(error, reply.get());
    return reply.copy();
}

Document Connection::hello() {
    try {
        return run_on_admin(doc("hello", 1));
    } catch (const MongoError& error) {
        if (error.code() != code::command_not_found) throw;
        return run_on_admin(doc("isMaster", 1));
    }
}

}  // namespace waybill::mongo

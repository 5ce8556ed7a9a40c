#include "adapters/mongo/mongo_store.hpp"

#include "adapters/mongo/rows.hpp"
#include "adapters/mongo/schema.hpp"

namespace waybill::mongo {

namespace {

constexpr int open_tries_max = 20;
constexpr Milliseconds open_pause{250};

// Another process makes the same indexes, or the members are choosing a primary.
bool passes_soon(const MongoError& error) {
    return error.code() == code::conflicting_operation ||
           (error.trouble() == Trouble::away && error.domain() == MONGOC_ERROR_SERVER);
}

}  // namespace

MongoStore::MongoStore(const MongoOptions& options, std::unique_ptr<ConnectionPool> pool, Clock& clock, Log& log)
    : options_(options),
      clock_(clock),
      log_(log),
      pool_(std::move(pool)),
      transactions_(options_, *pool_, clock, log) {}

Result<std::unique_ptr<MongoStore>> MongoStore::open(const MongoOptions& options, Clock& clock, Log& log) {
    Result<std::unique_ptr<ConnectionPool>> pool = ConnectionPool::make(options);
    if (!pool) return std::unexpected(pool.error());
    auto store = std::make_unique<MongoStore>(options, *std::move(pool), clock, log);
    if (Result<void> prepared = store->prepare(); !prepared) return std::unexpected(prepared.error());
    return store;
}

Result<std::unique_ptr<Store>> open_mongo_store(const MongoOptions& options, Clock& clock, Log& log) {
    Result<std::unique_ptr<MongoStore>> store = MongoStore::open(options, clock, log);
    if (!store) return std::unexpected(store.error());
    return std::unique_ptr<Store>(*std::move(store));
}

Result<void> MongoStore::prepare() {
    Result<Connection> connection = pool_->take();
    if (!connection) return std::unexpected(connection.error());
    for (int tries = 1;; ++tries) {
        try {
            const Document hello = connection->hello();
            if (Result<void> usable = check_deployment(hello, pool_->hosts()); !usable) return usable;
            (void)transactions_.time().now(*connection);  // asked for before the first order
            return prepare_schema(*connection, options_);
        } catch (const MongoError& error) {
            if (tries < open_tries_max && passes_soon(error)) {
                clock_.sleep_for(open_pause);
                continue;
            }
            // The sentence for the person is in the result.
            log_.write(LogLevel::debug, "store-not-opened",
                       {{"hosts", pool_->hosts()}, {"code", std::to_string(error.code())}, {"reason", error.reason()}});
            return fail(ErrorCode::unavailable, why_not_opened(error, options_, pool_->hosts()));
        }
    }
}

// Without repeats: the question is whether it answers now.
Result<void> MongoStore::ping() {
    Result<Connection> connection = pool_->take();
    if (!connection) return std::unexpected(connection.error());
    try {
        connection->each(collection::meta, by_id(schema_id), {.limit = 1}, [](const View&) {});
        return {};
    } catch (const MongoError& error) {
        return std::unexpected(transactions_.report(error));
    }
}

}  // namespace waybill::mongo

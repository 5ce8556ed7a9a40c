#include <mongoc/mongoc.h>

#include <atomic>
#include <cstdlib>
#include <unistd.h>

#include "adapters/mongo/mongo.hpp"
#include "adapters/sqlite/sqlite.hpp"
#include "tests/contract/store_contract.hpp"
#include "tests/doubles/mongo/mongo_double.hpp"
#include "tests/support/memory_store.hpp"
#include "tests/support/recording_log.hpp"
#include "tests/support/temporary_directory.hpp"

namespace waybill::testing {

namespace {

OpenStore open_memory(Clock& clock) { return {nullptr, std::make_unique<MemoryStore>(clock)}; }

struct SqliteBase {
    TemporaryDirectory directory;
    RecordingLog log;
};

OpenStore open_sqlite(Clock& clock) {
    auto base = std::make_shared<SqliteBase>();
    sqlite::SqliteOptions options;
    options.data_dir = base->directory.path();
    auto store = must(sqlite::open_sqlite_store(options, clock, base->log));
    return {std::move(base), std::move(store)};
}

// Against the double, which reports the test's own time.
struct MongoBase {
    explicit MongoBase(Clock& clock) : server(clock) {}
    MongoDouble server;
    RecordingLog log;
};

OpenStore open_mongo_double(Clock& clock) {
    auto base = std::make_shared<MongoBase>(clock);
    waybill::mongo::MongoOptions options;
    options.uri = base->server.uri();
    auto store = must(waybill::mongo::open_mongo_store(options, clock, base->log));
    return {std::move(base), std::move(store)};
}

// A database of its own on a real server, dropped at the end.
class RealMongoBase {
public:
    RealMongoBase(std::string uri, std::string database) : uri_(std::move(uri)), database_(std::move(database)) {}
    RealMongoBase(const RealMongoBase&) = delete;
    RealMongoBase& operator=(const RealMongoBase&) = delete;
    ~RealMongoBase() {
        mongoc_client_t* client = mongoc_client_new(uri_.c_str());
        if (client == nullptr) return;
        mongoc_database_t* database = mongoc_client_get_database(client, database_.c_str());
        mongoc_database_drop(database, nullptr);
        mongoc_database_destroy(database);
        mongoc_client_destroy(client);
    }
    RecordingLog log;

private:
    std::string uri_;
    std::string database_;
};

OpenStore open_real_mongo(Clock& clock, const std::string& uri) {
    static std::atomic<int> opened = 0;
    waybill::mongo::MongoOptions options;
    options.uri = uri;
    options.database = "waybill_test_" + std::to_string(getpid()) + "_" + std::to_string(++opened);
    // The server's time is not the test's, and must not end what the test has stored.
    options.time_source = waybill::mongo::TimeSource::given_clock;
    options.idempotency_ttl = std::chrono::hours{24 * 3'650};
    options.session_ttl = std::chrono::hours{24 * 3'650};
    auto base = std::make_shared<RealMongoBase>(uri, options.database);
    auto store = must(waybill::mongo::open_mongo_store(options, clock, base->log));
    return {std::move(base), std::move(store)};
}

OpenStore open_mongo(Clock& clock) {
    const char* uri = std::getenv("MONGO_URI");
    return uri == nullptr ? open_mongo_double(clock) : open_real_mongo(clock, uri);
}

}  // namespace

std::vector<StoreFactory> every_store() {
    return {{"memory", open_memory}, {"sqlite", open_sqlite}, {"mongo", open_mongo}};
}

}  // namespace waybill::testing

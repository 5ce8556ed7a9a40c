#include "adapters/sqlite/sqlite.hpp"
#include "tests/contract/store_contract.hpp"
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

}  // namespace

std::vector<StoreFactory> every_store() { return {{"memory", open_memory}, {"sqlite", open_sqlite}}; }

}  // namespace waybill::testing

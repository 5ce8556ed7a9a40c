#include <filesystem>
#include <stdexcept>

#include "adapters/sqlite/sqlite.hpp"
#include "tests/simulation/world.hpp"
#include "tests/support/memory_store.hpp"
#include "tests/support/temporary_directory.hpp"

namespace waybill::simulation {

struct Warehouse::Folder {
    testing::TemporaryDirectory directory;
};

Warehouse::Warehouse(const Options& options, Stage& stage) : clock_(stage.time, options.seed) {
    if (options.store == StoreChoice::memory) {
        store_ = std::make_unique<testing::MemoryStore>(clock_);
        return;
    }
    folder_ = std::make_unique<Folder>();
    sqlite::SqliteOptions sqlite_options;
    sqlite_options.data_dir = folder_->directory.path();
    sqlite_options.journal_half_bytes = 1u << 20;
    auto opened = sqlite::open_sqlite_store(sqlite_options, clock_, log_);
    if (!opened) throw std::runtime_error(opened.error().detail);
    store_ = std::move(*opened);
}

Warehouse::~Warehouse() = default;

}  // namespace waybill::simulation

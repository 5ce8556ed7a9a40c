// Moving in: reads the database of an older system and puts its rows into the store. It may be repeated:
// what the store has stays as it is.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "app/passwords.hpp"
#include "domain/moving_in.hpp"
#include "ports/clock.hpp"
#include "ports/legacy_source.hpp"
#include "ports/store.hpp"

namespace waybill {

inline constexpr std::size_t remarks_listed_max = 20;               // of each kind
inline constexpr std::size_t import_orders_max = 100;               // of one transaction, since they have lines
inline constexpr std::size_t import_items_held_max = 5'000'000;     // lines of orders, in memory
inline constexpr std::size_t import_rows_held_max = 10'000'000;     // what else must be remembered: a GB or two
inline constexpr std::int64_t import_documents_per_progress = 500;  // between two calls of on_progress

// Orders that the old system has not finished. `refuse`: nothing at all is imported while there are any.
enum class PendingOrders : std::uint8_t { refuse, process, fail };

struct ImportProgress {
    std::string collection;
    std::int64_t documents = 0;
    std::int64_t about = 0;  // how many there are
    bool is_look = false;    // nothing is written yet
};

struct ImportOptions {
    std::optional<LegacySystem> system;  // empty: by the names of the collections
    Currency currency;
    std::string location;
    PendingOrders pending = PendingOrders::refuse;
    bool dry_run = false;
    PasswordCost password_cost;
    std::size_t rows_held_max = import_rows_held_max;
    std::function<void(const ImportProgress&)> on_progress{};
};

struct RemarkList {
    std::int64_t count = 0;
    std::vector<std::string> details;  // the first of them
};

// read = imported + unchanged + skipped.
struct CollectionReport {
    std::string name;
    std::int64_t read = 0;
    std::int64_t imported = 0;
    std::int64_t unchanged = 0;  // the store has it, or what became of it
    std::int64_t skipped = 0;
    std::map<std::string, RemarkList> skips{};    // by reason
    std::map<std::string, RemarkList> remarks{};  // of what was imported, by kind
};

struct ImportReport {
    LegacySystem system = LegacySystem::a;
    std::vector<CollectionReport> collections;
    std::int64_t pending = 0;
    bool was_refused = false;  // because of them
    bool was_written = false;
    [[nodiscard]] std::int64_t skipped() const;
};

// Errors: validation_failed (what to read, or where stock lies, is not clear), unavailable and the others of
// the store: what was put in until then stays, and the next run goes on.
[[nodiscard]] Result<ImportReport> import_legacy(const ImportOptions& options, LegacySource& source, Store& store,
                                                 Clock& clock);

}  // namespace waybill

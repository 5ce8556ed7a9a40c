// Figures, and the removal of what has outlived its time.
#include <algorithm>

#include "adapters/mongo/mongo_store.hpp"
#include "adapters/mongo/rows.hpp"

namespace waybill::mongo {

namespace {

// Removes the oldest, at most `max`.
std::int64_t remove_before(Transaction& transaction, const char* collection, const char* field, TimePoint before,
                           std::size_t max) {
    if (max == 0) return 0;
    const std::vector<std::string> ids = transaction.find(
        collection, doc(field, doc("$lt", before)), {.sort = doc(field, 1), .limit = max, .fields = doc("_id", 1)},
        [](const View& found) { return found.text("_id"); });
    if (ids.empty()) return 0;
    return transaction.remove_where(collection, by_ids(ids));
}

Document count_of_all() { return doc("$group", doc("_id", null, "count", doc("$sum", 1))); }

}  // namespace

Result<StoreStats> MongoStore::stats() {
    return transactions_.read([&](Connection& connection) {
        const TimePoint now = transactions_.time().now(connection);
        StoreStats stats;
        for (const WorkKind kind : {WorkKind::process_order, WorkKind::send_mail}) {
            const Document figures = doc("_id", null, "count", doc("$sum", 1), "oldest", doc("$min", "$created_at"));
            WorkDepth& depth = stats.work[kind];
            connection.aggregate(collection::work,
                                 array(doc("$match", doc("kind", to_text(kind))), doc("$group", figures)),
                                 [&](const View& found) {
                                     depth.count = found.integer("count");
                                     depth.oldest_age = std::max(now - found.time("oldest"), Milliseconds{0});
                                 });
        }
        connection.aggregate(collection::dead_letters, array(count_of_all()),
                             [&](const View& found) { stats.dead_letters = found.integer("count"); });
        return stats;
    });
}

Result<SweepCounts> MongoStore::sweep(const Retention& retention, std::size_t max) {
    return transactions_.run(Lane::none, [&](Transaction& transaction) -> Result<SweepCounts> {
        const TimePoint now = transaction.now;
        SweepCounts counts;
        counts.idempotency_records =
            remove_before(transaction, collection::idempotency, "created_at", now - retention.idempotency_keep, max);
        counts.sessions = remove_before(transaction, collection::sessions, "expires_at", now, max);
        counts.dead_letters =
            remove_before(transaction, collection::dead_letters, "created_at", now - retention.dead_letter_keep, max);
        counts.password_resets = remove_before(transaction, collection::password_resets, "expires_at", now, max);
        return counts;
    });
}

}  // namespace waybill::mongo

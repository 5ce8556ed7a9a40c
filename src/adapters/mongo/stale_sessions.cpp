#include "adapters/mongo/stale_sessions.hpp"

namespace waybill::mongo {

namespace {

constexpr std::int64_t idle_max_us = std::chrono::microseconds(transaction_idle_max).count();

// What killSessions takes: the id alone means a session of our own user.
std::vector<Document> find_stale(Connection& connection) {
    // One reply holds them all: whoever has more idle transactions than this looks again.
    const Document reply = connection.run_on_admin(
        doc("aggregate", 1, "pipeline",
            array(doc("$currentOp", doc("allUsers", false, "idleSessions", true)),
                  doc("$match", doc("active", false, "transaction.timeInactiveMicros", doc("$gt", idle_max_us)))),
            "cursor", doc("batchSize", 1'000)));
    std::vector<Document> ids;
    for (const Document& found : View(View(reply).document("cursor")).documents("firstBatch")) {
        ids.push_back(View(View(found).document("lsid")).only("id"));
    }
    return ids;
}

}  // namespace

void StaleSessions::end_them(Connection& connection) {
    if (!may_look()) return;
    try {
        const std::vector<Document> ids = find_stale(connection);
        // An empty list would end every session of our user.
        if (ids.empty()) return;
        (void)connection.run_on_admin(doc("killSessions", ids));
        log_.write(LogLevel::warn, "store-stale-sessions-ended", {{"count", std::to_string(ids.size())}});
    } catch (const MongoError& error) {
        log_.write(LogLevel::warn, "store-stale-sessions-not-ended", {{"reason", error.reason()}});
    }
}

bool StaleSessions::may_look() {
    const std::lock_guard lock(mutex_);
    const SteadyTime now = clock_.steady_now();
    if (looked_at_ && now - *looked_at_ < conflicts_patience) return false;
    looked_at_ = now;
    return true;
}

}  // namespace waybill::mongo

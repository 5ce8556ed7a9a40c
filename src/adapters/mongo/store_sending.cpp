// Work items on their way through a queue.
#include <algorithm>
#include <iterator>

#include "adapters/mongo/mongo_store.hpp"
#include "adapters/mongo/order_steps.hpp"

namespace waybill::mongo {

namespace {

// A message may be late by this much before its resend time counts as one of a clock set back.
constexpr Milliseconds resend_slack{1'000};

// What may be sent at one moment.
struct Sendable {
    TimePoint now;
    TimePoint ahead;   // due times and leases beyond it are those of a clock set back
    TimePoint resend;  // the same for resend times

    // Sent, and past the time to send again.
    [[nodiscard]] std::vector<Document> unanswered() const {
        return array(doc("state", to_word(WorkState::sent), "ready_at", doc("$lte", now)),
                     doc("state", to_word(WorkState::sent), "ready_at", doc("$gt", resend)));
    }

    // Due, or claimed by a worker that is gone while its message may be gone too.
    [[nodiscard]] std::vector<Document> unsent() const {
        return array(unsent_where(doc("$lte", now)), unsent_where(doc("$gt", ahead)));
    }

private:
    [[nodiscard]] Document unsent_where(const Document& ready) const {
        return doc("kind", to_text(WorkKind::process_order), "ready_at", ready, "state",
                   doc("$ne", to_word(WorkState::sent)), "$or",
                   array(doc("state", to_word(WorkState::due)), doc("resend_at", null),
                         doc("resend_at", doc("$lte", now)), doc("resend_at", doc("$gt", resend))));
    }
};

std::vector<WorkItem> find_items(Transaction& transaction, const std::vector<Document>& any_of, std::size_t max) {
    if (max == 0) return {};
    return transaction.find(collection::work, doc("$or", any_of),
                            {.sort = doc("ready_at", 1, "created_at", 1), .limit = max}, read_work_item);
}

std::size_t count_sent(Transaction& transaction, std::size_t enough) {
    std::int64_t count = 0;
    transaction.aggregate(collection::work,
                          array(doc("$match", doc("state", to_word(WorkState::sent))), doc("$limit", enough),
                                doc("$group", doc("_id", null, "count", doc("$sum", 1)))),
                          [&](const View& found) { count = found.integer("count"); });
    return static_cast<std::size_t>(count);
}

std::vector<SentWork> mark(Transaction& transaction, const std::vector<WorkItem>& items, TimePoint resend_at) {
    Updates updates;
    std::vector<SentWork> marked;
    for (const WorkItem& item : items) {
        const int attempts_more = item.state == WorkState::claimed ? 1 : 0;
        updates.add(item.id.text, doc(),
                    doc("$set", doc("state", to_word(WorkState::sent), "ready_at", resend_at, "resend_at", resend_at),
                        "$inc", doc("send_number", 1, "attempts", attempts_more)));
        marked.push_back({item.id, item.order_id, item.send_number + 1, item.trace});
    }
    transaction.update(collection::work, updates);
    return marked;
}

}  // namespace

Result<std::vector<SentWork>> MongoStore::mark_sent(std::size_t max, std::size_t window, Milliseconds resend_after) {
    const auto sendable_at = [&](TimePoint now) {
        return Sendable{now, now + options_.lease_ahead_max, now + resend_after + resend_slack};
    };
    // Looking first keeps an idle relay from transactions.
    const Result<bool> is_idle = transactions_.read([&](Connection& connection) {
        const Sendable sendable = sendable_at(transactions_.time().now(connection));
        std::vector<Document> any_of = sendable.unanswered();
        std::ranges::move(sendable.unsent(), std::back_inserter(any_of));
        return connection
            .find(collection::work, doc("$or", any_of), {.limit = 1, .fields = doc("_id", 1)},
                  [](const View&) { return true; })
            .empty();
    });
    if (!is_idle) return std::unexpected(is_idle.error());
    if (*is_idle || max == 0) return std::vector<SentWork>{};

    const std::size_t count = std::min(max, elements_per_transaction_max);
    return transactions_.run(Lane::claims, [&](Transaction& transaction) -> Result<std::vector<SentWork>> {
        const Sendable sendable = sendable_at(transaction.now);
        const std::size_t sent = window == 0 ? 0 : count_sent(transaction, window);
        const std::size_t places = window - sent;
        const std::vector<WorkItem> again = find_items(transaction, sendable.unanswered(), count);
        const std::vector<WorkItem> fresh = find_items(transaction, sendable.unsent(), std::min(count, places));
        std::vector<WorkItem> items;
        std::ranges::merge(again, fresh, std::back_inserter(items), {}, &WorkItem::ready_at, &WorkItem::ready_at);
        items.resize(std::min(items.size(), count));
        if (items.empty()) return std::vector<SentWork>{};

        // Two relays at once would each fill the window: all rounds meet here.
        const std::int64_t met =
            transaction.update_where(collection::meta, by_id(relay_id), doc("$inc", doc("rounds", 1)));
        require(met == 1, "the document of the relays is not there");
        return mark(transaction, items, transaction.now + resend_after);
    });
}

Result<void> MongoStore::return_unsent(std::span<const SentWork> items) {
    if (items.empty()) return {};
    return transactions_.run(Lane::none, [&](Transaction& transaction) -> Result<void> {
        std::vector<Document> statements;
        for (const SentWork& item : items) {
            statements.push_back(doc(
                "q", doc("_id", item.work_id, "state", to_word(WorkState::sent), "send_number", item.send_number), "u",
                doc("$set", doc("state", to_word(WorkState::due), "ready_at", transaction.now), "$unset",
                    doc("resend_at", true))));
        }
        transaction.apply(collection::work, statements);
        return {};
    });
}

}  // namespace waybill::mongo

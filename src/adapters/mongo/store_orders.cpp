// Orders: find, list, cancel. Placing is in store_placing.cpp.
#include "adapters/mongo/mongo_store.hpp"
#include "adapters/mongo/order_steps.hpp"

namespace waybill::mongo {

Result<Order> MongoStore::cancel_order(const OrderId& id, const std::optional<UserId>& owner) {
    return transactions_.run(Lane::stock, [&](Transaction& transaction) -> Result<Order> {
        std::optional<Order> order = transaction.find_one(collection::orders, by_id(id.text), read_order);
        if (!order || (owner && order->user_id != *owner)) {
            return fail(ErrorCode::not_found, "There is no such order.");
        }
        if (order->status == OrderStatus::cancelled) return *std::move(order);
        if (!may_become(order->status, OrderStatus::cancelled)) {
            return fail(ErrorCode::invalid_transition, "The order can no longer be cancelled.");
        }
        Endings endings(transaction);
        endings.remove_work(process_work_id(id));
        endings.finish(*order, OrderStatus::cancelled, {});
        endings.write();
        return *std::move(order);
    });
}

Result<std::optional<Order>> MongoStore::find_order(const OrderId& id) {
    return transactions_.read([&](Connection& connection) -> std::optional<Order> {
        auto found = connection.find(collection::orders, by_id(id.text), {.limit = 1}, read_order);
        if (found.empty()) return std::nullopt;
        return std::move(found.front());
    });
}

Result<std::vector<Order>> MongoStore::list_orders(const OrderFilter& filter, const std::optional<PageKey>& after,
                                                   std::size_t limit) {
    if (limit == 0) return std::vector<Order>{};
    Document where;
    where.put("user_id", filter.user_id);
    if (filter.status) {
        where.put("status", to_text(*filter.status));
    } else if (!filter.user_id) {
        // Every status has its own run of the index, in the order of the list.
        std::vector<std::string> all;
        for (const OrderStatus status : {OrderStatus::pending, OrderStatus::processing, OrderStatus::processed,
                                         OrderStatus::failed, OrderStatus::cancelled}) {
            all.emplace_back(to_text(status));
        }
        where.put("status", doc("$in", all));
    }
    put_page(where, after);
    return transactions_.read([&](Connection& connection) {
        return connection.find(collection::orders, where, {.sort = newest_first(), .limit = limit}, read_order);
    });
}

}  // namespace waybill::mongo

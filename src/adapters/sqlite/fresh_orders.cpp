#include "adapters/sqlite/fresh_orders.hpp"

#include <algorithm>
#include <iterator>

namespace waybill::sqlite {

namespace {

// Products and places that are kept although nothing is taken of them: the popular ones come again.
constexpr std::size_t idle_stock_max = 65'536;

}  // namespace

FreshOrder FreshOrders::View::find(const OrderId& id) const {
    const auto found = orders_.by_id_.find(id.text);
    return found == orders_.by_id_.end() ? nullptr : *found->second;
}

FreshOrder FreshOrders::View::find(const UserId& user_id, const std::string& key) const {
    const auto found = orders_.by_key_.find(Names{user_id.text, key});
    return found == orders_.by_key_.end() ? nullptr : *found->second;
}

std::int64_t FreshOrders::View::taken(const ProductId& id, const std::string& location, std::uint64_t absorbed) const {
    const auto found = orders_.taken_.find(Names{id.text, location});
    if (found == orders_.taken_.end()) return 0;
    // Those that leave may be in the tables already: they go there all at once.
    const bool leaving_are_there =
        orders_.leaving_ > 0 && orders_.orders_[orders_.leaving_ - 1].fresh->sequence <= absorbed;
    return found->second.waiting + (leaving_are_there ? 0 : found->second.leaving);
}

void FreshOrders::publish(const std::vector<FreshOrder>& orders) {
    if (orders.empty()) return;
    {
        const std::unique_lock lock(mutex_);
        for (const FreshOrder& fresh : orders) {
            const Order& order = fresh->order;
            Entry& entry = orders_.emplace_back(fresh);
            by_id_.emplace(order.id.text, &entry.fresh);
            if (fresh->idempotency) by_key_.emplace(Names{order.user_id.text, fresh->idempotency->key}, &entry.fresh);
            entry.taken.reserve(order.lines.size());
            for (const OrderLine& line : order.lines) {
                entry.taken.push_back(&taken_of(line.product_id, order.location));
                entry.taken.back()->waiting += line.quantity;
            }
            entry.of_user = &by_user_[order.user_id];
            ++entry.of_user->orders;
            entry.of_user->newest = fresh->sequence;
        }
        published_ = orders.back()->sequence;
    }
    changed_.notify_all();
}

FreshOrders::Taken& FreshOrders::taken_of(const ProductId& id, const std::string& location) {
    const auto found = taken_.find(Names{id.text, location});
    return found != taken_.end() ? found->second : taken_[{id, location}];
}

std::vector<FreshOrder> FreshOrders::next(std::size_t max, Milliseconds linger, const std::stop_token& stop) {
    std::unique_lock lock(mutex_);
    if (!changed_.wait(lock, stop, [&] { return !orders_.empty(); })) return {};
    const auto shall_leave = [&] { return leaving_ > 0 || orders_.size() >= max || waiting_ > 0; };
    if (!changed_.wait_for(lock, stop, linger, shall_leave) && stop.stop_requested()) return {};
    // A group that did not reach the tables is tried again as it was.
    const bool is_new = leaving_ == 0;
    if (is_new) leaving_ = std::min(max, orders_.size());
    std::vector<FreshOrder> group;
    group.reserve(leaving_);
    for (std::size_t i = 0; i < leaving_; ++i) {
        const auto& [fresh, taken, _] = orders_[i];
        group.push_back(fresh);
        for (std::size_t line = 0; is_new && line < taken.size(); ++line) {
            taken[line]->waiting -= fresh->order.lines[line].quantity;
            taken[line]->leaving += fresh->order.lines[line].quantity;
        }
    }
    return group;
}

void FreshOrders::absorbed() {
    std::vector<FreshOrder> gone;
    {
        const std::unique_lock lock(mutex_);
        stuck_.reset();
        gone.reserve(leaving_);
        for (; leaving_ > 0; --leaving_) {
            forget(orders_.front());
            absorbed_ = orders_.front().fresh->sequence;
            gone.push_back(std::move(orders_.front().fresh));
            orders_.pop_front();
        }
        if (taken_.size() > idle_stock_max) {
            std::erase_if(taken_, [](const auto& of) { return of.second.waiting == 0 && of.second.leaving == 0; });
        }
    }
    changed_.notify_all();
}

void FreshOrders::forget(const Entry& entry) {
    const auto& [fresh, taken, of_user] = entry;
    const Order& order = fresh->order;
    by_id_.erase(order.id.text);
    if (fresh->idempotency) by_key_.erase(Names{order.user_id.text, fresh->idempotency->key});
    for (std::size_t line = 0; line < taken.size(); ++line) taken[line]->leaving -= order.lines[line].quantity;
    if (--of_user->orders == 0) by_user_.erase(order.user_id);
}

std::uint64_t FreshOrders::newest() const {
    const std::shared_lock lock(mutex_);
    return orders_.empty() ? 0 : published_;
}

std::uint64_t FreshOrders::newest_of(const UserId& user_id) const {
    const std::shared_lock lock(mutex_);
    const auto found = by_user_.find(user_id);
    return found == by_user_.end() ? 0 : found->second.newest;
}

std::size_t FreshOrders::size() const {
    const std::shared_lock lock(mutex_);
    return orders_.size();
}

template <class IsReached>
Result<void> FreshOrders::wait_for(Milliseconds wait, IsReached is_reached) const {
    std::shared_lock lock(mutex_);
    if (is_reached()) return {};
    // Under the lock, so that next() either sees it or hears of it.
    ++waiting_;
    changed_.notify_all();
    const bool has_ended = changed_.wait_for(lock, wait, [&] { return is_reached() || stuck_; });
    --waiting_;
    if (is_reached()) return {};
    if (has_ended) return fail(*stuck_);
    return fail(ErrorCode::unavailable, "The store is too far behind with the orders that were placed.");
}

Result<void> FreshOrders::wait_for_room(std::size_t max, Milliseconds wait) const {
    return wait_for(wait, [&] { return orders_.size() <= max && !stuck_; });
}

Result<void> FreshOrders::wait_until_absorbed(std::uint64_t sequence, Milliseconds wait) const {
    return wait_for(wait, [&] { return absorbed_ >= sequence; });
}

void FreshOrders::stuck(const Error& why) {
    {
        const std::unique_lock lock(mutex_);
        stuck_ = why;
    }
    changed_.notify_all();
}

bool FreshOrders::wait_for_stop(Milliseconds wait, const std::stop_token& stop) const {
    std::shared_lock lock(mutex_);
    (void)changed_.wait_for(lock, stop, wait, [] { return false; });
    return stop.stop_requested();
}

}  // namespace waybill::sqlite

// The orders that are durable in the journal but not in the tables yet. Whoever reads the tables asks
// here what they lack.
//
// Orders leave in the order in which they came, in groups. Each state of the tables names the last
// order that it holds (`absorbed`), so that a decision made on one such state knows which of these it
// has to add, whatever is committed meanwhile.
#pragma once

#include <boost/unordered/unordered_flat_map.hpp>

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <shared_mutex>
#include <stop_token>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "adapters/sqlite/order_journal.hpp"
#include "domain/error.hpp"
#include "domain/time.hpp"

namespace waybill::sqlite {

using FreshOrder = std::shared_ptr<const JournaledOrder>;

// Thread-safe.
class FreshOrders {
public:
    // While it lives nothing comes and nothing goes. Keep it short.
    class View {
    public:
        explicit View(const FreshOrders& orders) : lock_(orders.mutex_), orders_(orders) {}
        [[nodiscard]] FreshOrder find(const OrderId& id) const;
        [[nodiscard]] FreshOrder find(const UserId& user_id, const std::string& key) const;

        // What a state of the tables that ends with order `absorbed` still counts as available.
        [[nodiscard]] std::int64_t taken(const ProductId& id, const std::string& location,
                                         std::uint64_t absorbed) const;

    private:
        std::shared_lock<std::shared_mutex> lock_;
        const FreshOrders& orders_;
    };

    explicit FreshOrders(std::uint64_t absorbed) : published_(absorbed), absorbed_(absorbed) {}

    void publish(const std::vector<FreshOrder>& orders);

    // The oldest, at most `max`, which leave with absorbed(); waits for one, and then at most `linger` for
    // others to leave with it, unless somebody waits for it to leave. Empty at a stop.
    [[nodiscard]] std::vector<FreshOrder> next(std::size_t max, Milliseconds linger, const std::stop_token& stop);
    void absorbed();

    // They cannot leave at the moment: who waits need not go on. Until the next absorbed().
    void stuck(const Error& why);

    // True when the stop came first.
    [[nodiscard]] bool wait_for_stop(Milliseconds wait, const std::stop_token& stop) const;

    // The number of the newest order, of all or of one user. 0: there is none here.
    [[nodiscard]] std::uint64_t newest() const;
    [[nodiscard]] std::uint64_t newest_of(const UserId& user_id) const;
    [[nodiscard]] std::size_t size() const;

    // Until no more than `max` are here, or every order up to `sequence` has left. Errors: unavailable
    // (at the end of `wait`), or why they are stuck.
    [[nodiscard]] Result<void> wait_for_room(std::size_t max, Milliseconds wait) const;
    [[nodiscard]] Result<void> wait_until_absorbed(std::uint64_t sequence, Milliseconds wait) const;

private:
    // A pair of names: whose or of what, and which of those. Views, so that looking one up copies nothing.
    using Names = std::pair<std::string_view, std::string_view>;
    using StockKey = std::pair<ProductId, std::string>;
    struct HashNames {
        using is_transparent = void;
        std::size_t operator()(const Names& key) const {  // see Id's
            return std::hash<std::string_view>{}(key.first) * 31 + std::hash<std::string_view>{}(key.second);
        }
        std::size_t operator()(const StockKey& key) const { return (*this)(Names{key.first.text, key.second}); }
    };
    struct EqualNames {
        using is_transparent = void;
        bool operator()(const StockKey& a, const StockKey& b) const { return a == b; }
        bool operator()(const StockKey& a, const Names& b) const { return Names{a.first.text, a.second} == b; }
        bool operator()(const Names& a, const StockKey& b) const { return (*this)(b, a); }
    };
    struct Taken {
        std::int64_t waiting = 0;
        std::int64_t leaving = 0;
    };
    struct OfUser {
        std::size_t orders = 0;
        std::uint64_t newest = 0;
    };
    struct Entry {
        FreshOrder fresh;
        std::vector<Taken*> taken;  // of each line
        OfUser* of_user = nullptr;
    };

    [[nodiscard]] Taken& taken_of(const ProductId& id, const std::string& location);
    void forget(const Entry& entry);

    template <class IsReached>
    [[nodiscard]] Result<void> wait_for(Milliseconds wait, IsReached is_reached) const;

    mutable std::shared_mutex mutex_;
    mutable std::condition_variable_any changed_;
    std::deque<Entry> orders_;  // oldest first; the first `leaving_` of them are leaving
    std::size_t leaving_ = 0;
    std::uint64_t published_;  // the newest that ever came
    std::uint64_t absorbed_;   // the newest that has left
    std::optional<Error> stuck_;
    mutable std::atomic<int> waiting_ = 0;  // who waits for orders to leave
    // The keys are the orders' own text, the values lie in orders_.
    boost::unordered_flat_map<std::string_view, const FreshOrder*, std::hash<std::string_view>> by_id_;
    boost::unordered_flat_map<Names, const FreshOrder*, HashNames> by_key_;
    std::unordered_map<StockKey, Taken, HashNames, EqualNames> taken_;  // some of which nothing is taken
    std::unordered_map<UserId, OfUser> by_user_;
};

}  // namespace waybill::sqlite

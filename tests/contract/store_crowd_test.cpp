// Customers, workers and a mailer at once: what each sees differs from run to run, what remains must
// not.
#include <algorithm>
#include <atomic>
#include <map>
#include <random>
#include <thread>

#include "tests/contract/store_contract.hpp"

namespace waybill::testing {

namespace {

constexpr std::size_t customers = 4;
constexpr std::size_t orders_each = 25;
constexpr std::int64_t pieces = 120;

class StoreCrowd : public StoreContract {
protected:
    // Nothing here may fail but for a lost race, which has its own words.
    template <class T>
    void expect(const Result<T>& result, std::initializer_list<ErrorCode> lost_races = {}) {
        if (!result && std::ranges::find(lost_races, result.error().code) == lost_races.end()) ++surprises_;
    }

    void shop(std::size_t customer) {
        std::mt19937_64 dice(customer);
        for (std::size_t i = 0; i < orders_each; ++i) {
            const std::string id = id_of("o", customer * orders_each + i);
            const auto quantity = static_cast<std::int64_t>(1 + dice() % 3);
            expect(place(new_order(id, {{"tea", quantity}, {"cup", 1}}, customer % 2 == 0 ? ada : bob)),
                   {ErrorCode::insufficient_stock});
            const std::string other = id_of("o", dice() % (customers * orders_each));
            expect(store.cancel_order(OrderId{dice() % 2 == 0 ? id : other}, std::nullopt),
                   {ErrorCode::invalid_transition, ErrorCode::not_found});
        }
        ++customers_done_;
    }

    void work(std::uint64_t seed) {
        std::mt19937_64 dice(seed);
        for (;;) {
            const bool is_last_look = customers_done_ == customers;
            const auto claimed = store.claim_work(WorkKind::process_order, 5, lease);
            expect(claimed);
            if (!claimed || (claimed->empty() && is_last_look)) return;
            for (const ClaimedWork& item : *claimed) {
                if (dice() % 4 == 0) {
                    expect(retry(item, Milliseconds{0}));
                } else {
                    expect(settle(item, dice() % 2 == 0, "refused"));
                }
            }
            if (claimed->empty()) std::this_thread::yield();
        }
    }

    void send_mail() {
        for (;;) {
            const bool is_last_look = workers_done_;
            const auto claimed = store.claim_work(WorkKind::send_mail, 5, lease);
            expect(claimed);
            if (!claimed || (claimed->empty() && is_last_look)) return;
            for (const ClaimedWork& mail : *claimed) {
                ++mails_[mail.order.id];
                expect(settle_mail(mail));
            }
            if (claimed->empty()) std::this_thread::yield();
        }
    }

    void open_and_close() {
        const std::jthread mailer([this] { send_mail(); });
        {
            std::vector<std::jthread> threads;
            for (std::size_t i = 0; i < customers; ++i) threads.emplace_back([this, i] { shop(i); });
            for (std::uint64_t seed : {100u, 200u, 300u}) threads.emplace_back([this, seed] { work(seed); });
        }
        workers_done_ = true;
    }

    std::atomic<std::size_t> customers_done_ = 0;
    std::atomic<bool> workers_done_ = false;
    std::atomic<int> surprises_ = 0;
    std::map<OrderId, int> mails_;
};

INSTANTIATE_TEST_SUITE_P(Stores, StoreCrowd, ::testing::ValuesIn(every_store()),
                         [](const auto& parameter) { return parameter.param.name; });

TEST_P(StoreCrowd, loses_and_invents_nothing) {
    add_product("tea", 100, pieces);
    add_product("cup", 100, pieces);
    open_and_close();

    EXPECT_EQ(surprises_, 0);
    std::int64_t tea = stock_of("tea");
    std::int64_t cups = stock_of("cup");
    const auto orders = all_orders();
    EXPECT_EQ(mails_.size(), orders.size());
    for (const Order& order : orders) {
        EXPECT_TRUE(is_terminal(order.status)) << order.id.text;
        EXPECT_EQ(mails_[order.id], 1) << order.id.text;
        if (order.status != OrderStatus::processed) continue;
        tea += order.lines.at(0).quantity;
        cups += order.lines.at(1).quantity;
    }
    EXPECT_EQ(tea, pieces);
    EXPECT_EQ(cups, pieces);
    EXPECT_EQ(depth(WorkKind::process_order) + depth(WorkKind::send_mail), 0);
}

}  // namespace

}  // namespace waybill::testing

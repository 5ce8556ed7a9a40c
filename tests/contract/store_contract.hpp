// One suite for every store: each file beside this one holds the rules of one subject, and runs them
// against every factory of every_store(). It uses nothing but the port and a clock of its own.
#pragma once

#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "domain/work.hpp"
#include "ports/store.hpp"
#include "tests/support/fake_clock.hpp"

namespace waybill::testing {

// A store, and what must outlive it.
struct OpenStore {
    std::shared_ptr<void> base;
    std::unique_ptr<Store> store;
};

struct StoreFactory {
    std::string name;
    std::function<OpenStore(Clock&)> make;  // empty store; throws when it cannot be made
};

[[nodiscard]] std::vector<StoreFactory> every_store();

void PrintTo(const StoreFactory& factory, std::ostream* out);

// The value, or an exception that fails the test with the error's words.
template <class T>
T must(Result<T> result) {
    if (!result) {
        throw std::runtime_error("error " + std::to_string(static_cast<int>(result.error().code)) + ": " +
                                 result.error().detail);
    }
    if constexpr (!std::is_void_v<T>) return *std::move(result);
}

// Empty for a success, so that one comparison states what a call must answer.
template <class T>
std::optional<ErrorCode> code_of(const Result<T>& result) {
    if (result) return std::nullopt;
    return result.error().code;
}

inline constexpr std::optional<ErrorCode> no_error = std::nullopt;

struct Piece {
    std::string product_id;
    std::int64_t quantity = 1;
};

// A shop with the users ada and bob; products and stock are what a test adds.
class StoreContract : public ::testing::TestWithParam<StoreFactory> {
protected:
    static constexpr Milliseconds lease{15'000};
    static constexpr Milliseconds resend_after{30'000};
    static constexpr std::size_t plenty = 1'000;
    inline static const std::string bangalore = "bangalore";
    inline static const UserId ada{"ada"};
    inline static const UserId bob{"bob"};

    StoreContract();

    void add_user(const UserId& id, const std::string& email);
    void add_product(const std::string& id, MinorUnits price, std::int64_t stock);
    void rename(const std::string& product_id, const std::string& name);
    void set_price(const std::string& product_id, MinorUnits price);
    void set_active(const std::string& product_id, bool active);
    void set_stock(const std::string& product_id, const std::string& location, std::int64_t available);
    [[nodiscard]] std::int64_t stock_of(const std::string& product_id, const std::string& location = bangalore);

    [[nodiscard]] static NewOrder new_order(const std::string& id, std::initializer_list<Piece> pieces,
                                            const UserId& user_id = ada);
    [[nodiscard]] static NewOrder with_key(NewOrder order, const std::string& key, std::uint8_t hash = 1);
    [[nodiscard]] Result<PlacedOrder> place(const NewOrder& order);
    Order must_place(const std::string& id, std::initializer_list<Piece> pieces);

    [[nodiscard]] Order order_of(const std::string& id);
    [[nodiscard]] std::vector<Order> all_orders();

    [[nodiscard]] std::vector<ClaimedWork> claim(WorkKind kind = WorkKind::process_order, std::size_t max = plenty);
    // The only item that may be claimed.
    [[nodiscard]] ClaimedWork claim_only(WorkKind kind = WorkKind::process_order);
    [[nodiscard]] ClaimById claim_by_id(const std::string& order_id);
    [[nodiscard]] Result<void> settle(const ClaimedWork& work, bool processed, const std::string& reason = "",
                                      bool dead_letter = false);
    [[nodiscard]] Result<void> settle_mail(const ClaimedWork& work, bool dead_letter = false,
                                           const std::string& reason = "");
    [[nodiscard]] Result<void> retry(const ClaimedWork& work, Milliseconds delay, bool counts_as_attempt = false);
    [[nodiscard]] std::vector<SentWork> mark_sent(std::size_t max = plenty, std::size_t window = plenty);
    [[nodiscard]] std::int64_t depth(WorkKind kind);

    // Everything that can be read of stock, orders and work, as text: equal before and after what
    // must leave no trace.
    [[nodiscard]] std::string world();

    FakeClock clock;
    OpenStore opened;
    Store& store;
};

[[nodiscard]] std::string id_of(const std::string& prefix, std::size_t number);

}  // namespace waybill::testing

// Runs the rules of one subject against every store.
#define WAYBILL_STORE_SUITE(suite)                                                                \
    class suite : public waybill::testing::StoreContract {};                                      \
    INSTANTIATE_TEST_SUITE_P(Stores, suite, ::testing::ValuesIn(waybill::testing::every_store()), \
                             [](const auto& parameter) { return parameter.param.name; })

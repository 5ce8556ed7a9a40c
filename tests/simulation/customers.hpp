// Customers and operators: what they ask for next, and where.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "tests/simulation/fiber.hpp"
#include "tests/simulation/process.hpp"
#include "tests/simulation/stage.hpp"

namespace waybill::simulation {

// Where they go.
class Shop {
public:
    virtual ~Shop() = default;
    // One that takes requests now. Null: there is none.
    [[nodiscard]] virtual Process* choose_server() = 0;
    [[nodiscard]] virtual std::span<const std::unique_ptr<Process>> processes() = 0;
    // Runs `body` as a request of its own.
    virtual void start(Process& process, Fiber::Body body) = 0;
};

class Customers {
public:
    Customers(Stage& stage, Shop& shop) : stage_(stage), shop_(shop) {}

    void act();

    [[nodiscard]] static UserId customer(std::size_t number) { return UserId("customer-" + std::to_string(number)); }
    [[nodiscard]] static ProductId product(std::size_t number) {
        return ProductId("product-" + std::to_string(number));
    }
    [[nodiscard]] static std::string location(std::size_t number) { return "location-" + std::to_string(number); }

    void read(Process& process, const UserId& reader, const OrderId& id);
    void list(Process& process, const UserId& reader);
    void read_product(Process& process, const ProductId& id);

private:
    void place(Process& process, Attempt attempt);
    void place_now(Process& process, Attempt attempt);
    void order_anew(Process& process);
    void repeat(Process& process);
    void burst(Process& process);
    void cancel(Process& process);
    void list_products(Process& process);
    void change_price(Process& process);
    void change_stock(Process& process);
    void handle_dead_letters(Process& process);
    [[nodiscard]] std::optional<OrderId> some_order();
    [[nodiscard]] UserId some_customer();
    [[nodiscard]] ProductId some_product();

    Stage& stage_;
    Shop& shop_;
    std::uint64_t keys_made_ = 0;
    std::uint64_t bodies_made_ = 0;
    MinorUnits prices_made_ = 0;
    std::vector<StockChange> stock_changes_;
};

}  // namespace waybill::simulation

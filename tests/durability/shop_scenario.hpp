// One of each thing that a shop does to its store, in a fixed order and from one thread: open, place,
// absorb, claim, settle, cancel, change stock, copy the log, close, open again. All of it is written
// down in a History; an error ends nothing, as a server goes on after one.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "ports/store.hpp"
#include "tests/durability/history.hpp"

namespace waybill::testing {

class ShopScenario {
public:
    using Opener = std::function<Result<std::unique_ptr<Store>>()>;

    ShopScenario(Opener open, const DiskRecording& recording, History& history)
        : open_(std::move(open)), recording_(recording), history_(history) {}

    // What a shop has before it opens for the first time: products, accounts, some orders.
    void prepare();
    void run();

    // The store as the scenario leaves it: open, or null where it could not be opened.
    [[nodiscard]] Store* store() { return store_.get(); }
    void close() { store_.reset(); }

    // Whether the shop takes an order again; it is given a while.
    [[nodiscard]] bool takes_orders();

    // Answers and exceptions that no honest store gives, in words.
    [[nodiscard]] const std::vector<std::string>& surprises() const { return surprises_; }

private:
    void open();
    void seed();
    void place(const std::vector<std::string>& ids);
    void work(std::size_t max);
    void send_mails();
    void cancel(const std::string& id);
    void change_stock(const std::string& key);
    void log_in();
    void begin(Step& step) const;
    void end(Step& step) const;
    void expect(const Error& error, const std::string& what);
    template <class Call>
    void attempt(const std::string& what, Call call);

    const Opener open_;
    const DiskRecording& recording_;
    History& history_;
    std::unique_ptr<Store> store_;
    std::vector<std::string> surprises_;
};

}  // namespace waybill::testing

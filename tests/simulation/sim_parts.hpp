// What processes share beside the store: a cache, a queue, a mail server, a partner that fulfils orders;
// and the way of one process to each of them.
#pragma once

#include <cstdint>
#include <list>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "ports/cache.hpp"
#include "ports/fulfilment.hpp"
#include "ports/log.hpp"
#include "ports/mailer.hpp"
#include "ports/queue.hpp"
#include "tests/simulation/stage.hpp"

namespace waybill::simulation {

class NoLog final : public Log {
public:
    [[nodiscard]] bool enabled(LogLevel) const override { return false; }
    void write(LogLevel, std::string_view, std::initializer_list<LogField>) override {}
};

// ---- cache

struct CacheServer {
    std::map<std::string, std::string, std::less<>> entries;
    bool is_away = false;
};

class SimCache final : public Cache {
public:
    SimCache(Gate& gate, CacheServer& server) : gate_(gate), server_(server) {}
    [[nodiscard]] std::optional<std::string> find(std::string_view key) override;
    void put(std::string_view key, std::string_view bytes, Milliseconds ttl) override;
    void erase(std::string_view key) override;

private:
    Gate& gate_;
    CacheServer& server_;
};

// ---- queue

class QueueServer {
public:
    explicit QueueServer(Stage& stage) : stage_(stage) {}

    bool is_away = false;
    void empty() { kept_.clear(); }

    // Loses, repeats, delays.
    void take(const QueueMessage& message);
    // In any order.
    [[nodiscard]] std::vector<ReceivedMessage> hand_out(std::size_t max);
    void remove(const ReceivedMessage& message);
    void hide(const ReceivedMessage& message, Milliseconds visibility);

private:
    struct Kept {
        WorkId work_id;
        SteadyTime visible_at{};
        std::string receipt{};
    };
    Stage& stage_;
    std::list<Kept> kept_;
    std::uint64_t receipts_ = 0;
};

class SimQueue final : public Queue {
public:
    SimQueue(Gate& gate, QueueServer& server) : gate_(gate), server_(server) {}
    [[nodiscard]] std::vector<Result<void>> send(std::span<const QueueMessage> messages) override;
    [[nodiscard]] Result<std::vector<ReceivedMessage>> receive(std::size_t max, Milliseconds wait) override;
    Result<void> ack(std::span<const ReceivedMessage> messages) override;
    Result<void> extend(std::span<const ReceivedMessage> messages, Milliseconds visibility) override;

private:
    [[nodiscard]] Gate::Fate draw();
    Gate& gate_;
    QueueServer& server_;
};

// ---- mail and fulfilment: calls that are under way until the scheduler ends one

// What is decided of an order before anybody asks, so that every try meets the same.
struct Verdicts {
    explicit Verdicts(Stage& stage) : stage_(stage) {}
    [[nodiscard]] bool is_poison(const OrderId& id) const { return share_of(id, 1) < stage_.plan.poison; }
    [[nodiscard]] bool is_refused(const OrderId& id) const { return share_of(id, 2) < stage_.plan.refused_order; }
    [[nodiscard]] bool is_mail_refused(const OrderId& id) const { return share_of(id, 3) < stage_.plan.refused_mail; }

private:
    [[nodiscard]] double share_of(const OrderId& id, std::uint64_t salt) const;
    Stage& stage_;
};

class SimMailer final : public Mailer {
public:
    explicit SimMailer(Gate& gate) : gate_(gate) {}
    void send(Mail mail, Done done) override;
    [[nodiscard]] std::size_t in_flight_max() const override { return in_flight; }

    static constexpr std::size_t in_flight = 16;  // mail_in_flight_max
    [[nodiscard]] std::size_t pending() const { return pending_.size(); }
    // Ends one of the calls: accepted, refused, no answer, or accepted and the answer lost.
    void end_one(const Verdicts& verdicts);
    // What was handed over by a process that is dead now: some of it arrives.
    void end_with_process();

private:
    struct Pending {
        Mail mail;
        Done done;
    };
    void accept(const Mail& mail);
    Gate& gate_;
    std::vector<Pending> pending_;
};

class SimFulfilment final : public Fulfilment {
public:
    SimFulfilment(Gate& gate, const Verdicts& verdicts) : gate_(gate), verdicts_(verdicts) {}
    void fulfil(const Order& order, Done done) override;
    [[nodiscard]] std::size_t in_flight_max() const override { return in_flight; }

    static constexpr std::size_t in_flight = 8;
    [[nodiscard]] std::size_t pending() const { return pending_.size(); }
    void end_one();

private:
    struct Pending {
        OrderId id;
        Done done;
    };
    Gate& gate_;
    const Verdicts& verdicts_;
    std::vector<Pending> pending_;
};

}  // namespace waybill::simulation

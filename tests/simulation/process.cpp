#include "tests/simulation/process.hpp"

namespace waybill::simulation {

namespace {

constexpr std::array part_words{"commit",  "expire", "freshness", "relay",  "orders",
                                "receive", "answer", "mails",     "janitor"};

// Parsing templates is dear, and rendering depends on nothing else.
const MailRenderer& renderer() {
    static const MailRenderer one({"orders@shop.example", "Lamp Shop", {}}, {});
    return one;
}

OrderIntake::Options intake_options(const Plan& plan) {
    OrderIntake::Options options;
    options.waiting_max = plan.waiting_max;
    options.batch_orders_max = plan.batch_orders_max;
    return options;
}

worker::WorkLoopOptions loop_options(const Plan& plan) {
    worker::WorkLoopOptions options;
    options.batch_max = plan.work_batch_max;
    return options;
}

worker::RelayOptions relay_options(const Plan& plan) {
    worker::RelayOptions options;
    options.window = plan.relay_window;
    return options;
}

}  // namespace

std::string_view to_text(Part part) { return part_words.at(static_cast<std::size_t>(part)); }

Process::Process(Stage& stage, const Shared& shared, int number, Duty its_duty, std::uint64_t seed)
    : duty(its_duty),
      gate(stage, number),
      clock(stage.time, seed),
      store(gate, shared.store),
      cache(gate, stage.plan.shares_cache ? shared.cache : own_cache),
      mailer(gate),
      fulfilment(gate, shared.verdicts),
      intake(intake_options(stage.plan), store, clock, log, metrics, signal),
      ordering({}, intake, store, cache, clock, metrics, signal),
      catalogue({}, store, cache, clock, metrics),
      operations(store, clock, metrics, signal),
      processing({}, store, fulfilment, mailer, renderer(), clock, log, metrics, signal) {
    if (stage.plan.has_queue) {
        queue.emplace(gate, shared.queue);
        relay =
            std::make_unique<worker::Relay>(relay_options(stage.plan), WorkPolicy{}, store, *queue, clock, log, signal);
        parts.push_back(Part::relay);
    }
    if (serves()) parts.insert(parts.end(), {Part::commit, Part::expire, Part::freshness});
    if (duty == Duty::api) return;
    mails.emplace(WorkKind::send_mail, loop_options(stage.plan), processing, store, clock, log, metrics, signal);
    parts.insert(parts.end(), {Part::mails, Part::janitor});
    if (queue) {
        worker::QueueConsumerOptions options;
        options.loop = loop_options(stage.plan);
        consumer =
            std::make_unique<worker::QueueConsumer>(options, *queue, processing, store, clock, log, metrics, signal);
        parts.insert(parts.end(), {Part::receive, Part::orders, Part::answer});
    } else {
        orders.emplace(WorkKind::process_order, loop_options(stage.plan), processing, store, clock, log, metrics,
                       signal);
        parts.push_back(Part::orders);
    }
}

void Process::run(Part part) {
    switch (part) {
        case Part::commit:
            intake.commit_batch();
            return;
        case Part::expire:
            intake.expire_overdue();
            return;
        case Part::freshness:
            catalogue.read_version();
            return;
        case Part::relay:
            relay->step();
            return;
        case Part::orders:
            if (consumer) {
                consumer->work_step();
            } else {
                orders->step();
            }
            return;
        case Part::receive:
            consumer->receive_step();
            return;
        case Part::answer:
            consumer->answer_step();
            return;
        case Part::mails:
            mails->step();
            return;
        case Part::janitor:
            worker::sweep(store, {}, log);
            return;
    }
}

}  // namespace waybill::simulation

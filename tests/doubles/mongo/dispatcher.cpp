#include "tests/doubles/mongo/dispatcher.hpp"

namespace waybill::testing::mongo {

namespace {

constexpr const char* order_name = "waybillFault";

std::string collection_of(const Object& command) {
    const auto* name = command.begin()->value.as<std::string>();
    if (name) return *name;
    const Value* other = command.find("collection");  // getMore
    return other && other->is<std::string>() ? *other->as<std::string>() : std::string{};
}

Object fault_reply(const Fault& fault) { return error_reply(CommandError(fault.code, fault.message, fault.labels)); }

}  // namespace

std::optional<Object> Dispatcher::answer(const Object& command, Client& client) {
    if (command.empty()) return engine_.run(command, client);
    const std::string& name = command.begin()->name;
    if (name == order_name) return take_order(command);
    const std::string collection = collection_of(command);
    log_.add(name, collection, command);
    faults_.wait_while_frozen();
    const std::optional<Fault> fault = faults_.take(name, collection);
    return fault ? meet(*fault, command, client) : engine_.run(command, client);
}

std::optional<Object> Dispatcher::meet(const Fault& fault, const Object& command, Client& client) {
    // What an error does to a commit is the fault's choice; it ends every other transaction.
    switch (fault.action) {
        case Fault::Action::error:
            if (fault.aborts) engine_.abort_transaction_of(command);
            return fault_reply(fault);
        case Fault::Action::error_after:
            (void)engine_.run(command, client);
            return fault_reply(fault);
        case Fault::Action::write_concern_error: {
            Object reply = engine_.run(command, client);
            reply.set("writeConcernError",
                      Object{{"code", fault.code}, {"codeName", code_name(fault.code)}, {"errmsg", fault.message}});
            if (!fault.labels.empty()) {
                Array labels;
                for (const std::string& label : fault.labels) labels.emplace_back(label);
                reply.set("errorLabels", std::move(labels));
            }
            return reply;
        }
        case Fault::Action::cut_before:
            return std::nullopt;
        case Fault::Action::cut_after:
            (void)engine_.run(command, client);
            return std::nullopt;
        case Fault::Action::freeze_before:
            faults_.wait_for_release();
            return engine_.run(command, client);
        case Fault::Action::freeze_after: {
            Object reply = engine_.run(command, client);
            faults_.wait_for_release();
            return reply;
        }
        case Fault::Action::step_down:
            engine_.step_down(fault.step_down_for);
            return engine_.run(command, client);
    }
    return std::nullopt;
}

Object Dispatcher::take_order(const Object& command) {
    Object reply{{"ok", 1.0}};
    try {
        const Value& order = command.begin()->value;
        if (const auto* fault = order.as<Object>()) {
            faults_.arm(parse_fault(*fault));
        } else if (order == Value("clear")) {
            faults_.clear();
        } else if (order == Value("freeze")) {
            faults_.freeze();
        } else if (order == Value("release")) {
            faults_.release();
        } else if (order == Value("stepUp")) {
            engine_.step_up();
        } else if (order == Value("expire")) {
            reply.set("n", static_cast<std::int64_t>(engine_.expire_documents()));
        } else if (order == Value("counters")) {
            reply.set("commands", log_.counters());
        } else if (order == Value("resetCounters")) {
            log_.reset();
        } else {
            throw CommandError(code::bad_value, "no such order: " + to_json(order));
        }
        return reply;
    } catch (const CommandError& error) {
        return error_reply(error);
    } catch (const BadBson& bad) {
        return error_reply(CommandError(code::bad_value, bad.what()));
    }
}

}  // namespace waybill::testing::mongo

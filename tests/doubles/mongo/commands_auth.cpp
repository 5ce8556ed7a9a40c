#include "tests/doubles/mongo/commands.hpp"

namespace waybill::testing::mongo {

namespace {

std::string payload_of(const Call& call) {
    const auto* payload = call.option<Binary>("payload");
    if (!payload) throw CommandError(code::bad_value, call.name + " needs a payload");
    return payload->bytes;
}

Object conversation(std::string payload, bool done) {
    return Object{{"conversationId", std::int32_t{1}}, {"done", done}, {"payload", Binary{0, std::move(payload)}}};
}

}  // namespace

void require_login(const Call& call) {
    if (call.engine.options().user.empty() || call.client.logged_in) return;
    throw CommandError(code::unauthorized, "command " + call.name + " requires authentication");
}

Object run_sasl_start(Call& call) {
    const auto* mechanism = call.option<std::string>("mechanism");
    if (!mechanism || *mechanism != "SCRAM-SHA-256") {
        throw CommandError(334, "Unsupported mechanism " + (mechanism ? *mechanism : std::string("without a name")));
    }
    const Options& options = call.engine.options();
    if (options.user.empty()) throw CommandError(code::authentication_failed, "Authentication failed.");
    call.client.scram.emplace(options.user, options.password);
    return conversation(call.client.scram->start(payload_of(call), call.engine.clock()), false);
}

Object run_sasl_continue(Call& call) {
    if (!call.client.scram) throw CommandError(17, "No SASL session state found");
    // After the last message some drivers send an empty one.
    if (call.client.logged_in) return conversation("", true);
    std::string last = call.client.scram->finish(payload_of(call));
    call.client.logged_in = true;
    return conversation(std::move(last), true);
}

}  // namespace waybill::testing::mongo

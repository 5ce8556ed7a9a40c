#include "tests/doubles/mongo/commands.hpp"

namespace waybill::testing::mongo {

namespace {

void only_on_admin(const Call& call) {
    if (call.database == "admin") return;
    throw CommandError(code::unauthorized, call.name + " may only be run against the admin database.");
}

std::int64_t number_of(const Call& call) { return call.command.at("txnNumber").to_int64(); }

const Array& sessions_of(const Call& call) {
    const auto* ids = call.command.begin()->value.as<Array>();
    if (!ids) throw CommandError(code::type_mismatch, call.name + " needs an array of sessions");
    return *ids;
}

const Object& session_id(const Value& id) {
    const auto* object = id.as<Object>();
    if (!object || !object->has("id")) throw CommandError(code::type_mismatch, "a session is an object with an id");
    return *object;
}

}  // namespace

Object run_commit(Call& call) {
    only_on_admin(call);
    call.engine.sessions().commit(*call.taking.session, number_of(call));
    call.engine.announce_change();
    return Object{};
}

Object run_abort(Call& call) {
    only_on_admin(call);
    call.engine.sessions().abort(*call.taking.session, number_of(call));
    call.engine.announce_change();
    return Object{};
}

// What is open in an ended session stays open until its lifetime is over: the server collects ended
// sessions minutes later.
Object run_end_sessions(Call& call) {
    for (const Value& id : sessions_of(call)) (void)session_id(id);
    return Object{};
}

// An empty list means every session.
Object run_kill_sessions(Call& call) {
    const Array& ids = sessions_of(call);
    if (ids.empty()) call.engine.sessions().kill_all();
    for (const Value& id : ids) {
        Object only{{"id", session_id(id).at("id")}};
        call.engine.sessions().kill(only);
    }
    call.engine.announce_change();
    return Object{};
}

}  // namespace waybill::testing::mongo

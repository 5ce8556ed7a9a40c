#include "adapters/mongo/turns.hpp"

#include "adapters/mongo/schema.hpp"

namespace waybill::mongo {

namespace {

std::string random_name(Clock& clock) {
    std::array<std::uint8_t, 8> bytes{};
    clock.fill_random(bytes);
    return make_object_id(clock.now(), bytes);
}

}  // namespace

Turns::Turns(Clock& clock) : clock_(clock), me_(random_name(clock)) {}

Turns::Place::Place(Turns& turns, Lane lane) : turns_(turns), lane_(lane) {
    if (lane == Lane::none) return;
    std::unique_lock lock(turns_.mutex_);
    LaneState& state = turns_.state_of(lane);
    if (!turns_.freed_.wait_for(lock, turn_wait_max, [&] { return !state.busy; })) return;
    state.busy = true;
    held_ = true;
}

Turns::Place::~Place() {
    if (!held_) return;
    {
        const std::lock_guard lock(turns_.mutex_);
        turns_.state_of(lane_).busy = false;
    }
    turns_.freed_.notify_all();
}

void Turns::met_conflict(Lane lane) {
    const std::lock_guard lock(mutex_);
    state_of(lane).conflict_at = clock_.steady_now();
}

bool Turns::is_contended(Lane lane) const {
    const std::lock_guard lock(mutex_);
    const std::optional<SteadyTime>& at = state_of(lane).conflict_at;
    return at && clock_.steady_now() - *at < contention_memory;
}

std::optional<std::int64_t> Turns::take(Connection& connection) {
    const SteadyTime until = clock_.steady_now() + turn_wait_max;
    try {
        for (;;) {
            if (auto turn = try_take(connection, doc("_id", turn_id, "holder", null))) return turn;
            if (const auto stale = find_stale(connection)) {
                if (auto turn = try_take(connection, doc("_id", turn_id, "counter", *stale))) return turn;
            }
            const auto pause = Milliseconds{
                1 + static_cast<std::int64_t>(clock_.random_fraction() * 2 * static_cast<double>(turn_poll.count()))};
            if (clock_.steady_now() + pause >= until) return std::nullopt;
            clock_.sleep_for(pause);
        }
    } catch (const MongoError&) {
        // The transaction will meet the same trouble, and knows what to do about it.
        return std::nullopt;
    }
}

std::optional<std::int64_t> Turns::try_take(Connection& connection, const Document& where) const {
    const Document reply =
        connection.run_alone(doc("findAndModify", collection::meta, "query", where, "update",
                                 doc("$set", doc("holder", me_), "$inc", doc("counter", 1)), "new", true),
                             Durability::advisory);
    if (!View(reply).has("value")) return std::nullopt;
    return View(View(reply).document("value")).integer("counter");
}

// The turn of a holder that has stood still for too long, by what this process has seen.
std::optional<std::int64_t> Turns::find_stale(Connection& connection) {
    const auto turns = connection.find(collection::meta, doc("_id", turn_id), {}, [](const View& found) {
        return std::pair(found.has("holder"), found.integer("counter"));
    });
    if (turns.empty() || !turns.front().first) return std::nullopt;
    const std::int64_t turn = turns.front().second;
    const std::lock_guard lock(mutex_);
    if (turn != seen_turn_) {
        seen_turn_ = turn;
        seen_since_ = clock_.steady_now();
    }
    if (clock_.steady_now() - seen_since_ < turn_stale_after) return std::nullopt;
    return turn;
}

void Turns::give_back(Connection& connection, std::int64_t turn) noexcept {
    try {
        const Document freed =
            doc("q", doc("_id", turn_id, "holder", me_, "counter", turn), "u", doc("$set", doc("holder", null)));
        (void)connection.run_alone(doc("update", collection::meta, "updates", array(freed)), Durability::advisory);
    } catch (const std::exception&) {
        // It is taken from us after it has stood still.
    }
}

}  // namespace waybill::mongo

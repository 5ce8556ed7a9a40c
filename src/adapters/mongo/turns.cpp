#include "adapters/mongo/turns.hpp"

#include "adapters/mongo/rows.hpp"
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
    try {
        if (auto turn = try_take(connection, open_to_us())) return turn;
        set_next(connection, doc("next", null), doc("next", me_));
        if (auto turn = wait_for_turn(connection)) return turn;
        set_next(connection, doc("next", me_), doc("next", null));
    } catch (const MongoError&) {
        // The transaction will meet the same trouble, and knows what to do about it.
    }
    return std::nullopt;
}

std::optional<std::int64_t> Turns::wait_for_turn(Connection& connection) {
    const SteadyTime until = clock_.steady_now() + turn_wait_max;
    for (;;) {
        const Seen seen = look(connection);
        std::optional<std::int64_t> turn;
        if (seen.is_open) {
            turn = try_take(connection, open_to_us());
        } else if (has_stood_still(seen.turn)) {
            turn = try_take(connection, doc("_id", turn_id, "counter", seen.turn));
        }
        if (turn) return turn;
        const Milliseconds wait = pause();
        if (clock_.steady_now() + wait >= until) return std::nullopt;
        clock_.sleep_for(wait);
    }
}

Document Turns::open_to_us() const {
    return doc("_id", turn_id, "holder", null, "$or", array(doc("next", null), doc("next", me_)));
}

Turns::Seen Turns::look(Connection& connection) const {
    const auto turns = connection.find(collection::meta, by_id(turn_id), {}, [&](const View& found) {
        const bool is_wanted = found.has("next") && found.text("next") != me_;
        return Seen{!found.has("holder") && !is_wanted, found.integer("counter")};
    });
    return turns.empty() ? Seen{} : turns.front();
}

std::optional<std::int64_t> Turns::try_take(Connection& connection, const Document& where) const {
    const Document taken = doc("$set", doc("holder", me_, "next", null), "$inc", doc("counter", 1));
    const Document reply = connection.run_alone(
        doc("findAndModify", collection::meta, "query", where, "update", taken, "new", true), Durability::advisory);
    if (!View(reply).has("value")) return std::nullopt;
    return View(View(reply).document("value")).integer("counter");
}

// One waiter is next, so that a busy holder does not take turn after turn.
void Turns::set_next(Connection& connection, const Document& from, const Document& to) const {
    Document where = by_id(turn_id);
    bson_concat(where.get(), from.get());
    const Document statement = doc("q", where, "u", doc("$set", to));
    (void)connection.run_alone(doc("update", collection::meta, "updates", array(statement)), Durability::advisory);
}

// By what this process has seen: whoever holds the turn, or is next, is gone.
bool Turns::has_stood_still(std::int64_t turn) {
    const std::lock_guard lock(mutex_);
    if (turn != seen_turn_) {
        seen_turn_ = turn;
        seen_since_ = clock_.steady_now();
    }
    return clock_.steady_now() - seen_since_ >= turn_stale_after;
}

Milliseconds Turns::pause() {
    const double jittered = 2 * clock_.random_fraction() * static_cast<double>(turn_poll.count());
    return Milliseconds{1 + static_cast<std::int64_t>(jittered)};
}

void Turns::give_back(Connection& connection, std::int64_t turn) noexcept {
    try {
        const Document mine = doc("_id", turn_id, "holder", me_, "counter", turn);
        const Document freed = doc("q", mine, "u", doc("$set", doc("holder", null)));
        (void)connection.run_alone(doc("update", collection::meta, "updates", array(freed)), Durability::advisory);
    } catch (const std::exception&) {
        // It is taken from us after it has stood still.
    }
}

}  // namespace waybill::mongo

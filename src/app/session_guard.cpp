#include "app/session_guard.hpp"

#include <algorithm>
#include <chrono>
#include <deque>
#include <mutex>
#include <string>
#include <unordered_set>
#include <utility>

#include "app/recent_map.hpp"
#include "app/tokens.hpp"
#include "domain/session.hpp"

namespace waybill {

// What makes a remembered session trustworthy: a read of the store that saw it alive, and since then
// no revocation that this process could not have heard of. Three races are closed for that:
// - A reader saw a session alive, it is revoked and forgotten, then the reader wants to remember it.
//   Forgotten ids stay as tombstones for longer than a reader may take to be remembered.
// - Tombstones are bounded. Where they overflow, everything is forgotten and no reader that began
//   before is remembered.
// - Revocations were not read for longer than their overlap: the same.
class SessionGuard::State {
public:
    State(Options options, Store& store, Clock& clock)
        : options_(options),
          store_(store),
          clock_(clock),
          last_read_began_(clock.steady_now()),
          remembered_(options.remembered_max) {}

    [[nodiscard]] std::optional<bool> is_live_now(const SessionId& id) {
        const SteadyTime now = clock_.steady_now();
        const std::lock_guard lock(mutex_);
        drop_old_tombstones(now);
        if (tombstones_.contains(id)) return false;
        if (!has_read_ || now - last_read_began_ > options_.stale_after) return std::nullopt;
        const TimePoint* expires_at = remembered_.find(id.text);
        if (expires_at == nullptr) return std::nullopt;
        if (clock_.now() < *expires_at) return true;
        return std::nullopt;  // another process may have prolonged it
    }

    [[nodiscard]] Result<void> check(const SessionId& id) {
        if (const auto known = is_live_now(id)) return *known ? Result<void>{} : fail(invalid_token());
        const SteadyTime began = clock_.steady_now();
        const auto session = store_.find_session(id);
        if (!session) return fail(session.error());
        if (!*session || !is_live(**session, clock_.now())) return fail(invalid_token());
        remember(**session, began);
        return {};
    }

    void forget(std::span<const SessionId> ids) {
        const SteadyTime now = clock_.steady_now();
        const std::lock_guard lock(mutex_);
        drop_old_tombstones(now);
        for (const SessionId& id : ids) bury(id, now);
    }

    void read_revocations() {
        const SteadyTime began = clock_.steady_now();
        const auto revoked = store_.list_revoked_sessions(prepare_read(began));
        if (!revoked) return;
        forget(*revoked);
        const std::lock_guard lock(mutex_);
        last_read_began_ = std::max(last_read_began_, began);
        has_read_ = true;
    }

private:
    // How far back to read, so that nothing since the last good read can be missed.
    [[nodiscard]] Milliseconds prepare_read(SteadyTime began) {
        const std::lock_guard lock(mutex_);
        const auto gap = std::chrono::ceil<Milliseconds>(began - last_read_began_);
        if (gap <= options_.overlap) return gap + options_.overlap;
        forget_everything(began);
        return options_.overlap;
    }

    // A reader that took long may have been overtaken by a revocation whose tombstone is gone.
    void remember(const Session& session, SteadyTime began) {
        const SteadyTime now = clock_.steady_now();
        const std::lock_guard lock(mutex_);
        drop_old_tombstones(now);
        const bool is_late = now - began > options_.stale_after || (everything_forgotten_at_ >= began);
        if (is_late || tombstones_.contains(session.id)) return;
        remembered_.put(session.id.text, session.expires_at);
    }

    void bury(const SessionId& id, SteadyTime now) {
        remembered_.erase(id.text);
        if (!tombstones_.insert(id).second) return;
        burials_.push_back({now, id});
        if (burials_.size() > options_.remembered_max) forget_everything(now);
    }

    void drop_old_tombstones(SteadyTime now) {
        while (!burials_.empty() && now - burials_.front().first > tombstone_keep()) {
            tombstones_.erase(burials_.front().second);
            burials_.pop_front();
        }
    }

    [[nodiscard]] Milliseconds tombstone_keep() const { return options_.overlap + options_.stale_after; }

    void forget_everything(SteadyTime now) {
        remembered_.clear();
        tombstones_.clear();
        burials_.clear();
        everything_forgotten_at_ = now;
    }

    const Options options_;
    Store& store_;
    Clock& clock_;

    std::mutex mutex_;
    bool has_read_ = false;
    SteadyTime last_read_began_;  // of the good ones; at first, when nothing was remembered yet
    std::optional<SteadyTime> everything_forgotten_at_;
    RecentMap<TimePoint> remembered_;  // until when
    std::unordered_set<SessionId> tombstones_;
    std::deque<std::pair<SteadyTime, SessionId>> burials_;  // the tombstones, oldest first
};

SessionGuard::SessionGuard(Options options, Store& store, Clock& clock)
    : state_(std::make_unique<State>(options, store, clock)) {}
SessionGuard::~SessionGuard() = default;

std::optional<bool> SessionGuard::is_live_now(const SessionId& id) { return state_->is_live_now(id); }
Result<void> SessionGuard::check(const SessionId& id) { return state_->check(id); }
void SessionGuard::forget(std::span<const SessionId> ids) { state_->forget(ids); }
void SessionGuard::read_revocations() { state_->read_revocations(); }

}  // namespace waybill

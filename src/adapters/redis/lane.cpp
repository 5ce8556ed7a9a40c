#include "adapters/redis/lane.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <exception>
#include <iterator>
#include <poll.h>
#include <utility>

#include "ports/thread_name.hpp"

namespace waybill::redis {

namespace {

constexpr std::size_t read_chunk_bytes = 16u << 10;
constexpr int no_fd = -1;  // poll passes it over

// Signals are the main thread's, and a TLS write to a closed connection must not raise one.
void block_signals() {
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, nullptr);
}

// Errors that another connection may not get: the server behind the name, or the login, has changed.
bool is_about_the_connection(std::string_view code) {
    return code == "READONLY" || code == "NOAUTH" || code == "LOADING" || code == "MASTERDOWN" || code == "MOVED";
}

}  // namespace

Lane::Lane(const Limits& limits, const Target& target, Breaker& breaker, Clock& clock)
    : limits_(limits),
      target_(target),
      breaker_(breaker),
      clock_(clock),
      resolver_(target.address.host, target.address.port),
      thread_([this](const std::stop_token& stop) { run(stop); }) {}

Lane::~Lane() {
    thread_.request_stop();
    wake_.signal();
    thread_.join();
}

std::optional<Reply> Lane::call(std::string command, Fits fits, std::chrono::nanoseconds timeout) {
    const std::size_t bytes = command.size();
    const auto call = std::make_shared<Call>(std::move(command), fits, bytes);
    {
        std::unique_lock lock(mutex_);
        if (!ready_ || calls_ >= limits_.calls_max || calls_bytes_ + bytes > limits_.calls_bytes_max) return {};
        ++calls_;
        calls_bytes_ += bytes;
        waiting_.push_back(call);
        if (waiting_.size() == 1) wake_.signal();
        call->changed.wait_for(lock, timeout, [&] { return call->state != State::pending; });
        if (call->state == State::answered) return std::move(call->reply);
        if (call->state == State::lost || std::exchange(overdue_, true)) return {};
        ready_ = false;
        // Counted before the thread may connect anew.
        breaker_.failed("no answer within " + std::to_string(limits_.call_timeout.count()) + " ms");
        wake_.signal();
    }
    return {};
}

bool Lane::wait_until_ready(Milliseconds timeout) {
    std::unique_lock lock(mutex_);
    return ready_changed_.wait_for(lock, timeout, [this] { return ready_.load(); });
}

void Lane::wait_until_tried(Milliseconds timeout) {
    std::unique_lock lock(mutex_);
    ready_changed_.wait_for(lock, timeout, [this] { return tried_; });
}

void Lane::run(const std::stop_token& stop) {
    name_thread("redis-lane");
    block_signals();
    while (!stop.stop_requested()) {
        try {
            run_once(stop);
        } catch (const std::exception& problem) {
            breaker_.failed(problem.what());
        }
    }
}

void Lane::run_once(const std::stop_token& stop) {
    const std::optional<Breaker::Permit> permit = breaker_.wait_for_permit(stop);
    if (!permit) return;
    const Patience patience{clock_, clock_.steady_now() + limits_.connect_timeout, wake_, stop};
    Result<Session> session = open_session(target_, resolver_, patience);
    if (stop.stop_requested()) return;
    if (!session) {
        breaker_.failed(session.error().detail);
        set_tried();
        return;
    }
    if (!breaker_.confirm(*permit)) return;

    Traffic traffic{std::move(*session)};
    set_ready();
    std::string why;
    try {
        why = serve(traffic, stop);
    } catch (const std::exception& problem) {
        why = problem.what();
    }
    drop(traffic, why, stop);
    // A server that closes what nobody used would otherwise be asked again at once, and for ever.
    if (!traffic.has_served && !traffic.is_counted) {
        const Patience pause{clock_, clock_.steady_now() + limits_.pause, wake_, stop};
        static_cast<void>(pause.wait_for(no_fd, 0));
    }
}

void Lane::set_ready() {
    {
        const std::lock_guard lock(mutex_);
        overdue_ = false;
        ready_ = true;
        tried_ = true;
    }
    ready_changed_.notify_all();
}

void Lane::set_tried() {
    {
        const std::lock_guard lock(mutex_);
        tried_ = true;
    }
    ready_changed_.notify_all();
}

// Returns why the connection must go.
std::string Lane::serve(Traffic& traffic, const std::stop_token& stop) {
    for (;;) {
        if (!collect(traffic, stop)) return "no answer in time";
        if (!send(traffic)) return "the connection was closed";
        const bool has_more = traffic.unsent_begin < traffic.unsent.size();
        const auto events = static_cast<short>(has_more ? POLLIN | POLLOUT : POLLIN);
        std::array<pollfd, 2> watched{{{traffic.session.stream.fd(), events, 0}, {wake_.fd(), POLLIN, 0}}};
        if (::poll(watched.data(), watched.size(), -1) < 0 && errno != EINTR) return "poll failed";
        if (watched[1].revents != 0) wake_.clear();
        if (watched[0].revents != 0 && !receive(traffic)) return "the connection was closed or sent nonsense";
    }
}

// Takes what waits. False when the connection must go.
bool Lane::collect(Traffic& traffic, const std::stop_token& stop) {
    const std::lock_guard lock(mutex_);
    if (stop.stop_requested() || overdue_) return false;
    traffic.unsent.erase(0, std::exchange(traffic.unsent_begin, 0));
    for (std::shared_ptr<Call>& call : waiting_) {
        traffic.unsent += call->command;
        call->command = {};
        traffic.sent.push_back(std::move(call));
    }
    waiting_.clear();
    return true;
}

bool Lane::send(Traffic& traffic) {
    while (traffic.unsent_begin < traffic.unsent.size()) {
        const std::string_view rest = std::string_view(traffic.unsent).substr(traffic.unsent_begin);
        const Stream::Moved moved = traffic.session.stream.write_some(rest);
        if (moved.step == Stream::Step::closed) return false;
        if (moved.step != Stream::Step::moved) return true;
        traffic.unsent_begin += moved.bytes;
    }
    return true;
}

bool Lane::receive(Traffic& traffic) {
    std::array<char, read_chunk_bytes> chunk;
    do {
        const Stream::Moved moved = traffic.session.stream.read_some(chunk);
        if (moved.step == Stream::Step::closed) return false;
        if (moved.step != Stream::Step::moved) return true;
        traffic.session.reader.feed({chunk.data(), moved.bytes});
        if (!hand_out(traffic)) return false;
    } while (traffic.session.stream.holds_unread());
    return true;
}

// Failures are counted before a caller learns of them, so that its next call sees what they led to.
bool Lane::hand_out(Traffic& traffic) {
    std::vector<Reply> replies;
    while (std::optional<Reply> reply = traffic.session.reader.next()) replies.push_back(std::move(*reply));
    if (replies.size() > traffic.sent.size()) return false;  // nobody knows which belongs to which
    const std::size_t good = judge(traffic, replies);
    traffic.is_counted = traffic.is_counted || good < replies.size();
    replies.resize(good);
    traffic.has_served = traffic.has_served || !replies.empty();

    const std::lock_guard lock(mutex_);
    if (traffic.is_counted) ready_ = false;
    for (Reply& reply : replies) {
        Call& call = *traffic.sent.front();
        --calls_;
        calls_bytes_ -= call.bytes;
        if (call.state == State::pending) {
            call.reply = std::move(reply);
            call.state = State::answered;
            call.changed.notify_one();
        }
        traffic.sent.pop_front();
    }
    return !traffic.is_counted && !traffic.session.reader.is_broken();
}

// How many replies may be handed out: all, or those before the first that cannot belong to its question.
std::size_t Lane::judge(Traffic& traffic, const std::vector<Reply>& replies) {
    for (std::size_t i = 0; i < replies.size(); ++i) {
        const std::string code = replies[i].error_code();
        if (code.empty() && !traffic.sent[i]->fits(replies[i])) {
            breaker_.failed("an answer that cannot belong to its question");
            return i;
        }
        if (code.empty() || code == "NOSCRIPT") {
            breaker_.succeeded();
            continue;
        }
        const bool is_open = breaker_.failed("the server answered " + code);
        if (is_open || is_about_the_connection(code)) traffic.is_counted = true;
    }
    return replies.size();
}

void Lane::drop(Traffic& traffic, const std::string& why, const std::stop_token& stop) {
    {
        const std::lock_guard lock(mutex_);
        ready_ = false;
        std::ranges::move(waiting_, std::back_inserter(traffic.sent));
        waiting_.clear();
        traffic.is_counted = traffic.is_counted || overdue_;
    }
    if (!traffic.sent.empty() && !traffic.is_counted && !stop.stop_requested()) {
        traffic.is_counted = true;
        breaker_.failed(why);
    }
    const std::lock_guard lock(mutex_);
    for (const std::shared_ptr<Call>& call : traffic.sent) {
        if (call->state != State::pending) continue;
        call->state = State::lost;
        call->changed.notify_one();
    }
    calls_ = 0;
    calls_bytes_ = 0;
}

}  // namespace waybill::redis

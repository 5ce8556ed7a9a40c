#include <array>
#include <csignal>
#include <cstdint>
#include <thread>
#include <utility>

#include "adapters/redis/bucket_script.hpp"
#include "adapters/redis/client.hpp"
#include "adapters/redis/keys.hpp"
#include "ports/thread_name.hpp"

namespace waybill::redis {

namespace {

constexpr std::size_t name_bytes = 8;
constexpr std::string_view trial_lifetime_ms = "10000";

std::string make_trial_name(Clock& clock) {
    std::array<std::uint8_t, name_bytes> bytes{};
    clock.fill_random(bytes);
    std::string name = "doctor";
    for (const std::uint8_t byte : bytes) name += "-" + std::to_string(byte);
    return name;
}

Result<Reply> ask(Session& session, const RedisAddress& address, const std::vector<std::string_view>& words,
                  const Patience& patience) {
    Result<std::vector<Reply>> replies = exchange(session, address, format_command(words), 1, patience);
    if (!replies) return fail(std::move(replies.error()));
    if (replies->front().kind == Reply::Kind::error) return fail(explain(address, replies->front().error_code()));
    return std::move(replies->front());
}

Result<void> try_cache(Session& session, const RedisAddress& address, const std::string& key,
                       const Patience& patience) {
    const std::string value(1, '\0');
    const auto put = ask(session, address, {"SET", key, value, "PX", trial_lifetime_ms}, patience);
    if (!put) return fail(put.error());
    const auto found = ask(session, address, {"GET", key}, patience);
    if (!found) return fail(found.error());
    if (found->text != value) {
        return fail(
            ErrorCode::unavailable,
            "Redis at " + address.place() + " forgets at once what it is told; look into maxmemory and its policy.");
    }
    const auto erased = ask(session, address, {"DEL", key}, patience);
    return erased ? Result<void>{} : fail(erased.error());
}

// Takes a token of one and gives it back, which leaves no key.
Result<void> try_bucket(Session& session, const RedisAddress& address, const std::string& key,
                        const Patience& patience) {
    const std::string sha1 = bucket_script_sha1();
    const std::array<std::vector<std::string_view>, 2> commands{
        {{"EVAL", bucket_script, "1", key, "1", "1000000000", "1"},
         {"EVALSHA", sha1, "1", key, "1", "1000000000", "-1"}}};
    for (const std::vector<std::string_view>& command : commands) {
        const auto answer = ask(session, address, command, patience);
        if (!answer) return fail(answer.error());
        if (answer->elements.size() != 4 || answer->elements[0].integer != 1) {
            return fail(ErrorCode::unavailable,
                        "Redis at " + address.place() + " runs Lua scripts wrongly; Redis 5 or newer is needed.");
        }
    }
    return {};
}

Result<std::string> contact(const RedisOptions& options, const Target& target, Clock& clock) {
    Wake wake;
    const std::stop_token never;
    Resolver resolver(target.address.host, target.address.port);
    const Patience patience{clock, clock.steady_now() + options.connect_timeout, wake, never};
    Result<Session> session = open_session(target, resolver, patience);
    if (!session) return fail(std::move(session.error()));
    const std::string name = make_trial_name(clock);
    if (auto tried = try_cache(*session, target.address, cache_key(options.key_prefix, name), patience); !tried) {
        return fail(std::move(tried.error()));
    }
    if (auto tried = try_bucket(*session, target.address, bucket_key(options.key_prefix, name), patience); !tried) {
        return fail(std::move(tried.error()));
    }
    return target.address.place() + (target.tls ? ", by TLS with a trusted certificate" : ", in clear") +
           (target.address.password.empty() ? ", without a password" : ", logged in") + "; cache and Lua work";
}

}  // namespace

// On a thread that takes no signals: a TLS write to a connection that was closed raises one.
Result<std::string> check_redis(const RedisOptions& options, Clock& clock) {
    const Result<Target> target = make_target(options);
    if (!target) return fail(target.error());
    Result<std::string> found = fail(ErrorCode::internal, "The check of Redis could not be made.");
    std::jthread([&] {
        name_thread("redis-check");
        sigset_t all;
        sigfillset(&all);
        pthread_sigmask(SIG_BLOCK, &all, nullptr);
        try {
            found = contact(options, *target, clock);
        } catch (const std::exception&) {
            return;
        }
    }).join();
    return found;
}

}  // namespace waybill::redis

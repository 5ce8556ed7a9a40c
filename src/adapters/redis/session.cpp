#include "adapters/redis/session.hpp"

#include <algorithm>
#include <array>
#include <poll.h>
#include <utility>

namespace waybill::redis {

namespace {

constexpr std::size_t read_chunk_bytes = 16u << 10;

std::unexpected<Error> away(const RedisAddress& address, std::string_view what) {
    return fail(ErrorCode::unavailable, "Redis at " + address.place() + " " + std::string(what));
}

Result<void> wait_for(const Stream& stream, Stream::Step step, const RedisAddress& address, const Patience& patience) {
    if (step == Stream::Step::closed) {
        return away(address, "closed the connection; look into its log (a TLS port needs rediss://).");
    }
    if (step == Stream::Step::moved) return {};
    if (patience.wait_for(stream.fd(), step == Stream::Step::want_read ? POLLIN : POLLOUT) != Waited::ready) {
        return away(address, "did not answer in time; check that it runs and that no firewall is between.");
    }
    return {};
}

Result<void> send_all(Session& session, const RedisAddress& address, std::string_view bytes, const Patience& patience) {
    while (!bytes.empty()) {
        const Stream::Moved moved = session.stream.write_some(bytes);
        bytes.remove_prefix(moved.bytes);
        if (auto waited = wait_for(session.stream, moved.step, address, patience); !waited) return waited;
    }
    return {};
}

struct Hello {
    std::string commands;
    std::vector<bool> must_be_ok;
};

Hello make_hello(const RedisAddress& address) {
    Hello hello;
    const auto add = [&](const std::string& command, bool must_be_ok) {
        hello.commands += command;
        hello.must_be_ok.push_back(must_be_ok);
    };
    if (!address.password.empty()) {
        add(address.user.empty() ? format_command({"AUTH", address.password})
                                 : format_command({"AUTH", address.user, address.password}),
            true);
    }
    if (address.database != 0) add(format_command({"SELECT", std::to_string(address.database)}), true);
    add(format_command({"PING"}), false);
    return hello;
}

// A user who may not PING has been answered by a server that works.
Result<void> judge_hello(const Hello& hello, const std::vector<Reply>& replies, const RedisAddress& address) {
    for (std::size_t i = 0; i < replies.size(); ++i) {
        const Reply& reply = replies[i];
        const bool is_error = reply.kind == Reply::Kind::error;
        if (is_error && (hello.must_be_ok[i] || reply.error_code() != "NOPERM")) {
            return fail(explain(address, reply.error_code()));
        }
        if (!is_error && !reply.is_status(hello.must_be_ok[i] ? "OK" : "PONG")) {
            return away(address, "is no Redis server by its answers; correct REDIS_URL.");
        }
    }
    return {};
}

struct Advice {
    std::string_view code;
    std::string_view words;
};

constexpr std::array advices{
    Advice{"WRONGPASS", "refuses the user or password; correct them in REDIS_URL."},
    Advice{"NOAUTH", "wants a password; put it into REDIS_URL."},
    Advice{"NOPERM", "denies this user what is needed: +get +set +del +eval +evalsha +time on the keys of the prefix."},
    Advice{"LOADING", "is still reading its data; wait until it has finished."},
    Advice{"OOM", "has no memory left; set maxmemory-policy to allkeys-lru or give it more."},
    Advice{"READONLY", "is a replica; put the primary into REDIS_URL."},
    Advice{"MASTERDOWN", "is a replica without its primary; put the primary into REDIS_URL."},
    Advice{"MOVED", "is in cluster mode, which is not supported; use one primary."},
    Advice{"CROSSSLOT", "is in cluster mode, which is not supported; use one primary."},
    Advice{"MISCONF", "refuses writes because it cannot save; make room on its disk or switch saving off."},
    Advice{"BUSY", "is busy with a script of somebody else; look into it with SLOWLOG."},
};

}  // namespace

Error explain(const RedisAddress& address, const std::string& error_code) {
    const auto found = std::ranges::find(advices, error_code, &Advice::code);
    const std::string words = found == advices.end() ? "answers with the error " + error_code +
                                                           "; needed are Redis 5 or newer, and for the user +get +set "
                                                           "+del +eval +evalsha +time on the keys of the prefix."
                                                     : std::string(found->words);
    return {ErrorCode::unavailable, "Redis at " + address.place() + " " + words};
}

Result<std::vector<Reply>> exchange(Session& session, const RedisAddress& address, std::string_view commands,
                                    std::size_t count, const Patience& patience) {
    if (auto sent = send_all(session, address, commands, patience); !sent) return fail(std::move(sent.error()));
    std::vector<Reply> replies;
    std::array<char, read_chunk_bytes> chunk;
    for (;;) {
        while (std::optional<Reply> reply = session.reader.next()) replies.push_back(std::move(*reply));
        if (session.reader.is_broken() || replies.size() > count) {
            return away(address, "does not speak Redis's protocol; correct REDIS_URL (a TLS port needs rediss://).");
        }
        if (replies.size() == count) return replies;
        const Stream::Moved moved = session.stream.read_some(chunk);
        session.reader.feed({chunk.data(), moved.bytes});
        if (auto waited = wait_for(session.stream, moved.step, address, patience); !waited) {
            return fail(std::move(waited.error()));
        }
    }
}

Result<Session> open_session(const Target& target, Resolver& resolver, const Patience& patience) {
    Result<Stream> stream = Stream::open(target.address, target.tls.get(), resolver, patience);
    if (!stream) return fail(std::move(stream.error()));
    Session session{std::move(*stream), ReplyReader(target.reply_bytes_max)};
    const Hello hello = make_hello(target.address);
    const auto replies = exchange(session, target.address, hello.commands, hello.must_be_ok.size(), patience);
    if (!replies) return fail(replies.error());
    if (auto judged = judge_hello(hello, *replies, target.address); !judged) return fail(std::move(judged.error()));
    return session;
}

}  // namespace waybill::redis

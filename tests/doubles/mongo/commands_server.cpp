#include <array>

#include "tests/doubles/mongo/commands.hpp"

namespace waybill::testing::mongo {

namespace {

constexpr std::int32_t message_bytes_max = 48'000'000;
constexpr std::int32_t write_batch_max = 100'000;
constexpr std::int32_t session_timeout_minutes = 30;

// The version that has this wire version.
std::string version_of(std::int32_t wire_version) {
    static constexpr std::array versions = {"4.0.28", "4.2.24", "4.4.29", "4.4.29", "4.4.29", "4.4.29",
                                            "5.0.26", "5.1.0",  "5.2.0",  "5.3.0",  "6.0.14"};
    const std::int32_t index = wire_version - 7;
    if (index < 0) return "3.6.23";
    if (index >= static_cast<std::int32_t>(versions.size())) return "7.0.9";
    return versions.at(static_cast<std::size_t>(index));
}

}  // namespace

Object run_hello(Call& call) {
    const Options& options = call.engine.options();
    const bool primary = call.engine.is_primary();
    const char* word = call.name == "hello" ? "isWritablePrimary" : "ismaster";
    Object reply{{word, primary}};
    if (options.wire_version_max >= wire_version_4_4) reply.set("helloOk", true);
    if (options.topology == Topology::replica_set) {
        const std::uint16_t port = options.advertised_port != 0 ? options.advertised_port : call.engine.port();
        const std::string me = "127.0.0.1:" + std::to_string(port);
        reply.set("setName", options.set_name);
        reply.set("setVersion", std::int32_t{1});
        reply.set("secondary", !primary);
        reply.set("hosts", Array{Value(me)});
        reply.set("me", me);
        if (primary) {
            reply.set("primary", me);
            reply.set("electionId", ObjectId{std::string("\x7f\xff\xff\xff\0\0\0\0\0\0\0\1", 12)});
        }
    }
    if (options.topology == Topology::sharded) reply.set("msg", "isdbgrid");
    if (call.command.has("saslSupportedMechs")) reply.set("saslSupportedMechs", Array{Value("SCRAM-SHA-256")});
    reply.set("maxBsonObjectSize", static_cast<std::int32_t>(document_bytes_max));
    reply.set("maxMessageSizeBytes", message_bytes_max);
    reply.set("maxWriteBatchSize", write_batch_max);
    reply.set("localTime", call.engine.now());
    reply.set("logicalSessionTimeoutMinutes", session_timeout_minutes);
    reply.set("connectionId", static_cast<std::int32_t>(call.client.connection_id));
    reply.set("minWireVersion", std::int32_t{0});
    reply.set("maxWireVersion", options.wire_version_max);
    reply.set("readOnly", false);
    return reply;
}

Object run_ping(Call&) { return Object{}; }

Object run_build_info(Call& call) {
    return Object{{"version", version_of(call.engine.options().wire_version_max)},
                  {"gitVersion", "double"},
                  {"modules", Array{}},
                  {"bits", std::int32_t{64}},
                  {"maxBsonObjectSize", static_cast<std::int32_t>(document_bytes_max)}};
}

Object run_connection_status(Call&) {
    return Object{{"authInfo", Object{{"authenticatedUsers", Array{}}, {"authenticatedUserRoles", Array{}}}}};
}

}  // namespace waybill::testing::mongo

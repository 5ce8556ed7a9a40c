// How a double presents itself.
#pragma once

#include <cstdint>
#include <string>

#include "domain/time.hpp"

namespace waybill::testing::mongo {

inline constexpr std::int32_t wire_version_4_2 = 8;
inline constexpr std::int32_t wire_version_4_4 = 9;

enum class Topology { replica_set, sharded, standalone };

struct Options {
    Topology topology = Topology::replica_set;
    // 17 is MongoDB 6.0, 7 is 4.0, 8 is 4.2, 9 is 4.4. Below 8 no update is a pipeline, and below 9
    // there is no command hello.
    std::int32_t wire_version_max = 17;
    std::string set_name = "rs0";
    Milliseconds transaction_lifetime{60'000};
    // Both or neither. With them, every command but the handshake and saslStart wants a login.
    std::string user{};
    std::string password{};
    std::uint16_t port = 0;             // 0 takes a free one
    std::uint16_t advertised_port = 0;  // what it tells drivers, behind a proxy; 0: its own
};

}  // namespace waybill::testing::mongo

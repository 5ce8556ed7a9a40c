// Messages on a socket: OP_MSG with its sections, and the OP_QUERY with which a driver greets.
// Source: the wire protocol of MongoDB (OP_MSG 2013, OP_QUERY 2004, OP_REPLY 1).
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "tests/doubles/mongo/value.hpp"

namespace waybill::testing::mongo {

inline constexpr std::uint32_t message_bytes_max = 48'000'000;

struct Message {
    std::int32_t id = 0;
    bool greeting = false;  // came as OP_QUERY and wants OP_REPLY
    bool wants_reply = true;
    Object command;         // document sequences are arrays in it
    std::string malformed;  // why it has no command
};

// Nothing at the end of the connection. Throws BadBson for what is not
// even a message.
[[nodiscard]] std::optional<Message> read_message(int socket);
// False when the peer is gone.
bool write_reply(int socket, const Message& to, const Object& reply);

}  // namespace waybill::testing::mongo

// Sends commands as they are, without a driver's manners.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <cstdint>
#include <cstring>
#include <optional>
#include <stdexcept>
#include <string>
#include <unistd.h>

#include "tests/doubles/mongo/wire.hpp"

namespace waybill::testing {

class RawClient {
public:
    explicit RawClient(std::uint16_t port) : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_port = htons(port);
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        if (::connect(socket_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
            ::close(socket_);
            throw std::runtime_error("nobody listens");
        }
    }
    ~RawClient() { ::close(socket_); }
    RawClient(const RawClient&) = delete;
    RawClient& operator=(const RawClient&) = delete;

    void send(mongo::Object command, const std::string& database = "shop") {
        command.set("$db", database);
        std::string bytes(20, '\0');
        bytes.push_back('\0');
        append_bytes(command, bytes);
        const std::int32_t head[] = {static_cast<std::int32_t>(bytes.size()), 1, 0, 2013};
        std::memcpy(bytes.data(), head, sizeof head);
        if (::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL) < 0)
            throw std::runtime_error("the double is gone");
    }

    // Nothing when the connection was cut.
    std::optional<mongo::Object> receive() {
        auto message = mongo::read_message(socket_);
        if (!message) return std::nullopt;
        return std::move(message->command);
    }

    std::optional<mongo::Object> run(mongo::Object command, const std::string& database = "shop") {
        send(std::move(command), database);
        return receive();
    }

private:
    int socket_;
};

// The id of a session, of sixteen equal bytes.
[[nodiscard]] inline mongo::Object session_id(char byte) {
    return mongo::Object{{"id", mongo::Binary{4, std::string(16, byte)}}};
}

// What makes a command a part of a transaction.
[[nodiscard]] inline mongo::Object in_transaction(mongo::Object command, std::int64_t number, bool first,
                                                  char session = 's') {
    command.set("lsid", session_id(session));
    command.set("txnNumber", number);
    command.set("autocommit", false);
    if (first) command.set("startTransaction", true);
    return command;
}

}  // namespace waybill::testing

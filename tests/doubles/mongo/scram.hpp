// The server's side of SCRAM-SHA-256 (RFC 5802 and 7677), for one user.
#pragma once

#include <string>
#include <string_view>

#include "ports/clock.hpp"

namespace waybill::testing::mongo {

class Scram {
public:
    static constexpr int iterations = 4'096;  // the fewest that drivers accept

    Scram(std::string user, std::string password) : user_(std::move(user)), password_(std::move(password)) {}

    // The server's first message. Throws CommandError 18.
    [[nodiscard]] std::string start(std::string_view client_first, Clock& clock);
    // The server's last message. Throws CommandError 18 for a wrong proof.
    [[nodiscard]] std::string finish(std::string_view client_final);

private:
    std::string user_;
    std::string password_;
    std::string nonce_;
    std::string salt_;
    std::string transcript_;
};

}  // namespace waybill::testing::mongo

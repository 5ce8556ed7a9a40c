// Password hashes: argon2id (RFC 9106) as PHC strings; bcrypt hashes of imported users verify.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "ports/clock.hpp"

namespace waybill {

struct PasswordCost {
    std::uint32_t memory_kib = 19'456;
    std::uint32_t iterations = 2;
};

// About 12 ms and memory_kib of memory: call it on a bounded pool. The salt is the clock's.
[[nodiscard]] std::string hash_password(std::string_view password, const PasswordCost& cost, Clock& clock);

// The hash of no password: verifying one against it takes as long as against any other of that cost.
[[nodiscard]] std::string make_unmatched_hash(const PasswordCost& cost, Clock& clock);

// False for anything that is not an argon2id PHC string or a $2a$, $2b$ or $2y$ bcrypt hash.
[[nodiscard]] bool verify_password(std::string_view password, const std::string& hash);

// Whether a hash that `password` has just verified should be replaced by one of it: bcrypt, or weaker than
// `cost`. Not where bcrypt has read the beginning of the password only: the rest may be anything.
[[nodiscard]] bool needs_rehash(std::string_view password, const std::string& hash, const PasswordCost& cost);

}  // namespace waybill

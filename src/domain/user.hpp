// Accounts: who may log in, and as what.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "domain/ids.hpp"
#include "domain/time.hpp"

namespace waybill {

enum class Role : std::uint8_t { customer, admin };

[[nodiscard]] std::string_view to_text(Role role);
[[nodiscard]] std::optional<Role> parse_role(std::string_view text);

inline constexpr std::size_t email_length_max = 254;  // octets, RFC 5321, 4.5.3.1.3
inline constexpr std::size_t user_name_length_max = 200;
inline constexpr std::size_t password_length_max = 128;  // code points

inline constexpr std::size_t bcrypt_hash_length = 60;
inline constexpr int bcrypt_cost_max = 16;  // seconds of work for each try to log in

struct User {
    UserId id;
    std::string email;  // lower case, as normalize_email returns it
    std::string name;
    std::string password_hash;  // PHC string or bcrypt
    Role role = Role::customer;
    TimePoint created_at{};
};

// The address in lower case, or empty when it is none. A conservative subset of RFC 5321 (a
// dot-atom, one '@', host labels): no control character, space, quote, comment or encoded word passes, so that
// neither a header nor an SMTP command can be injected.
[[nodiscard]] std::optional<std::string> normalize_email(std::string_view text);

// Code points of valid UTF-8; empty when the text is not valid UTF-8.
[[nodiscard]] std::optional<std::size_t> count_code_points(std::string_view text);

// Whether it is a $2a$, $2b$ or $2y$ hash that a password can be verified against here: of the whole form,
// with a cost of 4 to bcrypt_cost_max.
[[nodiscard]] bool is_bcrypt_hash(std::string_view text);

// Who asks: the outcome of a checked access token.
struct Caller {
    UserId user_id;
    SessionId session_id;
    Role role = Role::customer;
    [[nodiscard]] bool is_admin() const { return role == Role::admin; }
};

}  // namespace waybill

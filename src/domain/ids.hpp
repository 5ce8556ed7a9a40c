// Identifiers: opaque text of 1 to 64 characters [A-Za-z0-9_-], one C++ type for each kind so that
// they cannot be mixed. Ours are UUIDv7 (RFC 9562, 5.7) for orders and sessions and 24 hex digits
// for users and products; imported ones stay as they were.
#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "domain/time.hpp"

namespace waybill {

inline constexpr std::size_t id_length_max = 64;

template <class Tag>
struct Id {
    std::string text;

    Id() = default;
    explicit Id(std::string value) : text(std::move(value)) {}
    auto operator<=>(const Id&) const = default;
    bool operator==(const Id&) const = default;
};

using OrderId = Id<struct OrderTag>;
using UserId = Id<struct UserTag>;
using ProductId = Id<struct ProductTag>;
using SessionId = Id<struct SessionTag>;
using WorkId = Id<struct WorkTag>;

[[nodiscard]] bool is_valid_id(std::string_view text);

// `random` supplies the 74 free bits of a UUIDv7; its first bits are used.
[[nodiscard]] std::string make_uuid_v7(TimePoint now, std::span<const std::uint8_t, 10> random);

// 24 hex digits: seconds since 1970, then eight random bytes (the layout of a MongoDB ObjectId).
[[nodiscard]] std::string make_object_id(TimePoint now, std::span<const std::uint8_t, 8> random);

}  // namespace waybill

template <class Tag>
struct std::hash<waybill::Id<Tag>> {
    // Not noexcept: that is how libstdc++ learns that hashing takes time, and keeps what it was.
    std::size_t operator()(const waybill::Id<Tag>& id) const { return std::hash<std::string>{}(id.text); }
};

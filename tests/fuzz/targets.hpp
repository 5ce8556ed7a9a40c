// Every parser and decoder of ours, as a function of bytes that must neither crash nor break what
// require() says. A target may throw nothing.
#pragma once

#include <span>
#include <string_view>

namespace waybill::fuzz {

struct Target {
    std::string_view name;
    void (*run)(std::string_view bytes) = nullptr;
};

[[nodiscard]] std::span<const Target> json_targets();
[[nodiscard]] std::span<const Target> http_targets();
[[nodiscard]] std::span<const Target> router_targets();
[[nodiscard]] std::span<const Target> token_targets();
[[nodiscard]] std::span<const Target> aws_targets();
[[nodiscard]] std::span<const Target> wire_targets();
[[nodiscard]] std::span<const Target> store_targets();
[[nodiscard]] std::span<const Target> mail_targets();
[[nodiscard]] std::span<const Target> value_targets();

}  // namespace waybill::fuzz

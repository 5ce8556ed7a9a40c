// Carries one rendered mail to the world.
#pragma once

#include <algorithm>
#include <cstddef>
#include <functional>
#include <string>

#include "domain/time.hpp"

namespace waybill {

// Copies of a mail are identical, byte for byte: everything in `raw` derives from `identity` and
// from the order as it is stored.
struct Mail {
    std::string identity;  // "<order id>-<state>" or "reset-<id>", [A-Za-z0-9_-] only
    std::string from;
    std::string to;
    std::string raw;   // RFC 5322 message with CRLF line ends
    TimePoint date{};  // the time of the change
};

enum class MailOutcome { sent, refused, no_answer };

struct MailResult {
    MailOutcome outcome = MailOutcome::no_answer;
    std::string reason;         // one sentence when not sent
    bool of_this_mail = false;  // it tells nothing about the carrier
};

// Thread-safe. A mail whose result was `sent` is durable with its carrier.
class Mailer {
public:
    using Done = std::move_only_function<void(MailResult)>;
    virtual ~Mailer() = default;

    // Calls `done` exactly once, from any thread, perhaps before it returns. Never throws.
    virtual void send(Mail mail, Done done) = 0;

    // How many mails may be under way at once.
    [[nodiscard]] virtual std::size_t in_flight_max() const = 0;
};

// Who may take how many of a mailer's places, so that a backlog of orders' mails keeps no reset waiting.
struct MailPlaces {
    std::size_t orders = 0;
    std::size_t resets = 0;
};
inline constexpr std::size_t reset_places_max = 16;

[[nodiscard]] constexpr MailPlaces share_places(std::size_t in_flight_max) {
    const std::size_t resets = std::clamp<std::size_t>(in_flight_max / 8, 1, reset_places_max);
    return {std::max<std::size_t>(in_flight_max, resets + 1) - resets, resets};
}

}  // namespace waybill

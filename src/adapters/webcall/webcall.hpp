// Fulfilment by a signed HTTP call to the shop's own service.
//
// POST <url> with the order as JSON. Headers: Idempotency-Key (the order id), Waybill-Timestamp
// (seconds since 1970) and Waybill-Signature: "v1=" and the hex HMAC-SHA-256 over timestamp, ".",
// and body. 2xx accepts; 422 with {"reason":"..."} refuses; everything else is no usable answer.
#pragma once

#include <cstddef>
#include <memory>
#include <string>

#include "domain/error.hpp"
#include "domain/money.hpp"
#include "ports/clock.hpp"
#include "ports/fulfilment.hpp"
#include "ports/log.hpp"

namespace waybill::webcall {

struct WebcallOptions {
    std::string url;               // http or https
    std::string secret;            // at least 16 octets
    Milliseconds timeout{10'000};  // below the lease
    std::size_t in_flight_max = 32;
    std::size_t response_bytes_max = 64u << 10;
    Currency currency{};
};

[[nodiscard]] std::unique_ptr<Fulfilment> make_webcall_fulfilment(const WebcallOptions& options, Clock& clock,
                                                                  Log& log);

// Connects, and for https checks the certificate; makes no call. Errors (unavailable) are a sentence.
[[nodiscard]] Result<void> check_webcall(const WebcallOptions& options);

}  // namespace waybill::webcall

// Ends TLS before a server of 127.0.0.1 that speaks none. Thread-safe.
#pragma once

#include <cstdint>
#include <memory>

#include "tests/support/certificate.hpp"

namespace waybill::testing {

class TlsFront {
public:
    // On a free port of 127.0.0.1. Throws std::runtime_error.
    explicit TlsFront(const Certificate& certificate);
    ~TlsFront();
    TlsFront(const TlsFront&) = delete;
    TlsFront& operator=(const TlsFront&) = delete;

    // Before the first connection.
    void set_target(std::uint16_t port);
    [[nodiscard]] std::uint16_t port() const;
    // Connections that agreed on TLS.
    [[nodiscard]] int served() const;

private:
    class Listener;
    std::unique_ptr<Listener> listener_;
};

}  // namespace waybill::testing

// Stands between a program and a server on 127.0.0.1, and breaks the way on command: refused, frozen,
// reset, slow. The port outlives its faults and lies below those of outgoing connections, so that
// nobody else takes it meanwhile. Thread-safe.
#pragma once

#include <cstdint>
#include <memory>

#include "domain/time.hpp"

namespace waybill::testing {

// A port that nobody has and that was not given before; throws std::runtime_error when there is none.
[[nodiscard]] std::uint16_t find_lasting_port();

class TcpProxy {
public:
    // Throws std::runtime_error when it cannot listen.
    explicit TcpProxy(std::uint16_t target = 0);
    ~TcpProxy();
    TcpProxy(const TcpProxy&) = delete;
    TcpProxy& operator=(const TcpProxy&) = delete;

    void set_target(std::uint16_t port);
    [[nodiscard]] std::uint16_t port() const;

    // Each until heal(), and each ends the one before.
    void refuse();  // cuts what is there, too
    void freeze();  // connections are taken and bytes wait
    void slow(Milliseconds each_way);
    void heal();

    // Every connection, once; what was on its way is lost.
    void reset();
    [[nodiscard]] std::size_t resets() const;  // connections that were cut

private:
    class Loop;
    std::unique_ptr<Loop> loop_;
};

}  // namespace waybill::testing

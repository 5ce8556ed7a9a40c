// Fresh ids from the clock's time and randomness. Thread-safe.
#pragma once

#include "domain/ids.hpp"
#include "domain/password_reset.hpp"
#include "ports/clock.hpp"

namespace waybill {

class IdMaker {
public:
    explicit IdMaker(Clock& clock) : clock_(clock) {}
    [[nodiscard]] OrderId make_order_id();
    [[nodiscard]] SessionId make_session_id();
    [[nodiscard]] ResetId make_reset_id();
    [[nodiscard]] UserId make_user_id();
    [[nodiscard]] ProductId make_product_id();

private:
    Clock& clock_;
};

}  // namespace waybill

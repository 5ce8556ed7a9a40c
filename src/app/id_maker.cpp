#include "app/id_maker.hpp"

#include <array>
#include <cstdint>

namespace waybill {

namespace {

std::string make_uuid(Clock& clock) {
    std::array<std::uint8_t, 10> random{};
    clock.fill_random(random);
    return make_uuid_v7(clock.now(), random);
}

std::string make_hex_id(Clock& clock) {
    std::array<std::uint8_t, 8> random{};
    clock.fill_random(random);
    return make_object_id(clock.now(), random);
}

}  // namespace

OrderId IdMaker::make_order_id() { return OrderId{make_uuid(clock_)}; }
SessionId IdMaker::make_session_id() { return SessionId{make_uuid(clock_)}; }
ResetId IdMaker::make_reset_id() { return ResetId{make_uuid(clock_)}; }
UserId IdMaker::make_user_id() { return UserId{make_hex_id(clock_)}; }
ProductId IdMaker::make_product_id() { return ProductId{make_hex_id(clock_)}; }

}  // namespace waybill

// A wait that a stop ends.
#pragma once

#include <stop_token>

#include "domain/time.hpp"

namespace waybill::worker {

void pause_for(Milliseconds duration, const std::stop_token& stop);

}  // namespace waybill::worker

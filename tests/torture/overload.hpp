// What becomes of the binary at ten times its capacity, which a slowed sync fixes; and how soon it is
// ready with many orders on disk.
#pragma once

#include "tests/torture/options.hpp"

namespace waybill::torture {

// Prints the figures; 0 when what noise cannot break held. Throws std::runtime_error.
[[nodiscard]] int overload(const Options& options);
[[nodiscard]] int restart(const Options& options);

}  // namespace waybill::torture

// BSON as the values that the domain decides on.
#pragma once

#include <bson/bson.h>

#include "domain/legacy_value.hpp"

namespace waybill::legacy {

// Text that is not UTF-8, and what is nested deeper than 32, becomes a LegacyOther.
[[nodiscard]] LegacyDocument to_document(const bson_t& bson);

}  // namespace waybill::legacy

// Passwords that everybody tries first: the commonest words, with or without digits and signs around
// them, rows of the keyboard, runs of digits, and one thing repeated. Pure.
//
// The words are those at the head of the published lists of leaked passwords; what people append to
// them is taken off before the comparison, which covers those lists far beyond their first thousands.
#pragma once

#include <string_view>

namespace waybill {

[[nodiscard]] bool is_common_password(std::string_view password);

}  // namespace waybill

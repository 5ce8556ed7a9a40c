// Variables that look like settings and are none, most often a setting's name with a slip of the hand. Pure.
#pragma once

#include <string>
#include <string_view>

namespace waybill::cli {

// A WAYBILL_ name that no setting has. Not those that Kubernetes makes for a Service named waybill.
[[nodiscard]] bool is_unknown_setting(std::string_view name, std::string_view value);

// One sentence that names it, and the setting that was meant where one is close.
[[nodiscard]] std::string describe_unknown_setting(std::string_view name, std::string_view where);

}  // namespace waybill::cli

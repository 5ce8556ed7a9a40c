// The names under which things stand in Redis. The number is raised with the format behind it, so that
// versions of this program which run beside each other never read each other's.
#pragma once

#include <string>
#include <string_view>

namespace waybill::redis {

[[nodiscard]] inline std::string cache_key(std::string_view prefix, std::string_view key) {
    return std::string(prefix).append("c1:").append(key);
}

[[nodiscard]] inline std::string bucket_key(std::string_view prefix, std::string_view bucket) {
    return std::string(prefix).append("l1:").append(bucket);
}

}  // namespace waybill::redis

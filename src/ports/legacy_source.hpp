// The database of a system that Waybill replaces. Nothing is written to it.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "domain/error.hpp"
#include "domain/legacy_value.hpp"

namespace waybill {

// For one thread. Errors of every method (unavailable): one sentence for a person, without credentials.
class LegacySource {
public:
    virtual ~LegacySource() = default;

    [[nodiscard]] virtual Result<std::vector<std::string>> list_collections() = 0;

    // About; for a progress bar.
    [[nodiscard]] virtual Result<std::int64_t> count_documents(const std::string& collection) = 0;

    // Each document once, by `_id`, so that two runs meet them in the same order. Ends early with the error of
    // `visit`.
    using Visit = std::function<Result<void>(const LegacyDocument&)>;
    [[nodiscard]] virtual Result<void> read(const std::string& collection, const Visit& visit) = 0;
};

}  // namespace waybill

// The databases of the two older systems, on MongoDB of any version and kind.
#pragma once

#include <memory>
#include <string>

#include "domain/error.hpp"
#include "domain/time.hpp"
#include "ports/legacy_source.hpp"

namespace waybill::legacy {

struct LegacyOptions {
    std::string uri;  // its path names the database
    Milliseconds connect_timeout{5'000};
    Milliseconds server_selection_timeout{5'000};
    Milliseconds socket_timeout{60'000};
    int batch_documents = 500;
};

// Does not connect yet. Errors (validation_failed): the URI cannot be read, or names no database.
[[nodiscard]] Result<std::unique_ptr<LegacySource>> open_legacy_source(const LegacyOptions& options);

// Whether `uri` names the database `other_database` of a server that `other_uri` names too. False where one
// of them cannot be read.
[[nodiscard]] bool is_same_database(const std::string& uri, const std::string& other_uri,
                                    const std::string& other_database);

}  // namespace waybill::legacy

// A certificate of a test's own, which is its own authority, and its key, as PEM files.
#pragma once

#include <filesystem>
#include <string>

namespace waybill::testing {

struct Certificate {
    std::filesystem::path certificate;
    std::filesystem::path key;
};

// `names` as OpenSSL writes them: "DNS:localhost,IP:127.0.0.1". Throws std::runtime_error.
[[nodiscard]] Certificate make_certificate(const std::filesystem::path& folder, const std::string& names);

}  // namespace waybill::testing

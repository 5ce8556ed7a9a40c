// Who signs: AWS credentials, static or of a role that must be asked for again before they end.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "adapters/aws/aws.hpp"
#include "domain/error.hpp"
#include "ports/clock.hpp"
#include "ports/log.hpp"

namespace waybill::aws {

struct Credentials {
    std::string key_id;
    std::string secret;
    std::string token;  // empty for those of a user
    bool operator==(const Credentials&) const = default;
};

// Thread-safe. Errors: unavailable, when there are none and none can be had now.
class CredentialSource {
public:
    virtual ~CredentialSource() = default;
    [[nodiscard]] virtual Result<Credentials> get() = 0;

    // The service no longer takes `refused`; the next get() asks for others, if these can change.
    virtual void refused(const Credentials& refused) = 0;
};

// Credentials of a role and how long they will live from now on.
struct IssuedCredentials {
    Credentials credentials;
    Milliseconds lifetime{};
};
using Issue = std::function<Result<IssuedCredentials>()>;

// Calls `issue` at first use and again before what it gave has ended: one call at a time, while the
// others go on with what they have. Failures back off.
[[nodiscard]] std::unique_ptr<CredentialSource> make_refreshed_source(Issue issue, Clock& clock, Log& log);

// By what `options` holds: static ones first, then web identity, then the container endpoint, in the
// order of the AWS SDKs. Throws std::invalid_argument when there is none or one is incomplete.
[[nodiscard]] std::shared_ptr<CredentialSource> make_credential_source(const CredentialOptions& options,
                                                                       const std::string& region,
                                                                       const std::string& ca_file, Clock& clock,
                                                                       Log& log);

}  // namespace waybill::aws

// The two places that hand a container the credentials of its role.
#pragma once

#include <string>

#include "adapters/aws/credentials.hpp"

namespace waybill::aws {

// The ECS container endpoint, also that of EKS Pod Identity: GET with the authorization token.
// Throws std::invalid_argument when the address is none that such an endpoint may have.
[[nodiscard]] Issue make_container_issue(const CredentialOptions& options, const std::string& ca_file, Clock& clock);

// STS AssumeRoleWithWebIdentity with the token that lies in a file, read anew each time.
[[nodiscard]] Issue make_web_identity_issue(const CredentialOptions& options, const std::string& region,
                                            const std::string& ca_file, Clock& clock);

}  // namespace waybill::aws

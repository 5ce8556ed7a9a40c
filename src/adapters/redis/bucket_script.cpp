#include "adapters/redis/bucket_script.hpp"

#include <openssl/evp.h>

#include <array>
#include <span>
#include <stdexcept>

#include "domain/hex.hpp"

namespace waybill::redis {

std::string bucket_script_sha1() {
    std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
    unsigned int size = 0;
    if (EVP_Digest(bucket_script.data(), bucket_script.size(), digest.data(), &size, EVP_sha1(), nullptr) != 1) {
        throw std::runtime_error("SHA-1 failed");
    }
    return to_hex(std::span(digest).first(size));
}

}  // namespace waybill::redis

#include "adapters/redis/bucket_script.hpp"

#include <openssl/evp.h>

#include <array>
#include <stdexcept>

namespace waybill::redis {

std::string bucket_script_sha1() {
    std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
    unsigned int size = 0;
    if (EVP_Digest(bucket_script.data(), bucket_script.size(), digest.data(), &size, EVP_sha1(), nullptr) != 1) {
        throw std::runtime_error("SHA-1 failed");
    }
    constexpr std::string_view hex_digits = "0123456789abcdef";
    std::string out;
    for (unsigned int i = 0; i < size; ++i) {
        out += hex_digits[digest[i] >> 4];
        out += hex_digits[digest[i] & 15];
    }
    return out;
}

}  // namespace waybill::redis

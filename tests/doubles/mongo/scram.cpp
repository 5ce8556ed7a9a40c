#include "tests/doubles/mongo/scram.hpp"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <array>

#include "tests/doubles/mongo/command_error.hpp"

namespace waybill::testing::mongo {

namespace {

constexpr std::size_t digest_size = 32;
constexpr std::size_t salt_size = digest_size - 4;

const unsigned char* bytes_of(std::string_view text) { return reinterpret_cast<const unsigned char*>(text.data()); }

std::string base64(std::string_view bytes) {
    std::string out(4 * ((bytes.size() + 2) / 3) + 1, '\0');
    const int size =
        EVP_EncodeBlock(reinterpret_cast<unsigned char*>(out.data()), bytes_of(bytes), static_cast<int>(bytes.size()));
    out.resize(static_cast<std::size_t>(size));
    return out;
}

std::string from_base64(std::string_view text) {
    std::string out(text.size() + 1, '\0');
    const int size =
        EVP_DecodeBlock(reinterpret_cast<unsigned char*>(out.data()), bytes_of(text), static_cast<int>(text.size()));
    if (size < 0) return {};
    std::size_t padding = 0;
    while (padding < 2 && padding < text.size() && text[text.size() - 1 - padding] == '=') ++padding;
    out.resize(static_cast<std::size_t>(size) - padding);
    return out;
}

std::string hmac(std::string_view key, std::string_view message) {
    std::string out(digest_size, '\0');
    unsigned size = 0;
    HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()), bytes_of(message), message.size(),
         reinterpret_cast<unsigned char*>(out.data()), &size);
    return out;
}

std::string sha256(std::string_view message) {
    std::string out(digest_size, '\0');
    EVP_Digest(message.data(), message.size(), reinterpret_cast<unsigned char*>(out.data()), nullptr, EVP_sha256(),
               nullptr);
    return out;
}

std::string exclusive_or(std::string left, std::string_view right) {
    for (std::size_t i = 0; i < left.size(); ++i) left[i] = static_cast<char>(left[i] ^ right[i]);
    return left;
}

// The value of "x=value" among the parts between commas.
std::string_view part_of(std::string_view message, char name) {
    while (!message.empty()) {
        const std::size_t comma = message.find(',');
        const std::string_view part = message.substr(0, comma);
        if (part.size() >= 2 && part[0] == name && part[1] == '=') return part.substr(2);
        if (comma == std::string_view::npos) break;
        message.remove_prefix(comma + 1);
    }
    return {};
}

[[noreturn]] void refuse() { throw CommandError(code::authentication_failed, "Authentication failed."); }

}  // namespace

std::string Scram::start(std::string_view client_first, Clock& clock) {
    static constexpr std::string_view no_binding = "n,,";
    if (!client_first.starts_with(no_binding)) refuse();
    const std::string_view bare = client_first.substr(no_binding.size());
    const std::string_view client_nonce = part_of(bare, 'r');
    if (part_of(bare, 'n') != user_ || client_nonce.empty()) refuse();
    std::array<std::uint8_t, 24 + salt_size> random{};
    clock.fill_random(random);
    const std::string_view noise(reinterpret_cast<const char*>(random.data()), random.size());
    nonce_ = std::string(client_nonce) + base64(noise.substr(0, 24));
    salt_ = noise.substr(24);
    const std::string reply = "r=" + nonce_ + ",s=" + base64(salt_) + ",i=" + std::to_string(iterations);
    transcript_ = std::string(bare) + "," + reply;
    return reply;
}

std::string Scram::finish(std::string_view client_final) {
    const std::size_t proof_at = client_final.rfind(",p=");
    if (proof_at == std::string_view::npos || part_of(client_final, 'r') != nonce_ || nonce_.empty()) refuse();
    const std::string auth = transcript_ + "," + std::string(client_final.substr(0, proof_at));
    std::string salted(digest_size, '\0');
    PKCS5_PBKDF2_HMAC(password_.data(), static_cast<int>(password_.size()), bytes_of(salt_),
                      static_cast<int>(salt_.size()), iterations, EVP_sha256(), static_cast<int>(digest_size),
                      reinterpret_cast<unsigned char*>(salted.data()));
    const std::string stored_key = sha256(hmac(salted, "Client Key"));
    const std::string proof = from_base64(client_final.substr(proof_at + 3));
    if (proof.size() != digest_size) refuse();
    const std::string client_key = exclusive_or(proof, hmac(stored_key, auth));
    if (CRYPTO_memcmp(sha256(client_key).data(), stored_key.data(), digest_size) != 0) refuse();
    return "v=" + base64(hmac(hmac(salted, "Server Key"), auth));
}

}  // namespace waybill::testing::mongo

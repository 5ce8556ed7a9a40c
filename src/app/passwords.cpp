#include "app/passwords.hpp"

#include <openssl/crypto.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <crypt.h>
#include <cstring>
#include <memory>
#include <optional>
#include <sodium.h>
#include <span>
#include <stdexcept>

#include "domain/user.hpp"

namespace waybill {

namespace {

constexpr std::string_view argon2id_prefix = "$argon2id$v=19$m=";
constexpr std::size_t hash_length = 32;
constexpr std::size_t bcrypt_octets_read = 72;

// A damaged or hostile hash must not take more than this to verify.
constexpr std::uint32_t argon2id_memory_kib_max = 1u << 20;
constexpr std::uint32_t argon2id_iterations_max = 64;

void start_sodium() {
    static const bool started = sodium_init() >= 0;
    if (!started) throw std::runtime_error("libsodium did not start");
}

bool may_be_hashed(std::string_view password) {
    const auto length = count_code_points(password);
    return length && *length > 0 && *length <= password_length_max;
}

std::string encode_base64(std::span<const std::uint8_t> bytes) {
    constexpr int variant = sodium_base64_VARIANT_ORIGINAL_NO_PADDING;
    std::string text(sodium_base64_encoded_len(bytes.size(), variant), '\0');
    sodium_bin2base64(text.data(), text.size(), bytes.data(), bytes.size(), variant);
    text.pop_back();  // the terminating zero
    return text;
}

// "<number><end>" at the front of `text`, which loses it.
std::optional<std::uint32_t> take_number(std::string_view& text, std::string_view end) {
    std::uint32_t value = 0;
    const auto [stop, problem] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (problem != std::errc{}) return std::nullopt;
    text.remove_prefix(static_cast<std::size_t>(stop - text.data()));
    if (!text.starts_with(end)) return std::nullopt;
    text.remove_prefix(end.size());
    return value;
}

std::optional<PasswordCost> find_argon2id_cost(std::string_view hash) {
    if (!hash.starts_with(argon2id_prefix) || hash.size() >= crypto_pwhash_STRBYTES) return std::nullopt;
    hash.remove_prefix(argon2id_prefix.size());
    const auto memory_kib = take_number(hash, ",t=");
    if (!memory_kib || *memory_kib > argon2id_memory_kib_max) return std::nullopt;
    const auto iterations = take_number(hash, ",p=1$");
    if (!iterations || *iterations > argon2id_iterations_max) return std::nullopt;
    return PasswordCost{*memory_kib, *iterations};
}

bool verify_argon2id(std::string_view password, std::string_view hash) {
    start_sodium();
    std::array<char, crypto_pwhash_STRBYTES> text{};  // libsodium reads a terminated string
    std::ranges::copy(hash, text.begin());
    return crypto_pwhash_str_verify(text.data(), password.data(), password.size()) == 0;
}

// Only the first `bcrypt_octets_read` count, as they did for the system that made the hash. A zero inside
// would end the password early.
bool verify_bcrypt(std::string_view password, const std::string& hash) {
    if (password.contains('\0')) return false;
    const auto scratch = std::make_unique<crypt_data>();
    std::string phrase{password};
    const char* made = crypt_rn(phrase.c_str(), hash.c_str(), scratch.get(), sizeof(crypt_data));
    const bool same = made != nullptr && std::strlen(made) == bcrypt_hash_length &&
                      CRYPTO_memcmp(made, hash.data(), bcrypt_hash_length) == 0;
    OPENSSL_cleanse(scratch.get(), sizeof(crypt_data));
    OPENSSL_cleanse(phrase.data(), phrase.size());
    return same;
}

std::string phc_string(const PasswordCost& cost, std::span<const std::uint8_t> salt,
                       std::span<const std::uint8_t> hash) {
    std::string text{argon2id_prefix};
    text += std::to_string(cost.memory_kib) + ",t=" + std::to_string(cost.iterations) + ",p=1$";
    return text + encode_base64(salt) + '$' + encode_base64(hash);
}

}  // namespace

std::string hash_password(std::string_view password, const PasswordCost& cost, Clock& clock) {
    if (!may_be_hashed(password)) throw std::invalid_argument("a password has 1 to 128 characters of UTF-8");
    start_sodium();
    std::array<std::uint8_t, crypto_pwhash_SALTBYTES> salt{};
    clock.fill_random(salt);
    std::array<std::uint8_t, hash_length> hash{};
    if (crypto_pwhash(hash.data(), hash.size(), password.data(), password.size(), salt.data(), cost.iterations,
                      std::size_t{cost.memory_kib} * 1'024, crypto_pwhash_ALG_ARGON2ID13) != 0) {
        throw std::runtime_error("argon2id found no memory, or its cost is out of range");
    }
    return phc_string(cost, salt, hash);
}

std::string make_unmatched_hash(const PasswordCost& cost, Clock& clock) {
    start_sodium();
    std::array<std::uint8_t, crypto_pwhash_SALTBYTES> salt{};
    clock.fill_random(salt);
    std::array<std::uint8_t, hash_length> hash{};
    clock.fill_random(hash);
    return phc_string(cost, salt, hash);
}

bool verify_password(std::string_view password, const std::string& hash) {
    if (!may_be_hashed(password)) return false;
    if (find_argon2id_cost(hash)) return verify_argon2id(password, hash);
    // crypt takes anything else for one of its older hashes.
    return is_bcrypt_hash(hash) && verify_bcrypt(password, hash);
}

bool needs_rehash(std::string_view password, const std::string& hash, const PasswordCost& cost) {
    if (is_bcrypt_hash(hash)) return password.size() <= bcrypt_octets_read;
    const auto present = find_argon2id_cost(hash);
    return !present || present->memory_kib < cost.memory_kib || present->iterations < cost.iterations;
}

}  // namespace waybill

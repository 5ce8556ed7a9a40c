#include "http/idempotency.hpp"

#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <memory>
#include <stdexcept>

#include "http/problem.hpp"
#include "http/request_checks.hpp"

namespace waybill::http {

namespace {

constexpr std::string_view header_name = "Idempotency-Key";

bool is_visible(char c) { return c > ' ' && c < '\x7f'; }

std::string_view without_prefix(std::string_view path) {
    for (const std::string_view prefix : {"/api/v1", "/api"}) {
        if (path.starts_with(prefix) && path.substr(prefix.size()).starts_with('/')) return path.substr(prefix.size());
    }
    return path;
}

class Sha256 {
public:
    Sha256() : context_(EVP_MD_CTX_new(), &EVP_MD_CTX_free) {
        require(context_ != nullptr && EVP_DigestInit_ex(context_.get(), EVP_sha256(), nullptr) == 1);
    }

    void add(std::string_view part) {
        std::array<char, 8> length{};
        for (std::size_t i = 0; i < length.size(); ++i) length[i] = static_cast<char>((part.size() >> (8 * i)) & 255);
        require(EVP_DigestUpdate(context_.get(), length.data(), length.size()) == 1);
        require(EVP_DigestUpdate(context_.get(), part.data(), part.size()) == 1);
    }

    [[nodiscard]] RequestHash finish() {
        RequestHash hash{};
        require(EVP_DigestFinal_ex(context_.get(), hash.data(), nullptr) == 1);
        return hash;
    }

private:
    static void require(bool done) {
        if (!done) throw std::runtime_error("SHA-256 is not available");
    }

    std::unique_ptr<EVP_MD_CTX, void (*)(EVP_MD_CTX*)> context_;
};

}  // namespace

RequestHash hash_request(const Request& request) {
    Sha256 hash;
    hash.add(to_text(request.method));
    hash.add(without_prefix(request.path));
    hash.add(request.body);
    return hash.finish();
}

std::expected<std::optional<IdempotencyKey>, Response> read_idempotency_key(const Request& request) {
    const auto is_key = [](const auto& header) { return equal_names(header.first, header_name); };
    const auto found = std::ranges::find_if(request.headers, is_key);
    if (found == request.headers.end()) return std::nullopt;
    if (std::find_if(std::next(found), request.headers.end(), is_key) != request.headers.end()) {
        return std::unexpected(problem(request, ProtocolError::bad_header, "Idempotency-Key must come once."));
    }
    const std::string_view key = found->second;
    if (key.empty() || key.size() > idempotency_key_length_max || !std::ranges::all_of(key, is_visible)) {
        return std::unexpected(
            problem(request, ProtocolError::bad_header, "Idempotency-Key must be 1 to 255 visible ASCII characters."));
    }
    return IdempotencyKey{std::string(key), hash_request(request)};
}

}  // namespace waybill::http

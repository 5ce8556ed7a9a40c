#include "adapters/aws/sigv4.hpp"

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <span>
#include <stdexcept>

#include "domain/hex.hpp"
#include "domain/percent.hpp"

namespace waybill::aws {

namespace {

constexpr std::string_view algorithm = "AWS4-HMAC-SHA256";

std::string hmac_sha256(std::string_view key, std::string_view message) {
    std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
    unsigned int size = 0;
    const auto* data = reinterpret_cast<const unsigned char*>(message.data());
    if (HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()), data, message.size(), digest.data(), &size) ==
        nullptr) {
        throw std::runtime_error("HMAC failed");
    }
    return {reinterpret_cast<const char*>(digest.data()), size};
}

bool is_unreserved(char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_' ||
           c == '.' || c == '~';
}

// What begins no escape stands for itself.
std::string decode_leniently(std::string_view text) {
    std::string out;
    while (!text.empty()) {
        const std::optional<char> escaped = read_percent_escape(text);
        out += escaped.value_or(text.front());
        text.remove_prefix(escaped ? percent_escape_length : 1);
    }
    return out;
}

// Without empty, "." and ".." segments (RFC 3986, 6.2.2.3, and no doubled slash).
std::string normalize_path(std::string_view path) {
    std::vector<std::string_view> kept;
    bool ends_open = true;
    while (!path.empty()) {
        path.remove_prefix(1);  // the slash
        const std::string_view segment = path.substr(0, path.find('/'));
        path.remove_prefix(segment.size());
        ends_open = segment.empty() || segment == "." || segment == "..";
        if (segment == ".." && !kept.empty()) kept.pop_back();
        if (!ends_open) kept.push_back(segment);
    }
    std::string out;
    for (const std::string_view segment : kept) out.append("/").append(segment);
    if (ends_open) out += '/';
    return out;
}

std::string canonical_query(std::string_view query) {
    std::vector<std::pair<std::string, std::string>> pairs;
    while (!query.empty()) {
        const std::string_view part = query.substr(0, query.find('&'));
        query.remove_prefix(std::min(part.size() + 1, query.size()));
        if (part.empty()) continue;
        const std::size_t equals = std::min(part.find('='), part.size());
        const std::string_view value = part.substr(std::min(equals + 1, part.size()));
        pairs.emplace_back(percent_encode(decode_leniently(part.substr(0, equals))),
                           percent_encode(decode_leniently(value)));
    }
    std::ranges::sort(pairs);
    std::string out;
    for (const auto& [key, value] : pairs) {
        if (!out.empty()) out += '&';
        out.append(key).append("=").append(value);
    }
    return out;
}

bool is_space(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

// Trimmed, each run of white space one blank.
std::string canonical_value(std::string_view value) {
    std::string out;
    for (const char c : value) {
        if (!is_space(c)) {
            out += c;
        } else if (!out.empty() && out.back() != ' ') {
            out += ' ';
        }
    }
    if (out.ends_with(' ')) out.pop_back();
    return out;
}

std::string lower(std::string_view text) {
    std::string out(text);
    std::ranges::transform(out, out.begin(),
                           [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
    return out;
}

std::map<std::string, std::string> canonical_headers(const Headers& headers) {
    std::map<std::string, std::string> out;
    for (const auto& [name, value] : headers) {
        const auto [at, is_new] = out.try_emplace(lower(name), canonical_value(value));
        if (!is_new) at->second.append(",").append(canonical_value(value));
    }
    return out;
}

std::string signed_names(const std::map<std::string, std::string>& headers) {
    std::string out;
    for (const auto& [name, value] : headers) {
        if (!out.empty()) out += ';';
        out += name;
    }
    return out;
}

// 20260131T093000Z
std::string amz_date(TimePoint time) {
    std::string out;
    for (const char c : format_rfc3339(time).substr(0, 19)) {
        if (c != '-' && c != ':') out += c;
    }
    return out + "Z";
}

}  // namespace

std::string percent_encode(std::string_view text, bool keep_slash) {
    std::string out;
    for (const char c : text) {
        if (is_unreserved(c) || (keep_slash && c == '/')) {
            out += c;
            continue;
        }
        out += '%';
        append_upper_hex(out, c);
    }
    return out;
}

std::string sha256_hex(std::string_view bytes) {
    std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
    unsigned int size = 0;
    if (EVP_Digest(bytes.data(), bytes.size(), digest.data(), &size, EVP_sha256(), nullptr) != 1) {
        throw std::runtime_error("SHA-256 failed");
    }
    return to_hex(std::span(digest).first(size));
}

std::string canonical_request(const SignableRequest& request, PathForm form) {
    const std::map<std::string, std::string> headers = canonical_headers(request.headers);
    const std::string path = form == PathForm::normalized ? normalize_path(request.path) : request.path;
    std::string out = request.method + "\n" + percent_encode(path, true) + "\n" + canonical_query(request.query) + "\n";
    for (const auto& [name, value] : headers) out.append(name).append(":").append(value).append("\n");
    return out + "\n" + signed_names(headers) + "\n" + sha256_hex(request.body);
}

Signer::Signer(std::string region, std::string service) : region_(std::move(region)), service_(std::move(service)) {}

std::string Signer::signing_key(const std::string& secret, const std::string& day) {
    const std::lock_guard lock(mutex_);
    if (cached_day_ != day || cached_secret_ != secret) {
        const std::string of_day = hmac_sha256("AWS4" + secret, day);
        cached_key_ = hmac_sha256(hmac_sha256(hmac_sha256(of_day, region_), service_), "aws4_request");
        cached_day_ = day;
        cached_secret_ = secret;
    }
    return cached_key_;
}

Headers Signer::sign(const SignableRequest& request, const Credentials& credentials, TimePoint time, PathForm form) {
    const std::string date = amz_date(time);
    const std::string day = date.substr(0, 8);
    Headers added{{"x-amz-date", date}};
    if (!credentials.token.empty()) added.emplace_back("x-amz-security-token", credentials.token);

    SignableRequest whole = request;
    whole.headers.insert(whole.headers.end(), added.begin(), added.end());
    const std::string scope = day + "/" + region_ + "/" + service_ + "/aws4_request";
    const std::string to_sign =
        std::string(algorithm) + "\n" + date + "\n" + scope + "\n" + sha256_hex(canonical_request(whole, form));
    const std::string signature = to_hex(hmac_sha256(signing_key(credentials.secret, day), to_sign));
    added.emplace_back("authorization", std::string(algorithm) + " Credential=" + credentials.key_id + "/" + scope +
                                            ", SignedHeaders=" + signed_names(canonical_headers(whole.headers)) +
                                            ", Signature=" + signature);
    return added;
}

}  // namespace waybill::aws

// Every way to forge an access token that is known to have worked somewhere, through the whole server:
// one answer for all of them, so that nobody learns how close it came.
#include <gtest/gtest.h>

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <sqlite3.h>
#include <string>
#include <vector>

#include "tests/system/checks.hpp"
#include "tests/system/shop.hpp"

namespace waybill::system_test {
namespace {

const std::string secret = "a secret of this test alone, 32 long";
const std::string letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
const std::string our_header = R"({"alg":"HS256","typ":"JWT"})";

// A second pen, so that the test does not forge with the code that it checks.
std::string base64url(const std::string& bytes) {
    std::string text;
    unsigned bits = 0;
    int count = 0;
    for (const char c : bytes) {
        bits = bits << 8 | static_cast<unsigned char>(c);
        for (count += 8; count >= 6; count -= 6) text += letters[bits >> (count - 6) & 63];
    }
    if (count > 0) text += letters[bits << (6 - count) & 63];
    return text;
}

std::string decode(const std::string& text) {
    std::string bytes;
    unsigned bits = 0;
    int count = 0;
    for (const char c : text) {
        bits = bits << 6 | static_cast<unsigned>(letters.find(c));
        count += 6;
        if (count < 8) continue;
        count -= 8;
        bytes += static_cast<char>(bits >> count & 255);
    }
    return bytes;
}

std::string hmac(const EVP_MD* digest, const std::string& key, const std::string& message) {
    unsigned char mac[EVP_MAX_MD_SIZE];
    unsigned length = 0;
    HMAC(digest, key.data(), static_cast<int>(key.size()), reinterpret_cast<const unsigned char*>(message.data()),
         message.size(), mac, &length);
    return {reinterpret_cast<const char*>(mac), length};
}

const std::string access_key = hmac(EVP_sha256(), secret, "waybill access v1");

std::string sign(const std::string& front, const std::string& key = access_key, const EVP_MD* digest = EVP_sha256()) {
    return front + "." + base64url(hmac(digest, key, front));
}

std::string forge(const std::string& head, const std::string& claims, const std::string& key = access_key,
                  const EVP_MD* digest = EVP_sha256()) {
    return sign(base64url(head) + "." + base64url(claims), key, digest);
}

std::string replaced(std::string text, const std::string& old_part, const std::string& new_part) {
    const std::size_t at = text.find(old_part);
    EXPECT_NE(at, std::string::npos) << old_part;
    return at == std::string::npos ? text : text.replace(at, old_part.size(), new_part);
}

// The front, the middle and the back of a token.
struct Parts3 {
    std::string header, claims, signature;
    explicit Parts3(const std::string& token)
        : header(token.substr(0, token.find('.'))),
          claims(token.substr(header.size() + 1, token.rfind('.') - header.size() - 1)),
          signature(token.substr(token.rfind('.') + 1)) {}
};

struct Forgery {
    std::string trick;
    std::string token;
};

std::string number_of(const std::string& claims, const std::string& name) {
    const std::size_t begin = claims.find("\"" + name + "\":") + name.size() + 3;
    return claims.substr(begin, claims.find_first_of(",}", begin) - begin);
}

std::vector<Forgery> algorithm_tricks(const std::string& claims) {
    std::vector<Forgery> tricks;
    for (const std::string none : {"none", "None", "nOnE", "NONE", ""}) {
        const std::string head = R"({"alg":")" + none + R"(","typ":"JWT"})";
        tricks.push_back({"alg '" + none + "', unsigned", base64url(head) + "." + base64url(claims) + "."});
        tricks.push_back({"alg '" + none + "', signed", forge(head, claims)});
    }
    tricks.push_back({"HS384", forge(R"({"alg":"HS384","typ":"JWT"})", claims, access_key, EVP_sha384())});
    tricks.push_back({"HS512", forge(R"({"alg":"HS512","typ":"JWT"})", claims, access_key, EVP_sha512())});
    for (const std::string algorithm : {"RS256", "ES256", "PS256", "EdDSA", "HS256 ", "hs256"}) {
        tricks.push_back(
            {"HS256 under the name " + algorithm, forge(R"({"alg":")" + algorithm + R"(","typ":"JWT"})", claims)});
    }
    tricks.push_back({"the secret as RS256's public key", forge(R"({"alg":"RS256","typ":"JWT"})", claims, secret)});
    tricks.push_back({"alg is missing", forge(R"({"typ":"JWT"})", claims)});
    tricks.push_back({"alg is a list", forge(R"({"alg":["HS256"],"typ":"JWT"})", claims)});
    tricks.push_back({"alg twice", forge(R"({"alg":"none","alg":"HS256","typ":"JWT"})", claims)});
    return tricks;
}

std::vector<Forgery> header_tricks(const std::string& claims) {
    std::vector<Forgery> tricks;
    for (const std::string member :
         {R"("jwk":{"kty":"oct","k":"AA"})", R"("jku":"http://127.0.0.1:1/keys")", R"("kid":"../../../dev/null")",
          R"("kid":"x' UNION SELECT 'AA")", R"("kid":"|/usr/bin/id")", R"("x5u":"http://127.0.0.1:1/cert")",
          R"("x5c":["AA"])", R"("crit":["exp"])", R"("b64":false,"crit":["b64"])", R"("zip":"DEF")",
          R"("enc":"A256GCM")", R"("cty":"JWT")"}) {
        tricks.push_back({"header with " + member, forge(R"({"alg":"HS256","typ":"JWT",)" + member + "}", claims)});
        tricks.push_back({"an empty key and " + member,
                          forge(R"({"alg":"HS256","typ":"JWT",)" + member + "}", claims, std::string())});
    }
    tricks.push_back({"an empty key", forge(our_header, claims, std::string())});
    tricks.push_back({"a key of zeros", forge(our_header, claims, std::string(32, '\0'))});
    for (const std::string type : {"at+jwt", "jwt", "JWE", "logout+jwt"}) {
        tricks.push_back({"typ " + type, forge(R"({"alg":"HS256","typ":")" + type + "\"}", claims)});
    }
    tricks.push_back({"typ is missing", forge(R"({"alg":"HS256"})", claims)});
    tricks.push_back({"the key of other libraries", forge(our_header, claims, secret)});
    tricks.push_back(
        {"another secret", forge(our_header, claims, hmac(EVP_sha256(), "x" + secret, "waybill access v1"))});
    return tricks;
}

// Well signed, all of them: nobody but us could, and still nothing else than ours is taken.
std::vector<Forgery> claim_tricks(const std::string& claims) {
    const std::string iat = R"("iat":)" + number_of(claims, "iat");
    const std::string exp = R"("exp":)" + number_of(claims, "exp");
    const std::pair<std::string, std::string> changes[] = {
        {R"("iss":"waybill")", R"("iss":"somebody")"},
        {R"("iss":"waybill",)", ""},
        {R"("aud":"waybill")", R"("aud":"somebody")"},
        {R"("aud":"waybill",)", ""},
        {R"("aud":"waybill")", R"("aud":["waybill","x"])"},
        {"," + exp, ""},
        {exp, R"("exp":")" + number_of(claims, "exp") + "\""},
        {exp, R"("exp":4102444800.5)"},
        {exp, R"("exp":1e300)"},
        {exp, R"("exp":99999999999999999999999999)"},
        {exp, R"("exp":-1)"},
        {exp, R"("exp":null)"},
        {exp, R"("exp":true)"},
        {exp, R"("exp":[4102444800])"},
        {exp, exp + R"(,"nbf":4102444800)"},
        {exp, R"("exp":4102444800,)" + exp},
        {exp, exp + R"(,"exp":4102444800)"},
        {iat, R"("iat":"now")"},
        {R"("sub":)", R"("sub":"a","sub":)"},
        {R"("role":"customer")", R"("role":"root")"},
        {R"("role":"customer",)", ""},
        {R"("role":"customer")", R"("role":["admin"])"},
        {R"("role":"customer")", R"("role":"customer","role":"admin")"},
        {R"("sid":)", R"("sid":"' OR 1=1 --","x":)"},
        {"}", "}x"},
        {"}", "} "},
        {"{", "\xef\xbb\xbf{"},
        {"{", "[{"},
        {"}", ""}};
    std::vector<Forgery> tricks;
    for (const auto& [old_part, new_part] : changes) {
        tricks.push_back(
            {"claims with " + new_part + " for " + old_part, forge(our_header, replaced(claims, old_part, new_part))});
    }
    for (const std::string other : {"", "{}", "null", "[]", "\"waybill\"", "1"}) {
        tricks.push_back({"claims are " + other, forge(our_header, other)});
    }
    for (const std::string name : {"sub", "sid"}) {
        const std::size_t begin = claims.find("\"" + name + "\":\"");
        const std::string member = claims.substr(begin, claims.find("\",", begin) + 2 - begin);
        tricks.push_back({name + " is missing", forge(our_header, replaced(claims, member, ""))});
        tricks.push_back({name + " is empty", forge(our_header, replaced(claims, member, "\"" + name + "\":\"\","))});
    }
    return tricks;
}

std::vector<Forgery> form_tricks(const std::string& token, const std::string& claims) {
    const Parts3 parts(token);
    const std::string front = parts.header + "." + parts.claims;
    std::string odd_signature = parts.signature;
    odd_signature.back() = letters[(letters.find(odd_signature.back()) ^ 1) & 63];  // bits that say nothing
    const std::string admin = replaced(claims, R"("role":"customer")", R"("role":"admin")");
    return {
        {"trailing bytes", token + "x"},
        {"trailing dot", token + "."},
        {"padding", token + "="},
        {"padded claims", sign(front + "=")},
        {"stray bits in the signature", front + "." + odd_signature},
        {"a plus sign", sign(parts.header + "." + "+" + parts.claims.substr(1))},
        {"a slash", sign(parts.header + "." + "/" + parts.claims.substr(1))},
        {"an empty signature", front + "."},
        {"no signature", front},
        {"the signature of another token", front + "." + Parts3(forge(our_header, "{}")).signature},
        {"a signature cut short", token.substr(0, token.size() - 1)},
        {"four parts", token + "." + parts.signature},
        {"five parts, as a JWE", parts.header + "..." + parts.claims + "." + parts.signature},
        {"a space in it", parts.header + ". " + parts.claims + "." + parts.signature},
        {"a tab in it", parts.header + ".\t" + parts.claims + "." + parts.signature},
        {"a comma and another", token + ", " + token},
        {"quotes", "\"" + token + "\""},
        {"JSON serialisation", R"({"protected":")" + parts.header + R"(","payload":")" + parts.claims +
                                   R"(","signature":")" + parts.signature + "\"}"},
        {"dots alone", ".."},
        {"a word", "token"},
        {"six kilobytes", std::string(6'000, 'A') + "." + std::string(50, 'A') + "." + parts.signature},
        {"a role that was raised", parts.header + "." + base64url(admin) + "." + parts.signature},
        {"a header of another token",
         base64url(R"({"typ":"JWT","alg":"HS256"})") + "." + parts.claims + "." + parts.signature},
    };
}

// RFC 7515 (A.1, A.2, A.3, A.5) and RFC 7519 (6.1): good examples elsewhere, and strangers here.
const std::string rfc_claims =
    "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ";
const std::string rfc_hs256 =
    "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9." + rfc_claims + ".dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const std::string rfc_key = "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow";

std::vector<Forgery> examples_of_the_rfcs() {
    return {
        {"RFC 7515 A.1, HS256", rfc_hs256},
        {"RFC 7515 A.2, RS256",
         "eyJhbGciOiJSUzI1NiJ9." + rfc_claims +
             ".cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJ"
             "dbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9"
             "383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIh"
             "WkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw"},
        {"RFC 7515 A.3, ES256",
         "eyJhbGciOiJFUzI1NiJ9." + rfc_claims +
             ".DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q"},
        {"RFC 7515 A.5 and RFC 7519 6.1, none", "eyJhbGciOiJub25lIn0." + rfc_claims + "."},
    };
}

void delete_user(Shop& shop, const std::string& email) {
    sqlite3* db = nullptr;
    ASSERT_EQ(sqlite3_open((shop.data_dir() / "waybill.db").c_str(), &db), SQLITE_OK);
    sqlite3_busy_timeout(db, 10'000);
    EXPECT_EQ(sqlite3_exec(db, ("DELETE FROM users WHERE email='" + email + "'").c_str(), nullptr, nullptr, nullptr),
              SQLITE_OK)
        << sqlite3_errmsg(db);
    EXPECT_EQ(sqlite3_changes(db), 1);
    sqlite3_close(db);
}

class Forgeries : public ::testing::Test {
protected:
    [[nodiscard]] Answer ask(const std::string& token) {
        return http.get("/api/v1/me", {{"Authorization", "Bearer " + token}, {"X-Request-Id", "one"}});
    }

    // Status, body and challenge are those of a token that is nonsense.
    void expect_refused(const std::vector<Forgery>& forgeries) {
        const Answer nonsense = ask("x.y.z");
        expect_problem(nonsense, 401, "token-invalid");
        for (const Forgery& forgery : forgeries) {
            const Answer answer = ask(forgery.token);
            EXPECT_EQ(answer.status, 401) << forgery.trick;
            EXPECT_EQ(answer.body, nonsense.body) << forgery.trick;
            EXPECT_EQ(answer.header("www-authenticate"), nonsense.header("www-authenticate")) << forgery.trick;
        }
        EXPECT_EQ(ask(customer.token).status, 200) << "the real one still counts";
    }

    Shop shop{{"--jwt-secret", secret}};
    HttpClient http = shop.client();
    Customer customer = shop.register_customer();
    std::string claims = decode(Parts3(customer.token).claims);
};

TEST_F(Forgeries, this_test_writes_what_the_server_writes) {
    EXPECT_EQ(forge(our_header, claims), customer.token);
    EXPECT_EQ(ask(forge(our_header, claims)).status, 200);
    EXPECT_EQ(sign(rfc_hs256.substr(0, rfc_hs256.rfind('.')), decode(rfc_key)), rfc_hs256);
}

TEST_F(Forgeries, another_algorithm_is_refused) { expect_refused(algorithm_tricks(claims)); }
TEST_F(Forgeries, another_header_is_refused) { expect_refused(header_tricks(claims)); }
TEST_F(Forgeries, other_claims_are_refused_even_well_signed) { expect_refused(claim_tricks(claims)); }
TEST_F(Forgeries, another_form_is_refused) { expect_refused(form_tricks(customer.token, claims)); }
TEST_F(Forgeries, the_examples_of_the_rfcs_are_refused) { expect_refused(examples_of_the_rfcs()); }

TEST_F(Forgeries, a_token_of_no_living_session_is_refused_the_same) {
    const Customer gone = shop.register_customer();
    const Customer deleted = shop.register_customer();
    EXPECT_EQ(http.post("/api/v1/auth/logout-all", "", gone.auth()).status, 204);
    std::vector<Forgery> forgeries{{"a revoked session", gone.token},
                                   {"a refresh token", customer.cookie.substr(customer.cookie.find('=') + 1)}};
    const std::size_t sid = claims.find(R"("sid":")") + 7;
    for (const std::string other : {"01890a5d-ac96-774b-bcce-b302099a8057", "s"}) {
        std::string changed = claims;
        forgeries.push_back(
            {"session " + other, forge(our_header, changed.replace(sid, claims.find('"', sid) - sid, other))});
    }
    if (parts_of_tests() == Parts::embedded) {
        EXPECT_EQ(ask(deleted.token).status, 200);
        delete_user(shop, deleted.email);
        forgeries.push_back({"a deleted user", deleted.token});
    }
    expect_refused(forgeries);
}

TEST_F(Forgeries, an_expired_one_is_told_to_refresh) {
    const std::string past = replaced(claims, R"("exp":)" + number_of(claims, "exp"), R"("exp":1767225600)");
    expect_problem(ask(forge(our_header, past)), 401, "token-expired");
}

TEST_F(Forgeries, a_hundred_kilobytes_never_get_that_far) {
    expect_problem(ask(std::string(100'000, 'A')), 431, "headers-too-large");
    EXPECT_EQ(ask(customer.token).status, 200);
}

}  // namespace
}  // namespace waybill::system_test

#include "tests/support/certificate.hpp"

#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <cstdio>
#include <memory>
#include <stdexcept>

namespace waybill::testing {

namespace {

template <auto release>
struct Releases {
    template <class T>
    void operator()(T* held) const {
        release(held);
    }
};
using File = std::unique_ptr<std::FILE, Releases<&std::fclose>>;
using Key = std::unique_ptr<EVP_PKEY, Releases<&EVP_PKEY_free>>;
using X509Certificate = std::unique_ptr<X509, Releases<&X509_free>>;
using Extension = std::unique_ptr<X509_EXTENSION, Releases<&X509_EXTENSION_free>>;

constexpr long lifetime_s = 2 * 86'400;

void require(bool holds) {
    if (!holds) throw std::runtime_error("no certificate for the test");
}

}  // namespace

Certificate make_certificate(const std::filesystem::path& folder, const std::string& names) {
    const Key key(EVP_EC_gen("P-256"));
    const X509Certificate made(X509_new());
    require(key && made);
    X509_set_version(made.get(), X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(made.get()), 1);
    X509_gmtime_adj(X509_getm_notBefore(made.get()), -lifetime_s);
    X509_gmtime_adj(X509_getm_notAfter(made.get()), lifetime_s);
    X509_NAME* name = X509_get_subject_name(made.get());
    const auto* text = reinterpret_cast<const unsigned char*>("waybill-test");
    require(X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, text, -1, -1, 0) == 1);
    require(X509_set_issuer_name(made.get(), name) == 1 && X509_set_pubkey(made.get(), key.get()) == 1);
    const Extension said(X509V3_EXT_conf_nid(nullptr, nullptr, NID_subject_alt_name, names.c_str()));
    require(said && X509_add_ext(made.get(), said.get(), -1) == 1);
    require(X509_sign(made.get(), key.get(), EVP_sha256()) != 0);

    Certificate paths{folder / "certificate.pem", folder / "key.pem"};
    const File certificate_file(std::fopen(paths.certificate.c_str(), "w"));
    const File key_file(std::fopen(paths.key.c_str(), "w"));
    require(certificate_file && PEM_write_X509(certificate_file.get(), made.get()) == 1);
    require(key_file && PEM_write_PrivateKey(key_file.get(), key.get(), nullptr, nullptr, 0, nullptr, nullptr) == 1);
    return paths;
}

}  // namespace waybill::testing

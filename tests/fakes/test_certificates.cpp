#include "fakes/test_certificates.h"

#include <openssl/bio.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>

namespace campush::test {

namespace {

void require(bool is_good, const char* what) {
  if (is_good) return;
  std::fprintf(stderr, "test_certificates: %s\n", what);
  std::abort();
}

void add_extension(X509* certificate, X509* issuer, int nid, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, &context, nid, value.c_str());
  require(extension != nullptr, value.c_str());
  X509_add_ext(certificate, extension, -1);
  X509_EXTENSION_free(extension);
}

std::string alternative_names(const certificate_spec& spec) {
  std::string text;
  for (const auto& name : spec.dns_names) text += (text.empty() ? "DNS:" : ",DNS:") + name;
  for (const auto& address : spec.addresses) text += (text.empty() ? "IP:" : ",IP:") + address;
  return text;
}

void add_name(X509_NAME* name, const char* field, const std::string& text) {
  if (text.empty()) return;
  require(X509_NAME_add_entry_by_txt(name, field, MBSTRING_UTF8, reinterpret_cast<const unsigned char*>(text.data()),
                                     static_cast<int>(text.size()), -1, 0) == 1,
          "name");
}

template <class Write>
std::string to_text(Write write) {
  const std::unique_ptr<BIO, decltype(&BIO_free)> memory(BIO_new(BIO_s_mem()), BIO_free);
  require(write(memory.get()) == 1, "PEM");
  char* data = nullptr;
  const long size = BIO_get_mem_data(memory.get(), &data);
  return {data, static_cast<size_t>(size)};
}

}  // namespace

test_certificate::test_certificate(const certificate_spec& spec, const test_certificate* issuer)
    : m_key(spec.rsa_bits > 0 ? EVP_RSA_gen(static_cast<size_t>(spec.rsa_bits)) : EVP_EC_gen("P-256"), EVP_PKEY_free),
      m_certificate(X509_new(), X509_free) {
  static std::atomic<long> serial{1};
  X509* made = m_certificate.get();
  X509* signer = issuer != nullptr ? issuer->m_certificate.get() : made;
  X509_set_version(made, X509_VERSION_3);
  ASN1_INTEGER_set(X509_get_serialNumber(made), serial++);
  X509_set_pubkey(made, m_key.get());
  ASN1_TIME_set(X509_getm_notBefore(made), std::chrono::system_clock::to_time_t(spec.not_before));
  ASN1_TIME_set(X509_getm_notAfter(made), std::chrono::system_clock::to_time_t(spec.not_after));
  add_name(X509_get_subject_name(made), "O", spec.organisation);
  add_name(X509_get_subject_name(made), "CN", spec.common_name);
  X509_set_issuer_name(made, X509_get_subject_name(signer));
  add_extension(made, signer, NID_basic_constraints, spec.is_ca ? "critical,CA:TRUE" : "critical,CA:FALSE");
  add_extension(made, signer, NID_subject_key_identifier, "hash");
  if (const std::string names = alternative_names(spec); !names.empty()) {
    add_extension(made, signer, NID_subject_alt_name, names);
  }
  if (!spec.purpose.empty()) add_extension(made, signer, NID_ext_key_usage, spec.purpose);
  EVP_PKEY* key = issuer != nullptr ? issuer->m_key.get() : m_key.get();
  require(X509_sign(made, key, EVP_sha256()) > 0, "signature");
}

std::string test_certificate::pem() const {
  return to_text([this](BIO* out) { return PEM_write_bio_X509(out, m_certificate.get()); });
}

std::string test_certificate::key_pem() const {
  return to_text(
      [this](BIO* out) { return PEM_write_bio_PrivateKey(out, m_key.get(), nullptr, nullptr, 0, nullptr, nullptr); });
}

std::string test_certificate::pin() const {
  unsigned char* spki = nullptr;
  const int size = i2d_PUBKEY(m_key.get(), &spki);
  unsigned char digest[32];
  EVP_Digest(spki, static_cast<size_t>(size), digest, nullptr, EVP_sha256(), nullptr);
  OPENSSL_free(spki);
  unsigned char text[45];
  EVP_EncodeBlock(text, digest, sizeof digest);
  return reinterpret_cast<const char*>(text);
}

std::string test_certificate::hashed_name() const {
  char text[16];
  std::snprintf(text, sizeof text, "%08lx.0",
                X509_NAME_hash_ex(X509_get_subject_name(m_certificate.get()), nullptr, nullptr, nullptr));
  return text;
}

temporary_folder::temporary_folder() {
  std::string pattern = (std::filesystem::temp_directory_path() / "campush_test_XXXXXX").string();
  require(::mkdtemp(pattern.data()) != nullptr, "temporary folder");
  m_path = pattern;
}

temporary_folder::~temporary_folder() {
  std::error_code ignored;
  std::filesystem::remove_all(m_path, ignored);
}

std::string temporary_folder::write(const std::string& name, const std::string& content) const {
  const std::string path = m_path + "/" + name;
  std::ofstream(path, std::ios::binary) << content;
  return path;
}

}  // namespace campush::test

#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <vector>

struct evp_pkey_st;
struct x509_st;

namespace campush::test {

using wall_time = std::chrono::system_clock::time_point;

/// What a certificate says. Key: EC P-256, or RSA with that many bits.
struct certificate_spec {
  std::string common_name = "server";
  std::string organisation;
  std::vector<std::string> dns_names;
  std::vector<std::string> addresses;
  wall_time not_before, not_after;
  bool is_ca = false;
  std::string purpose;  ///< extendedKeyUsage: "serverAuth", "clientAuth"; empty: none said
  int rsa_bits = 0;
};

/// A certificate with its key, made on the spot.
/// Errors: none; a specification that OpenSSL refuses ends the test program.
class test_certificate {
 public:
  static test_certificate self_signed(const certificate_spec& spec) { return test_certificate(spec, nullptr); }
  test_certificate issue(const certificate_spec& spec) const { return test_certificate(spec, this); }

  std::string pem() const;
  std::string key_pem() const;
  /// SHA-256 of the public key in base64.
  std::string pin() const;
  /// The name under which a hashed directory has it: "5f15c80c.0".
  std::string hashed_name() const;

 private:
  test_certificate(const certificate_spec& spec, const test_certificate* issuer);

  std::shared_ptr<evp_pkey_st> m_key;
  std::shared_ptr<x509_st> m_certificate;
};

/// A folder of its own that goes with the object.
class temporary_folder {
 public:
  temporary_folder();
  ~temporary_folder();
  temporary_folder(const temporary_folder&) = delete;
  temporary_folder& operator=(const temporary_folder&) = delete;
  /// Returns the file's path.
  std::string write(const std::string& name, const std::string& content) const;
  const std::string& path() const noexcept { return m_path; }

 private:
  std::string m_path;
};

}  // namespace campush::test

#pragma once

#include <string>
#include <tuple>
#include <vector>

namespace campush {

enum class tls_version : uint8_t { v1_2, v1_3 };

/// How a TLS server is judged and what it is shown. Defaults: the system's CAs from their hashed directory, loaded on demand.
/// Shape: paths are read when a tls_client is made. `pin_sha256` holds SHA-256 digests of SubjectPublicKeyInfo, base64 (RFC 7469) or
///   hex; with pins one of them must match a certificate of the verified chain, beside all other checks. `insecure` skips chain, name
///   and date, never the pins.
/// Thread: any-thread (a value type).
struct tls_options {
  std::string ca_file, ca_path;
  std::vector<std::string> pin_sha256;
  std::string client_cert, client_key;
  tls_version min_version = tls_version::v1_2;
  bool insecure = false;

  friend bool operator==(const tls_options& left, const tls_options& right) { return left.tied() == right.tied(); }
  friend bool operator!=(const tls_options& left, const tls_options& right) { return !(left == right); }
  friend bool operator<(const tls_options& left, const tls_options& right) { return left.tied() < right.tied(); }

 private:
  std::tuple<const std::string&, const std::string&, const std::vector<std::string>&, const std::string&,
             const std::string&, const tls_version&, const bool&>
  tied() const {
    return {ca_file, ca_path, pin_sha256, client_cert, client_key, min_version, insecure};
  }
};

}  // namespace campush

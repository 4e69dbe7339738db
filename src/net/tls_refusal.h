#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "net/openssl_handles.h"
#include "net/tls_client.h"
#include "net/tls_options.h"
#include "util/result.h"

namespace campush {

/// What a refused certificate is explained with.
/// Units: wall time; `depth` 0 is the server's own certificate, above it its issuers.
struct refused_certificate {
  int verify_error = X509_V_OK;  ///< X509_V_ERR_*
  int depth = 0;
  X509* certificate = nullptr;  ///< the one that the check stopped at; may be null
  std::string host;             ///< whom we meant to reach
  std::chrono::system_clock::time_point now{};
};

/// Why a handshake was refused, in one sentence for the person at the camera.
/// Shape: text that comes from a certificate is bounded and has only printable ASCII; no name of a file, no secret.
/// Thread: any-thread.
/// Source: RFC 5280, RFC 8446 section 6; X509_verify_cert_error_string(3).
std::string explain_refused_certificate(const refused_certificate& refused);
/// `pins_found`: of the certificates that could have matched, base64.
std::string explain_pin_mismatch(const std::vector<std::string>& pins_found);
/// Of an entry of OpenSSL's error queue: the peer's alert, a version that is not allowed, something that is not TLS.
std::string explain_tls_error(unsigned long code, tls_version min_version);

/// Times that cannot be read are the epoch.
certificate_facts describe_certificate(const X509& certificate);

const char* tls_version_name(tls_version version) noexcept;
/// "2026-11-20 13:05 UTC".
std::string date_text(std::chrono::system_clock::time_point when);

}  // namespace campush

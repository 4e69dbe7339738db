#pragma once

#include <array>
#include <memory>
#include <string>
#include <vector>

#include "net/openssl_handles.h"
#include "net/tls_client.h"
#include "net/tls_options.h"
#include "net/tls_tickets.h"
#include "util/clock.h"
#include "util/result.h"

namespace campush {

using pin_digest = std::array<uint8_t, 32>;

/// SHA-256 of a SubjectPublicKeyInfo: base64 or hex (colons allowed), with or without "sha256/" or "sha256//" in front.
/// Errors: malformed, with the text.
[[nodiscard]] result<pin_digest> parse_pin(const std::string& text);
std::string pin_text(const pin_digest& pin);

/// What the clients of one set of options share beside their SSL_CTX.
struct tls_rules {
  std::vector<pin_digest> pins;
  tls_version min_version = tls_version::v1_2;
  bool is_insecure = false;
  const clock* time = nullptr;
  std::string trust_problem;  ///< not empty: no CAs were found, and where they were looked for
  tls_tickets tickets;
  certificate_listener listener;  ///< may be empty
};

/// Hangs on an SSL (SSL_set_app_data) from its first to its last byte.
struct tls_peer {
  std::shared_ptr<tls_rules> rules;  ///< null on a server's side
  std::string host;
  std::string server;   ///< host and port: the name of its tickets
  std::string refusal;  ///< why its certificate was refused, one sentence
};

/// An SSL_CTX that judges servers as `options` say.
/// Shape: SSLs made of it must carry a tls_peer. CAs come from ca_file and ca_path or else from the system's hashed directory, read on
///   demand; where the system has only a bundle, the bundle is loaded.
/// Errors: not_found, permission_denied (a file or folder cannot be read), malformed (it is not what it should be, the key does not
///   fit, a pin is none).
/// Source: verification in X509_verify_cert(3); pins in RFC 7469, checked before anything of ours is shown to the server.
[[nodiscard]] result<ssl_ctx_ptr> make_client_context(const tls_options& options, tls_rules& rules);

/// Every file and folder that says what the system trusts, there or not: what make_client_context() looks at without ca_file and ca_path.
std::vector<std::string> system_trust_paths();

/// Certificate chain and private key of one side. Errors: as above.
[[nodiscard]] result<void> load_identity(SSL_CTX* context, const std::string& certificate_file,
                                         const std::string& key_file);
/// Errors: not_found, permission_denied …, malformed (a device, a FIFO); the content is not looked at.
[[nodiscard]] result<void> check_readable(const std::string& path, const char* what);

/// What both sides allow: no renegotiation, no compression, bounded chains.
void set_common_rules(SSL_CTX* context) noexcept;

}  // namespace campush

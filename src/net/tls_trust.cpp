#include "net/tls_trust.h"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <cstdlib>
#include <iterator>
#include <string_view>

#include "net/tls_refusal.h"
#include "util/log.h"

namespace campush {

namespace {

constexpr int max_chain_depth = 10;
constexpr long max_chain_bytes = 100 * 1024;
constexpr const char* common_cert_dir = "/etc/ssl/certs";
constexpr const char* common_bundles[] = {"/etc/ssl/certs/ca-certificates.crt", "/etc/ssl/cert.pem"};

error malformed(const char* what, const std::string& path, const char* why) {
  ERR_clear_error();
  return {error_code::malformed, fmt::format("{} {}: {}", what, path, why)};
}

pin_digest pin_of(const X509* certificate) noexcept {
  pin_digest digest{};
  uint8_t* spki = nullptr;
  const int size = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(certificate), &spki);
  if (size > 0) EVP_Digest(spki, static_cast<size_t>(size), digest.data(), nullptr, EVP_sha256(), nullptr);
  OPENSSL_free(spki);
  return digest;
}

/// With `insecure` nothing but the server's own key is proven: a pinned CA beside it could be a copy that anybody may send.
bool has_pinned_key(X509_STORE_CTX* store, const tls_rules& rules, std::vector<std::string>& found) {
  const auto is_pinned = [&](const X509* certificate) {
    const pin_digest pin = pin_of(certificate);
    found.push_back(pin_text(pin));
    return std::find(rules.pins.begin(), rules.pins.end(), pin) != rules.pins.end();
  };
  if (rules.is_insecure) return is_pinned(X509_STORE_CTX_get0_cert(store));
  const STACK_OF(X509)* chain = X509_STORE_CTX_get0_chain(store);
  for (int i = 0; i < sk_X509_num(chain); ++i) {
    if (is_pinned(sk_X509_value(chain, i))) return true;
  }
  return false;
}

std::string explain(X509_STORE_CTX* store, const tls_peer& peer, std::chrono::system_clock::time_point now) {
  const int code = X509_STORE_CTX_get_error(store);
  const int depth = X509_STORE_CTX_get_error_depth(store);
  X509* certificate = X509_STORE_CTX_get_current_cert(store);
  // The name check speaks of the server's own certificate but does not say so in every version.
  if (certificate == nullptr) certificate = X509_STORE_CTX_get0_cert(store);
  std::string text = explain_refused_certificate({code, depth, certificate, peer.host, now});
  if (!peer.rules->trust_problem.empty()) text += "; " + peer.rules->trust_problem;
  return text;
}

void tell_certificate(X509_STORE_CTX* store, const tls_peer& peer) noexcept {
  const X509* certificate = X509_STORE_CTX_get0_cert(store);
  if (certificate == nullptr) return;
  try {
    peer.rules->listener(peer.server, describe_certificate(*certificate));
  } catch (const std::exception& failure) {
    log_error(log_module::net, "a certificate cannot be told: {}", failure.what());
  }
}

/// Called by OpenSSL in place of its own check. Returns 1 to go on; otherwise the store's error decides on the alert that is sent.
int judge_chain(X509_STORE_CTX* store, void*) noexcept {
  auto* ssl = static_cast<SSL*>(X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx()));
  auto* peer = static_cast<tls_peer*>(SSL_get_app_data(ssl));
  const tls_rules& rules = *peer->rules;
  const auto now = rules.time->wall_now();
  // A 32-bit OpenSSL whose time_t is narrower than ours reads the lower half, on little-endian targets: right until 2038.
  X509_STORE_CTX_set_time(store, 0, std::chrono::system_clock::to_time_t(now));
  if (rules.listener) tell_certificate(store, *peer);
  if (!rules.is_insecure && X509_verify_cert(store) != 1) {
    peer->refusal = explain(store, *peer, now);
    return 0;
  }
  std::vector<std::string> found;
  if (rules.pins.empty() || has_pinned_key(store, rules, found)) return 1;
  peer->refusal = explain_pin_mismatch(found);
  X509_STORE_CTX_set_error(store, X509_V_ERR_APPLICATION_VERIFICATION);
  return 0;
}

int keep_ticket(SSL* ssl, SSL_SESSION* session) noexcept {
  const auto* peer = static_cast<const tls_peer*>(SSL_get_app_data(ssl));
  peer->rules->tickets.keep(peer->server, session);
  return 0;  // the reference stays OpenSSL's
}

/// A key with a passphrase must not ask for it on the terminal.
int no_passphrase(char*, int, int, void*) noexcept {
  return 0;
}

/// Names as openssl-rehash makes them: eight hex digits, a dot, a number.
bool is_hashed_name(std::string_view name) noexcept {
  const auto is_hex = [](char c) { return std::isxdigit(static_cast<unsigned char>(c)) != 0; };
  return name.size() >= 10 && name[8] == '.' && std::all_of(name.begin(), name.begin() + 8, is_hex) &&
         std::isdigit(static_cast<unsigned char>(name[9])) != 0;
}

bool is_hashed_directory(const std::string& path) {
  const std::unique_ptr<DIR, openssl_deleter<::closedir>> directory(::opendir(path.c_str()));
  if (!directory) return false;
  while (const dirent* entry = ::readdir(directory.get())) {
    if (is_hashed_name(entry->d_name)) return true;
  }
  return false;
}

std::string setting(const char* name, const char* otherwise) {
  const char* value = std::getenv(name);
  return value != nullptr && *value != '\0' ? value : otherwise;
}

/// Where SSL_CERT_DIR, or else OpenSSL itself, says that the CAs are: it may be a list, with colons in between.
std::vector<std::string> wanted_directories() {
  const std::string list = setting(X509_get_default_cert_dir_env(), X509_get_default_cert_dir());
  std::vector<std::string> paths;
  for (size_t at = 0; at <= list.size();) {
    const size_t end = std::min(list.find(':', at), list.size());
    if (end > at) paths.push_back(list.substr(at, end - at));
    at = end + 1;
  }
  return paths;
}

std::string wanted_bundle() {
  return setting(X509_get_default_cert_file_env(), "");
}

bool load_bundle(SSL_CTX* context, const std::string& path) {
  return ::access(path.c_str(), R_OK) == 0 && SSL_CTX_load_verify_file(context, path.c_str()) == 1;
}

bool load_directory(SSL_CTX* context, const std::string& path) {
  return is_hashed_directory(path) && SSL_CTX_load_verify_dir(context, path.c_str()) == 1;
}

/// A bundle of 140 CAs costs megabytes once it is parsed; a hashed directory costs what is used of it.
void trust_system(SSL_CTX* context, tls_rules& rules) {
  bool has_directory = false;
  for (const std::string& path : wanted_directories()) has_directory = load_directory(context, path) || has_directory;
  has_directory = has_directory || load_directory(context, common_cert_dir);
  const std::string bundle = wanted_bundle();
  bool has_some = (!bundle.empty() && load_bundle(context, bundle)) || has_directory;
  for (const char* common : common_bundles) has_some = has_some || load_bundle(context, common);
  ERR_clear_error();
  if (has_some) return;
  rules.trust_problem = fmt::format("no CA certificates are installed in {}",
                                    setting(X509_get_default_cert_dir_env(), X509_get_default_cert_dir()));
}

result<void> trust_files(SSL_CTX* context, const tls_options& options) {
  if (!options.ca_file.empty()) {
    if (auto readable = check_readable(options.ca_file, "ca_file"); !readable) return readable;
    if (SSL_CTX_load_verify_file(context, options.ca_file.c_str()) != 1) {
      return tl::unexpected<error>(malformed("ca_file", options.ca_file, "no certificate in PEM form"));
    }
    // Whoever names an intermediate, or a server's own certificate, trusts just that.
    X509_VERIFY_PARAM_set_flags(SSL_CTX_get0_param(context), X509_V_FLAG_PARTIAL_CHAIN);
  }
  if (options.ca_path.empty()) return {};
  if (auto readable = check_readable(options.ca_path, "ca_path"); !readable) return readable;
  if (!is_hashed_directory(options.ca_path)) {
    return tl::unexpected<error>(
        malformed("ca_path", options.ca_path, "no hashed certificates in it (make them with `openssl rehash`)"));
  }
  SSL_CTX_load_verify_dir(context, options.ca_path.c_str());
  return {};
}

bool decode_hex(std::string_view text, pin_digest& digest) {
  std::string digits(text);
  digits.erase(std::remove(digits.begin(), digits.end(), ':'), digits.end());
  if (digits.size() != 2 * digest.size()) return false;
  for (size_t i = 0; i < digest.size(); ++i) {
    const int high = OPENSSL_hexchar2int(static_cast<unsigned char>(digits[2 * i]));
    const int low = OPENSSL_hexchar2int(static_cast<unsigned char>(digits[2 * i + 1]));
    if (high < 0 || low < 0) return false;
    digest[i] = static_cast<uint8_t>(high << 4 | low);
  }
  return true;
}

bool decode_base64(std::string_view text, pin_digest& digest) {
  constexpr size_t encoded_bytes = 44, decoded_bytes = 33;
  if (text.size() != encoded_bytes || text.back() != '=' || text[encoded_bytes - 2] == '=') return false;
  uint8_t bytes[decoded_bytes];
  if (EVP_DecodeBlock(bytes, reinterpret_cast<const uint8_t*>(text.data()), static_cast<int>(text.size())) !=
      static_cast<int>(decoded_bytes)) {
    return false;
  }
  std::copy_n(bytes, digest.size(), digest.begin());
  return true;
}

}  // namespace

std::vector<std::string> system_trust_paths() {
  std::vector<std::string> paths = wanted_directories();
  paths.emplace_back(common_cert_dir);
  paths.push_back(wanted_bundle());
  paths.insert(paths.end(), std::begin(common_bundles), std::end(common_bundles));
  return paths;
}

result<pin_digest> parse_pin(const std::string& text) {
  std::string_view rest = text;
  for (const std::string_view prefix : {"sha256//", "sha256/"}) {
    if (rest.substr(0, prefix.size()) == prefix) rest.remove_prefix(prefix.size());
  }
  pin_digest digest{};
  if (decode_hex(rest, digest) || decode_base64(rest, digest)) return digest;
  return fail(error_code::malformed,
              fmt::format("pin_sha256 '{}' is not a SHA-256 of a public key (32 bytes in base64 or hex)", text));
}

std::string pin_text(const pin_digest& pin) {
  uint8_t text[4 * ((sizeof(pin_digest) + 2) / 3) + 1];
  const int size = EVP_EncodeBlock(text, pin.data(), static_cast<int>(pin.size()));
  return {reinterpret_cast<const char*>(text), static_cast<size_t>(size)};
}

result<void> check_readable(const std::string& path, const char* what) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) return tl::unexpected<error>(error_from_errno(errno, fmt::format("{} {}", what, path)));
  struct stat about {};
  // OpenSSL would read a device or wait for a FIFO for ever.
  const bool is_plain = ::fstat(fd, &about) == 0 && (S_ISREG(about.st_mode) || S_ISDIR(about.st_mode));
  ::close(fd);
  if (!is_plain) return fail(error_code::malformed, fmt::format("{} {}: neither a file nor a folder", what, path));
  return {};
}

result<void> load_identity(SSL_CTX* context, const std::string& certificate_file, const std::string& key_file) {
  const std::string& key = key_file.empty() ? certificate_file : key_file;
  if (auto readable = check_readable(certificate_file, "certificate"); !readable) return readable;
  if (auto readable = check_readable(key, "key"); !readable) return readable;
  SSL_CTX_set_default_passwd_cb(context, no_passphrase);
  if (SSL_CTX_use_certificate_chain_file(context, certificate_file.c_str()) != 1) {
    return tl::unexpected<error>(malformed("certificate", certificate_file, "no usable certificate in PEM form"));
  }
  if (SSL_CTX_use_PrivateKey_file(context, key.c_str(), SSL_FILETYPE_PEM) != 1) {
    const bool does_not_fit = ERR_GET_REASON(ERR_peek_last_error()) == X509_R_KEY_VALUES_MISMATCH;
    return tl::unexpected<error>(malformed(
        "key", key,
        does_not_fit ? "it does not belong to the certificate" : "no private key in PEM form without a passphrase"));
  }
  if (SSL_CTX_check_private_key(context) != 1) {
    return tl::unexpected<error>(malformed("key", key, "it does not belong to the certificate"));
  }
  return {};
}

void set_common_rules(SSL_CTX* context) noexcept {
  SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
  SSL_CTX_set_mode(context,
                   SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_set_max_cert_list(context, max_chain_bytes);
  SSL_CTX_set_verify_depth(context, max_chain_depth);
}

result<ssl_ctx_ptr> make_client_context(const tls_options& options, tls_rules& rules) {
  for (const std::string& text : options.pin_sha256) {
    auto pin = parse_pin(text);
    if (!pin) return tl::unexpected<error>(pin.error());
    rules.pins.push_back(*pin);
  }
  rules.min_version = options.min_version;
  rules.is_insecure = options.insecure;
  ssl_ctx_ptr context(SSL_CTX_new(TLS_client_method()));
  if (!context) return fail(error_code::tls_failed, "OpenSSL cannot make a context");
  set_common_rules(context.get());
  SSL_CTX_set_min_proto_version(context.get(),
                                options.min_version == tls_version::v1_3 ? TLS1_3_VERSION : TLS1_2_VERSION);
  if (options.ca_file.empty() && options.ca_path.empty()) {
    if (!options.insecure) trust_system(context.get(), rules);
  } else if (auto trusted = trust_files(context.get(), options); !trusted) {
    return tl::unexpected<error>(trusted.error());
  }
  if (!options.client_cert.empty()) {
    auto loaded = load_identity(context.get(), options.client_cert, options.client_key);
    if (!loaded) return tl::unexpected<error>(wrap(loaded.error(), "client"));
  }
  SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER, nullptr);
  SSL_CTX_set_cert_verify_callback(context.get(), judge_chain, nullptr);
  SSL_CTX_set_session_cache_mode(context.get(), SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
  SSL_CTX_sess_set_new_cb(context.get(), keep_ticket);
  return context;
}

}  // namespace campush

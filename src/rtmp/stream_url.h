#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "util/result.h"
#include "util/secret_text.h"

namespace campush {

enum class url_scheme : uint8_t { rtmp, rtmps, rtmpt, rtmpe, rtmpte, rtmpts };
const char* scheme_name(url_scheme scheme) noexcept;

/// A publish address taken apart without changing a byte (facts/rtmp 8.1): no decoding, no re-encoding, no reordering.
/// Shape: scheme://[user[:password]@]host[:port]/app[/instance…]/stream_key[?query]. The last path segment is the key unless the key
///   is given apart, where it may hold slashes. A query before the key belongs to the app ("app?vhost=x/key"). IPv6 hosts stand in
///   brackets in the text and without in `host`. tc_url is scheme://host[:port]/app as typed (port only if typed), without user.
///   A '?' after at least one slash of the path begins the key's query, slashes and all; one in the first segment belongs to the app,
///   and the key is then the last segment before a further '?'.
/// Errors: invalid_argument with what is wrong and what is allowed: scheme, empty host, bad port, bad IPv6, missing app, missing key,
///   control bytes or spaces, over 2048 bytes. The text of the error holds nothing of the address.
/// Thread: any-thread (a value type).
class stream_url {
 public:
  [[nodiscard]] static result<stream_url> parse(std::string_view url);
  /// With the key given apart, as OBS has it: `url` ends with the app.
  [[nodiscard]] static result<stream_url> parse(std::string_view url, std::string_view stream_key);

  url_scheme scheme() const noexcept { return m_scheme; }
  const std::string& host() const noexcept { return m_host; }
  uint16_t port() const noexcept { return m_port; }
  const std::string& app() const noexcept { return m_app; }
  const std::string& tc_url() const noexcept { return m_tc_url; }
  const secret_text& key() const noexcept { return m_key; }
  const std::string& user() const noexcept { return m_user; }
  const secret_text& password() const noexcept { return m_password; }
  bool is_tls() const noexcept { return m_scheme == url_scheme::rtmps || m_scheme == url_scheme::rtmpts; }

  /// Where a server sends its publisher (ReconnectRequest, SRS's 302): the same key at another address. `tc_url` is absolute or relative to
  /// tc_url(); empty means the same again. User and password go along only to the same host and port. A key behind
  /// the app is taken off, and a host or app that repeats key, user or password is hidden.
  /// Errors: invalid_argument (no address, or one with a user name), access_denied (another scheme: the security level would change).
  [[nodiscard]] result<stream_url> redirected(std::string_view tc_url) const;

  /// The whole address again, secrets and all, to compare destinations and for `campush urls --show-secrets`.
  secret_text full() const;
  /// The one way a URL is shown (DESIGN 8): user, password and query hidden; the key only if it has at most 16 characters of
  /// [A-Za-z0-9_] and no secret made it, else its first two characters and ***.
  std::string masked() const;
  /// The same address with another key (a signature was added); what is secret stays so.
  void replace_key(std::string key) { m_key = secret_text(std::move(key)); }
  void mark_key_secret() noexcept { m_is_key_secret = true; }
  /// Hides host or app as well where one of these values (url_template::expansion::secrets) took part in it.
  void mark_secrets(const std::vector<std::string>& values);
  /// What masked() hides, other texts must not name either.
  bool is_host_secret() const noexcept { return m_is_host_secret; }
  bool is_app_secret() const noexcept { return m_is_app_secret; }
  /// A server made it up (redirected()), nobody configured it.
  bool is_from_server() const noexcept { return m_is_from_server; }

  friend bool operator==(const stream_url& left, const stream_url& right) { return left.full() == right.full(); }

 private:
  [[nodiscard]] const char* parse_authority(std::string_view authority);
  [[nodiscard]] const char* parse_host_and_port(std::string_view text);
  [[nodiscard]] const char* split_path(std::string_view path);
  [[nodiscard]] const char* take_app(std::string_view path);
  void make_tc_url(std::string_view scheme_as_typed);
  std::string authority() const;
  std::string resolve(std::string_view reference) const;
  [[nodiscard]] result<stream_url> parse_redirect(std::string_view tc_url) const;
  void mark_repeated_secrets(const stream_url& before);
  static result<stream_url> parse_all(std::string_view url, const std::string_view* stream_key);

  url_scheme m_scheme = url_scheme::rtmp;
  std::string m_host, m_app, m_tc_url, m_user;
  secret_text m_password, m_key;
  uint16_t m_port = 1935;
  std::string m_port_text;  ///< as typed; empty where it was not
  bool m_is_ipv6 = false;
  bool m_has_user = false;
  bool m_has_password = false;
  bool m_is_key_secret = false;
  bool m_is_host_secret = false;
  bool m_is_app_secret = false;
  bool m_is_from_server = false;
};

}  // namespace campush

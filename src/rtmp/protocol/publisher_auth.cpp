#include "rtmp/protocol/publisher_auth.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>

#include <algorithm>
#include <array>

namespace campush {

namespace {

constexpr size_t digest_bytes = 16;
constexpr size_t max_value_bytes = 256;
/// A client connects once; the count of its uses of a nonce never moves (as ffmpeg and librtmp have it).
constexpr const char* nonce_count = "00000001";

struct method_name {
  auth_method method;
  std::string_view name;
};
constexpr method_name method_names[] = {{auth_method::adobe, "adobe"}, {auth_method::limelight, "llnw"}};

using digest = std::array<uint8_t, digest_bytes>;

/// Empty where MD5 is switched off (a FIPS build).
result<digest> md5(const std::string& text) {
  digest made{};
  unsigned size = 0;
  if (EVP_Digest(text.data(), text.size(), made.data(), &size, EVP_md5(), nullptr) != 1 || size != made.size()) {
    return fail(error_code::unsupported, "this OpenSSL has no MD5, which the server's authentication needs");
  }
  return made;
}

std::string hex(const uint8_t* bytes, size_t size) {
  constexpr const char* digits = "0123456789abcdef";
  std::string text;
  for (size_t i = 0; i < size; ++i) {
    text += digits[bytes[i] >> 4];
    text += digits[bytes[i] & 15];
  }
  return text;
}

std::string base64(const digest& bytes) {
  std::array<unsigned char, 4 * ((digest_bytes + 2) / 3) + 1> text{};
  const int size = EVP_EncodeBlock(text.data(), bytes.data(), static_cast<int>(bytes.size()));
  return {text.begin(), text.begin() + size};
}

result<std::string> md5_base64(const std::string& text) {
  return md5(text).map([](const digest& made) { return base64(made); });
}

result<std::string> md5_hex(const std::string& text) {
  return md5(text).map([](const digest& made) { return hex(made.data(), made.size()); });
}

bool is_plain(std::string_view value) noexcept {
  return value.size() <= max_value_bytes &&
         std::all_of(value.begin(), value.end(), [](char each) { return each > ' ' && each <= '~'; });
}

/// The value of `key` in "a=1&b=2"; values may hold '='. Empty if absent.
std::string_view value_of(std::string_view query, std::string_view key) noexcept {
  while (!query.empty()) {
    const std::string_view pair = query.substr(0, query.find('&'));
    if (pair.size() > key.size() && pair.substr(0, key.size()) == key && pair[key.size()] == '=') {
      return pair.substr(key.size() + 1);
    }
    query.remove_prefix(std::min(pair.size() + 1, query.size()));
  }
  return {};
}

auth_method method_in(std::string_view text) noexcept {
  constexpr std::string_view mark = "authmod=";
  for (size_t at = text.find(mark); at != std::string_view::npos; at = text.find(mark, at + 1)) {
    const std::string_view rest = text.substr(at + mark.size());
    const std::string_view name = rest.substr(0, rest.find_first_of(" ]&;"));
    for (const method_name& each : method_names) {
      if (each.name == name) return each.method;
    }
  }
  return auth_method::none;
}

/// base64(md5(base64(md5(user + salt + password)) + (opaque, else challenge) + client's nonce)).
result<std::string> adobe_proof(const auth_challenge& asked, const auth_credentials& account,
                                std::string_view client_nonce) {
  result<std::string> text = md5_base64(account.user + asked.salt + account.password.reveal());
  if (!text) return text;
  const secret_text inner(std::move(*text));
  return md5_base64(inner.reveal() + (asked.opaque.empty() ? asked.challenge : asked.opaque) +
                    std::string(client_nonce));
}

/// HTTP's digest (RFC 2617, qop auth) with realm "live", method "publish" and the app as its address.
result<std::string> limelight_proof(const auth_challenge& asked, const auth_credentials& account, std::string_view app,
                                    std::string_view client_nonce) {
  result<std::string> who = md5_hex(account.user + ":live:" + account.password.reveal());
  if (!who) return who;
  const char* instance = app.find('/') == std::string_view::npos ? "/_definst_" : "";
  result<std::string> what = md5_hex("publish:/" + std::string(app) + instance);
  if (!what) return what;
  const secret_text secret(std::move(*who));
  return md5_hex(secret.reveal() + ':' + asked.nonce + ':' + nonce_count + ':' + std::string(client_nonce) +
                 ":auth:" + *what);
}

result<std::string> proof(const auth_challenge& asked, const auth_credentials& account, std::string_view app,
                          std::string_view client_nonce) {
  if (asked.method == auth_method::adobe) return adobe_proof(asked, account, client_nonce);
  return limelight_proof(asked, account, app, client_nonce);
}

bool is_same(std::string_view left, std::string_view right) noexcept {
  return left.size() == right.size() && CRYPTO_memcmp(left.data(), right.data(), left.size()) == 0;
}

}  // namespace

const char* auth_method_name(auth_method method) noexcept {
  for (const method_name& each : method_names) {
    if (each.method == method) return each.name.data();
  }
  return "none";
}

auth_challenge parse_auth_challenge(std::string_view description) {
  auth_challenge asked;
  asked.method = method_in(description);
  if (asked.method == auth_method::none) return asked;
  constexpr std::string_view mark = "?reason=";
  const size_t at = description.find(mark);
  if (at == std::string_view::npos) {
    const bool wants_user = description.find("code=403 need auth") != std::string_view::npos;
    asked.what = wants_user ? auth_challenge::step::name_user : auth_challenge::step::none;
    return asked;
  }
  std::string_view query = description.substr(at + 1);
  query = query.substr(0, query.find(' '));
  asked.what = auth_challenge::step::refused;
  if (value_of(query, "reason") != "needauth") return asked;
  const auto take = [query](const char* key) {
    const std::string_view value = value_of(query, key);
    return is_plain(value) ? std::string(value) : std::string();
  };
  asked.salt = take("salt");
  asked.challenge = take("challenge");
  asked.opaque = take("opaque");
  asked.nonce = take("nonce");
  const bool is_whole =
      asked.method == auth_method::adobe ? !(asked.challenge.empty() && asked.opaque.empty()) : !asked.nonce.empty();
  asked.what = is_whole ? auth_challenge::step::answer : auth_challenge::step::none;
  return asked;
}

secret_text auth_introduction(auth_method method, const std::string& user) {
  return secret_text(std::string("authmod=") + auth_method_name(method) + "&user=" + user);
}

result<secret_text> auth_response(const auth_challenge& challenge, const auth_credentials& account,
                                  std::string_view app, std::string_view client_nonce) {
  const result<std::string> proven = proof(challenge, account, app, client_nonce);
  if (!proven) return tl::unexpected<error>(proven.error());
  std::string query = auth_introduction(challenge.method, account.user).reveal();
  if (challenge.method == auth_method::adobe) {
    query += "&challenge=" + std::string(client_nonce) + "&response=" + *proven;
    if (!challenge.opaque.empty()) query += "&opaque=" + challenge.opaque;
  } else {
    query += "&nonce=" + challenge.nonce + "&cnonce=" + std::string(client_nonce) + "&nc=" + nonce_count +
             "&response=" + *proven;
  }
  return secret_text(std::move(query));
}

std::string make_auth_nonce() {
  std::array<uint8_t, 4> bytes{};
  // A nonce need only differ: should the random source fail, the zeros give away nothing.
  static_cast<void>(RAND_bytes(bytes.data(), static_cast<int>(bytes.size())));
  return hex(bytes.data(), bytes.size());
}

result<void> client_auth::on_refused(std::string_view description) {
  const auth_challenge asked = parse_auth_challenge(description);
  const std::string method = std::string(" (") + auth_method_name(asked.method) + ')';
  if (m_account.user.empty()) {
    return fail(error_code::access_denied,
                "the server asks for a user and a password" + method + ", and the address has none");
  }
  const bool is_new_step = (asked.what == auth_challenge::step::name_user && m_progress == progress::unnamed) ||
                           (asked.what == auth_challenge::step::answer && m_progress != progress::answered);
  if (asked.what == auth_challenge::step::refused || (!is_new_step && m_progress == progress::answered)) {
    return fail(error_code::access_denied, "the server does not accept this user and password" + method);
  }
  if (!is_new_step) {
    return fail(error_code::access_denied, "the server's request for a password makes no sense" + method);
  }
  if (asked.what == auth_challenge::step::name_user) {
    m_progress = progress::named;
    m_query = auth_introduction(asked.method, m_account.user);
    return {};
  }
  result<secret_text> made = auth_response(asked, m_account, m_app, make_auth_nonce());
  if (!made) return tl::unexpected<error>(made.error());
  m_progress = progress::answered;
  m_query = std::move(*made);
  return {};
}

server_auth::server_auth(auth_method method, auth_credentials account)
    : m_method(method), m_account(std::move(account)), m_salt(make_auth_nonce()) {}

server_auth::verdict server_auth::check(std::string_view app) {
  if (m_method == auth_method::none) return {};
  const std::string_view plain = without_auth_query(app);
  const std::string_view query = app.substr(std::min(plain.size() + 1, app.size()));
  const std::string name = auth_method_name(m_method);
  const std::string refusal = "[ AccessManager.Reject ] : [ authmod=" + name + " ] : ?reason=";
  if (method_in(query) != m_method) {
    return {false, "[ AccessManager.Reject ] : [ code=403 need auth; authmod=" + name + " ] : "};
  }
  if (value_of(query, "user") != m_account.user) return {false, refusal + "nosuchuser"};
  if (value_of(query, "response").empty()) return challenge_client();
  if (is_right(plain.substr(0, plain.find('?')), query)) return {};
  return {false, refusal + "authfailed"};
}

server_auth::verdict server_auth::challenge_client() {
  const std::string nonce = make_auth_nonce() + make_auth_nonce();
  if (m_waiting.size() == max_waiting) m_waiting.pop_front();
  m_waiting.push_back(nonce);
  // ffmpeg answers in the name of the user that the challenge repeats.
  const std::string start = std::string("[ AccessManager.Reject ] : [ authmod=") + auth_method_name(m_method) +
                            " ] : ?reason=needauth&user=" + m_account.user;
  if (m_method == auth_method::limelight) return {false, start + "&nonce=" + nonce};
  return {false, start + "&salt=" + m_salt + "&challenge=" + nonce + "&opaque=" + nonce};
}

bool server_auth::is_right(std::string_view app, std::string_view query) {
  auth_challenge asked;
  asked.method = m_method;
  asked.salt = m_salt;
  asked.opaque = value_of(query, "opaque");
  asked.nonce = value_of(query, "nonce");
  const bool is_adobe = m_method == auth_method::adobe;
  const auto waiting = std::find(m_waiting.begin(), m_waiting.end(), is_adobe ? asked.opaque : asked.nonce);
  if (waiting == m_waiting.end()) return false;
  m_waiting.erase(waiting);
  const result<std::string> expected = proof(asked, m_account, app, value_of(query, is_adobe ? "challenge" : "cnonce"));
  return expected && is_same(*expected, value_of(query, "response"));
}

std::string_view without_auth_query(std::string_view app) noexcept {
  for (const std::string_view mark : {"?authmod=", "&authmod="}) {
    const size_t at = app.find(mark);
    if (at != std::string_view::npos) return app.substr(0, at);
  }
  return app;
}

std::string append_query(const std::string& text, const std::string& query) {
  if (query.empty()) return text;
  return text + (text.find('?') == std::string::npos ? '?' : '&') + query;
}

}  // namespace campush

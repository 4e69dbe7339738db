#pragma once

#include <deque>
#include <string>
#include <string_view>

#include "util/result.h"
#include "util/secret_text.h"

namespace campush {

/// How publishers prove who they are inside connect: challenge and MD5 answer in the query of app and tcUrl.
enum class auth_method : uint8_t { none, adobe, limelight };
/// The name on the wire: "adobe", "llnw"; "none".
const char* auth_method_name(auth_method method) noexcept;

struct auth_credentials {
  std::string user;
  secret_text password;
};

/// What the description of a refused connect asks for.
/// Shape: values are copied as they stand, at most 256 bytes each, printable, without spaces.
/// Thread: any-thread (a value type).
/// Source: facts/rtmp 5.5.
struct auth_challenge {
  enum class step : uint8_t {
    none,       ///< no challenge, or one that makes no sense
    name_user,  ///< code=403 need auth: say who you are
    answer,     ///< reason=needauth: prove it
    refused,    ///< reason=authfailed, nosuchuser and whatever else
  };
  auth_method method = auth_method::none;
  step what = step::none;
  std::string salt, challenge, opaque, nonce;
};
auth_challenge parse_auth_challenge(std::string_view description);

/// The query of the second connection: "authmod=adobe&user=U".
secret_text auth_introduction(auth_method method, const std::string& user);
/// The query of the third connection. `client_nonce`: 8 hex digits of the client's own choice. `app` is without query.
/// Errors: unsupported where this OpenSSL has no MD5.
[[nodiscard]] result<secret_text> auth_response(const auth_challenge& challenge, const auth_credentials& account,
                                                std::string_view app, std::string_view client_nonce);
/// 8 hex digits from the system's random source.
std::string make_auth_nonce();

/// The publisher's part over the connections of one attempt: first nothing, then the user's name, then the answer.
/// Shape: query() is what the next connection appends to app and tcUrl. At most three connections come of it: the server may ask for
///   each step once.
/// Errors: access_denied with a sentence that holds neither user nor password nor the server's words.
/// Thread: any-thread (no shared state).
class client_auth {
 public:
  client_auth(auth_credentials account, std::string app) : m_account(std::move(account)), m_app(std::move(app)) {}

  /// The server refused connect with this description; on success there is one more connection to make.
  [[nodiscard]] result<void> on_refused(std::string_view description);
  const secret_text& query() const noexcept { return m_query; }

 private:
  enum class progress : uint8_t { unnamed, named, answered };

  const auth_credentials m_account;
  const std::string m_app;  ///< without query
  progress m_progress = progress::unnamed;
  secret_text m_query;
};

/// The server's part: lets in whoever answers a challenge that it has given, once.
/// Shape: check() takes the app of a connect, query and all. A refused one gets the description that tells the client what is missing.
///   At most 256 challenges wait for their answer; the oldest is forgotten.
/// Thread: loop-thread.
class server_auth {
 public:
  static constexpr size_t max_waiting = 256;
  struct verdict {
    bool is_accepted = true;
    std::string description;
  };

  /// With auth_method::none everybody is let in.
  server_auth(auth_method method, auth_credentials account);
  verdict check(std::string_view app);

 private:
  verdict challenge_client();
  bool is_right(std::string_view app, std::string_view query);

  const auth_method m_method;
  const auth_credentials m_account;
  std::string m_salt;
  std::deque<std::string> m_waiting;
};

/// The app of a connect without what authentication has appended to it.
std::string_view without_auth_query(std::string_view app) noexcept;
/// `text` with `query` appended behind '?' or, where it has a query already, '&'.
std::string append_query(const std::string& text, const std::string& query);

}  // namespace campush

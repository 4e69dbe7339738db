#include "rtmp/protocol/publisher_auth.h"

#include <gtest/gtest.h>

namespace campush {
namespace {

const auth_credentials camera{"camera", secret_text("secret")};

constexpr const char* adobe_asks =
    "[ AccessManager.Reject ] : [ authmod=adobe ] : ?reason=needauth&user=camera&salt=fdo9Rg==&challenge=KwYAAA=="
    "&opaque=4Ly2PQ==";
constexpr const char* adobe_asks_without_opaque =
    "[ AccessManager.Reject ] : [ authmod=adobe ] : ?reason=needauth&user=camera&salt=fdo9Rg==&challenge=KwYAAA==";
constexpr const char* limelight_asks = "[ AccessManager.Reject ] : [ authmod=llnw ] : ?reason=needauth&nonce=abc123==";

TEST(publisher_auth, understands_what_servers_ask) {
  using step = auth_challenge::step;
  const std::string long_value = "authmod=llnw ?reason=needauth&nonce=" + std::string(300, 'a');
  struct row {
    const char* description;
    auth_method method;
    step what;
  };
  const row rows[] = {
      {"[ AccessManager.Reject ] : [ code=403 need auth; authmod=adobe ] : ", auth_method::adobe, step::name_user},
      {"[ AccessManager.Reject ] : [ code=403 need auth; authmod=llnw ] : ", auth_method::limelight, step::name_user},
      {adobe_asks, auth_method::adobe, step::answer},
      {adobe_asks_without_opaque, auth_method::adobe, step::answer},
      {limelight_asks, auth_method::limelight, step::answer},
      {"[ authmod=adobe ] : ?reason=authfailed&opaque=x", auth_method::adobe, step::refused},
      {"[ authmod=adobe ] : ?reason=nosuchuser", auth_method::adobe, step::refused},
      {"authmod=adobe : ?reason=needauth&user=camera", auth_method::adobe, step::none},
      {"authmod=llnw : ?reason=needauth&challenge=x", auth_method::limelight, step::none},
      {"authmod=adobe", auth_method::adobe, step::none},
      {"authmod=akamai ?reason=needauth", auth_method::none, step::none},
      {"authmod=adobes", auth_method::none, step::none},
      {"authmod=", auth_method::none, step::none},
      {"", auth_method::none, step::none},
      {long_value.c_str(), auth_method::limelight, step::none},
      {"authmod=llnw ?reason=needauth&nonce=a\x01", auth_method::limelight, step::none},
  };
  for (const row& each : rows) {
    const auth_challenge read = parse_auth_challenge(each.description);
    EXPECT_EQ(read.method, each.method) << each.description;
    EXPECT_EQ(read.what, each.what) << each.description;
  }
  const auth_challenge read = parse_auth_challenge(adobe_asks);
  EXPECT_EQ(read.salt, "fdo9Rg==");
  EXPECT_EQ(read.challenge, "KwYAAA==");
  EXPECT_EQ(read.opaque, "4Ly2PQ==");
}

/// Computed from the formulas of facts/rtmp 5.5 by another program.
TEST(publisher_auth, answers_with_these_bytes) {
  struct row {
    const char* name;
    const char* challenge;
    const char* app;
    const char* query;
  };
  const row rows[] = {
      {"adobe", adobe_asks, "live",
       "authmod=adobe&user=camera&challenge=deadbeef&response=Z3mB5siwRoGeAiRPDyG2GA==&opaque=4Ly2PQ=="},
      {"adobe without opaque", adobe_asks_without_opaque, "live",
       "authmod=adobe&user=camera&challenge=deadbeef&response=qpsEMow+VnSFWYVge0lpxQ=="},
      {"limelight", limelight_asks, "live",
       "authmod=llnw&user=camera&nonce=abc123==&cnonce=deadbeef&nc=00000001&response=ddd055509c2fe26a40689837274e36ba"},
      {"limelight with an instance", limelight_asks, "live/inst",
       "authmod=llnw&user=camera&nonce=abc123==&cnonce=deadbeef&nc=00000001&response=79d8d1dd7ed0cfd2ac15b3e39b61f6ea"},
  };
  for (const row& each : rows) {
    const auto made = auth_response(parse_auth_challenge(each.challenge), camera, each.app, "deadbeef");
    ASSERT_TRUE(made) << each.name;
    EXPECT_EQ(made->reveal(), each.query) << each.name;
  }
}

TEST(publisher_auth, makes_nonces_that_differ) {
  const std::string first = make_auth_nonce();
  EXPECT_EQ(first.size(), 8u);
  EXPECT_EQ(first.find_first_not_of("0123456789abcdef"), std::string::npos);
  EXPECT_NE(first, make_auth_nonce());
}

TEST(client_auth, names_the_user_first_and_answers_then) {
  client_auth auth(camera, "live");
  EXPECT_TRUE(auth.query().empty()) << "a server that did not ask is told nothing";
  ASSERT_TRUE(auth.on_refused("[ code=403 need auth; authmod=adobe ] : "));
  EXPECT_EQ(auth.query().reveal(), "authmod=adobe&user=camera");
  ASSERT_TRUE(auth.on_refused(adobe_asks));
  EXPECT_NE(auth.query().reveal().find("&response="), std::string::npos);
  EXPECT_FALSE(auth.on_refused(adobe_asks)) << "each step once";
}

TEST(client_auth, answers_at_once_where_the_server_begins_with_the_challenge) {
  client_auth auth(camera, "live");
  ASSERT_TRUE(auth.on_refused(limelight_asks));
  EXPECT_NE(auth.query().reveal().find("&response="), std::string::npos);
}

TEST(client_auth, gives_up_in_a_sentence_without_secrets) {
  constexpr const char* asks = "code=403 need auth; authmod=adobe";
  struct row {
    const char* name;
    std::vector<const char*> before;
    const char* last;
    const char* sentence;
  };
  const row rows[] = {
      {"failed", {asks, adobe_asks}, "authmod=adobe ?reason=authfailed", "does not accept this user and password"},
      {"unknown user", {asks}, "authmod=adobe ?reason=nosuchuser", "does not accept this user and password"},
      {"asked again", {asks, adobe_asks}, adobe_asks, "does not accept this user and password"},
      {"asked for the user for ever", {asks}, asks, "makes no sense"},
      {"no sense", {}, "authmod=adobe", "makes no sense"},
  };
  for (const row& each : rows) {
    SCOPED_TRACE(each.name);
    client_auth auth(camera, "live");
    for (const char* step : each.before) ASSERT_TRUE(auth.on_refused(step));
    const result<void> over = auth.on_refused(each.last);
    ASSERT_FALSE(over);
    EXPECT_EQ(over.error().code, error_code::access_denied);
    EXPECT_NE(over.error().message.find(each.sentence), std::string::npos) << over.error().message;
    for (const char* secret : {"camera", "secret"}) EXPECT_EQ(over.error().message.find(secret), std::string::npos);
  }
  client_auth nobody({}, "live");
  const result<void> over = nobody.on_refused(asks);
  ASSERT_FALSE(over);
  EXPECT_EQ(over.error().message, "the server asks for a user and a password (adobe), and the address has none");
}

/// The rounds of one attempt; how many connections it took, 0 if refused.
int rounds_until_accepted(server_auth& server, client_auth& client, const std::string& app) {
  for (int connections = 1; connections < 10; ++connections) {
    const server_auth::verdict verdict = server.check(append_query(app, client.query().reveal()));
    if (verdict.is_accepted) return connections;
    if (!client.on_refused(verdict.description)) return 0;
  }
  return -1;
}

TEST(server_auth, lets_the_right_password_in_at_the_third_connection) {
  for (const auth_method method : {auth_method::adobe, auth_method::limelight}) {
    for (const char* app : {"live", "live/inst", "live?vhost=x"}) {
      SCOPED_TRACE(app);
      server_auth server(method, camera);
      client_auth right(camera, std::string(app).substr(0, std::string(app).find('?')));
      EXPECT_EQ(rounds_until_accepted(server, right, app), 3);
      client_auth wrong({"camera", secret_text("guess")}, "live");
      EXPECT_EQ(rounds_until_accepted(server, wrong, app), 0);
      client_auth stranger({"stranger", secret_text("secret")}, "live");
      EXPECT_EQ(rounds_until_accepted(server, stranger, app), 0);
    }
  }
}

TEST(server_auth, takes_an_answer_only_once) {
  for (const auth_method method : {auth_method::adobe, auth_method::limelight}) {
    server_auth server(method, camera);
    client_auth client(camera, "live");
    ASSERT_EQ(rounds_until_accepted(server, client, "live"), 3);
    EXPECT_FALSE(server.check("live?" + client.query().reveal()).is_accepted) << "replayed";
  }
}

TEST(server_auth, forgets_the_oldest_of_too_many_challenges) {
  server_auth server(auth_method::adobe, camera);
  client_auth client(camera, "live");
  ASSERT_TRUE(client.on_refused(server.check("live").description));
  ASSERT_TRUE(client.on_refused(server.check("live?" + client.query().reveal()).description));
  for (size_t i = 0; i < server_auth::max_waiting; ++i) server.check("live?authmod=adobe&user=camera");
  EXPECT_FALSE(server.check("live?" + client.query().reveal()).is_accepted);
}

TEST(server_auth, asks_nobody_without_a_method) {
  server_auth server(auth_method::none, {});
  EXPECT_TRUE(server.check("live").is_accepted);
}

TEST(publisher_auth, takes_its_query_off_an_app_again) {
  EXPECT_EQ(without_auth_query("live?authmod=adobe&user=x"), "live");
  EXPECT_EQ(without_auth_query("live?vhost=x&authmod=llnw&user=x"), "live?vhost=x");
  EXPECT_EQ(without_auth_query("live?vhost=x"), "live?vhost=x");
  EXPECT_EQ(append_query("live", ""), "live");
  EXPECT_EQ(append_query("live", "a=1"), "live?a=1");
  EXPECT_EQ(append_query("live?b", "a=1"), "live?b&a=1");
}

}  // namespace
}  // namespace campush

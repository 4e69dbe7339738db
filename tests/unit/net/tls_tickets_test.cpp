#include "net/tls_tickets.h"

#include <gtest/gtest.h>
#include <openssl/ssl.h>

namespace campush {
namespace {

using namespace std::chrono_literals;

/// Sessions as a handshake gives them, told apart by their id.
class tls_tickets_test : public ::testing::Test {
 protected:
  ssl_session_ptr session(const std::string& id, int version = TLS1_2_VERSION) const {
    const uint8_t cipher[] = {0xc0, 0x2f};
    const uint8_t key[48] = {1};
    ssl_session_ptr made(SSL_SESSION_new());
    SSL_SESSION_set_protocol_version(made.get(), version);
    SSL_SESSION_set_cipher(made.get(), SSL_CIPHER_find(m_ssl.get(), cipher));
    SSL_SESSION_set1_master_key(made.get(), key, sizeof key);
    SSL_SESSION_set1_id(made.get(), reinterpret_cast<const uint8_t*>(id.data()), static_cast<unsigned>(id.size()));
    return made;
  }
  void keep(const std::string& server, int version = TLS1_2_VERSION) {
    m_tickets.keep(server, session(server, version).get());
  }
  /// The id of the session that is known for a server.
  std::string take(const std::string& server) {
    const ssl_session_ptr taken = m_tickets.take(server, m_now);
    if (!taken) return "none";
    unsigned size = 0;
    const uint8_t* id = SSL_SESSION_get_id(taken.get(), &size);
    return {reinterpret_cast<const char*>(id), size};
  }
  static std::string numbered(size_t i) { return "server" + std::to_string(i) + ":443"; }

  const ssl_ctx_ptr m_context{SSL_CTX_new(TLS_client_method())};
  const ssl_ptr m_ssl{SSL_new(m_context.get())};
  const std::chrono::system_clock::time_point m_now = std::chrono::system_clock::from_time_t(1'700'000'000);
  tls_tickets m_tickets;
};

TEST_F(tls_tickets_test, gives_out_a_ticket_of_tls_1_2_again_and_one_of_tls_1_3_once) {
  keep("old:443", TLS1_2_VERSION);
  keep("new:443", TLS1_3_VERSION);
  EXPECT_EQ(take("old:443"), "old:443");
  EXPECT_EQ(take("old:443"), "old:443");
  EXPECT_NE(take("new:443"), "none");
  EXPECT_EQ(take("new:443"), "none");
}

TEST_F(tls_tickets_test, forgets_the_server_that_was_not_asked_for_longest) {
  keep("a:443");
  for (size_t i = 1; i < tls_tickets::max_servers; ++i) keep(numbered(i));
  ASSERT_EQ(take("a:443"), "a:443") << "taken last, though first in the alphabet and the first that was kept";
  keep(numbered(2));
  keep("x:443");
  keep("y:443");
  EXPECT_EQ(take(numbered(1)), "none");
  EXPECT_EQ(take(numbered(3)), "none");
  for (const std::string& kept : {std::string("a:443"), numbered(2), numbered(4), std::string("x:443")}) {
    EXPECT_EQ(take(kept), kept);
  }
}

TEST_F(tls_tickets_test, a_new_ticket_of_a_known_server_pushes_nobody_out) {
  for (size_t i = 0; i < tls_tickets::max_servers; ++i) keep(numbered(i));
  m_tickets.keep(numbered(5), session("second").get());
  EXPECT_EQ(take(numbered(5)), "second");
  for (size_t i = 0; i < tls_tickets::max_servers; ++i) EXPECT_NE(take(numbered(i)), "none") << i;
}

TEST_F(tls_tickets_test, keeps_nothing_that_is_too_long) {
  const ssl_session_ptr made = session("a:443");
  const std::string text(tls_tickets::max_ticket_bytes, 't');
  SSL_SESSION_set1_ticket_appdata(made.get(), text.data(), text.size());
  m_tickets.keep("a:443", made.get());
  EXPECT_EQ(take("a:443"), "none");
}

}  // namespace
}  // namespace campush

#include "net/tls_refusal.h"

#include <openssl/err.h>

#include "unit/net/tls_world.h"

namespace campush::test {
namespace {

using namespace std::chrono_literals;
using ::testing::AllOf;
using ::testing::Each;
using ::testing::HasSubstr;
using ::testing::Le;
using ::testing::Not;

class tls_refusal : public tls_world {
 protected:
  void expect_refusal(const std::vector<std::string>& parts, error_code code = error_code::tls_failed) {
    ASSERT_TRUE(m_failure) << "connected";
    EXPECT_EQ(m_failure->code, code);
    for (const std::string& part : parts) EXPECT_THAT(m_failure->message, HasSubstr(part));
    EXPECT_FALSE(m_server.stream) << "the server must not think that it is trusted";
    EXPECT_EQ(m_net.open_connections(), 0U);
  }
};

TEST_F(tls_refusal, says_since_when_a_certificate_is_expired) {
  certificate_spec old = spec("server");
  old.not_before = now() - 24h * 60;
  old.not_after = now() - 24h * 10;
  listen(m_ca.issue(old));
  connect();
  expect_refusal({"expired on " + date_text(old.not_after), "the clock of this device says " + date_text(now() - 1s)});
}

TEST_F(tls_refusal, says_from_when_a_certificate_is_valid_and_what_the_clock_says) {
  certificate_spec early = spec("server");
  early.not_before = now() + 24h * 10;
  listen(m_ca.issue(early));
  connect();
  expect_refusal({"not valid before " + date_text(early.not_before), "clock of this device says"});
}

TEST_F(tls_refusal, names_the_expired_issuer) {
  certificate_spec old = ca_spec("Old intermediate");
  old.not_after = now() - 24h;
  const test_certificate intermediate = m_ca.issue(old);
  listen(intermediate.issue(spec("server")), intermediate.pem());
  connect();
  expect_refusal({"the certificate of 'Old intermediate'", "expired on"});
}

TEST_F(tls_refusal, lists_the_names_found_when_none_fits) {
  certificate_spec other = spec("a.example");
  other.dns_names = {"a.example", "*.b.example"};
  other.addresses = {"192.0.2.1", "2001:db8::1"};
  listen(m_ca.issue(other));
  connect();
  expect_refusal({"is for a.example, *.b.example, 192.0.2.1, 2001:db8::1, not for server"});
}

TEST_F(tls_refusal, compares_an_address_with_addresses_only) {
  certificate_spec other = spec("10.0.0.1");
  listen(m_ca.issue(other));
  connect("10.0.0.1");
  expect_refusal({"is for 10.0.0.1, not for 10.0.0.1"});
  m_tls.reset();
  other.addresses = {"10.0.0.1"};
  listen(m_ca.issue(other));
  connect("10.0.0.1");
  EXPECT_EQ(refusal(), "connected");
}

TEST_F(tls_refusal, does_not_take_a_wildcard_for_two_labels) {
  listen(m_ca.issue(spec("*.example")));
  connect("a.b.example");
  expect_refusal({"is for *.example, not for a.b.example"});
}

TEST_F(tls_refusal, names_the_unknown_issuer) {
  certificate_spec stranger = ca_spec("Strange CA");
  stranger.organisation = "Strangers Inc";
  listen(test_certificate::self_signed(stranger).issue(spec("server")));
  connect();
  expect_refusal({"issued by 'Strange CA (Strangers Inc)'", "unknown issuer"});
}

TEST_F(tls_refusal, names_the_unknown_root_that_the_server_sends) {
  const test_certificate stranger = test_certificate::self_signed(ca_spec("Strange CA"));
  listen(stranger.issue(spec("server")), stranger.pem());
  connect();
  expect_refusal({"ends at 'Strange CA'", "unknown issuer"});
}

TEST_F(tls_refusal, calls_a_self_signed_certificate_so) {
  listen(test_certificate::self_signed(spec("server")));
  connect();
  expect_refusal({"signed by itself ('server')"});
}

TEST_F(tls_refusal, says_that_an_issuer_may_not_sign) {
  const test_certificate leaf = m_ca.issue(spec("leaf"));
  listen(leaf.issue(spec("server")), leaf.pem());
  connect();
  expect_refusal({"'leaf'", "may not sign others"});
}

TEST_F(tls_refusal, says_that_a_certificate_is_not_for_a_server) {
  certificate_spec client_only = spec("server");
  client_only.purpose = "clientAuth";
  listen(m_ca.issue(client_only));
  connect();
  expect_refusal({"not made for a server"});
}

TEST_F(tls_refusal, says_that_a_key_is_too_short) {
  certificate_spec weak = spec("server");
  weak.rsa_bits = 1024;
  // The listener itself would refuse it, too.
  weak.rsa_bits = 2048;
  certificate_spec weak_ca = ca_spec("Weak CA");
  weak_ca.rsa_bits = 1024;
  const test_certificate authority = test_certificate::self_signed(weak_ca);
  m_options.ca_file = m_folder.write("weak.pem", authority.pem());
  listen(authority.issue(weak));
  connect();
  expect_refusal({"'Weak CA'", "too short a key"});
}

TEST_F(tls_refusal, lists_the_pins_found_when_none_fits) {
  const test_certificate leaf = m_ca.issue(spec("server"));
  listen(leaf);
  m_options.pin_sha256 = {test_certificate::self_signed(spec("other")).pin()};
  connect();
  expect_refusal({"pin_sha256 " + leaf.pin() + ", " + m_ca.pin()});
}

TEST_F(tls_refusal, does_not_trust_a_pinned_ca_that_anybody_can_send_along) {
  m_options.pin_sha256 = {m_ca.pin()};
  m_options.insecure = true;
  listen(test_certificate::self_signed(ca_spec("Thief")).issue(spec("server")), m_ca.pem());
  connect();
  ASSERT_TRUE(m_failure);
  EXPECT_THAT(m_failure->message, HasSubstr("pinned"));
}

TEST_F(tls_refusal, says_which_version_is_the_lowest_allowed) {
  listen_plain([this](auto stream) {
    // An alert protocol_version, as a server of old answers a hello of TLS 1.3 only.
    m_server.attach(std::move(stream));
    m_server.write({"\x15\x03\x01\x00\x02\x02\x46", 7});
  });
  m_options.min_version = tls_version::v1_3;
  connect();
  ASSERT_TRUE(m_failure);
  EXPECT_EQ(m_failure->code, error_code::tls_failed);
  EXPECT_THAT(m_failure->message, HasSubstr("TLSv1.3 is the lowest allowed"));
}

TEST_F(tls_refusal, names_the_alert_of_the_server) {
  listen_plain([this](auto stream) {
    m_server.attach(std::move(stream));
    m_server.write({"\x15\x03\x03\x00\x02\x02\x28", 7});
  });
  connect();
  ASSERT_TRUE(m_failure);
  EXPECT_THAT(m_failure->message, HasSubstr("TLS alert 40 (handshake failure)"));
}

TEST_F(tls_refusal, says_that_the_port_does_not_speak_tls) {
  for (const char* answer : {"HTTP/1.1 400 Bad Request\r\n\r\n", "\x03hello of an RTMP server, long enough"}) {
    m_acceptor.reset();
    listen_plain([this, answer](auto stream) {
      m_server.attach(std::move(stream));
      m_server.write(answer);
    });
    connect();
    ASSERT_TRUE(m_failure);
    EXPECT_EQ(m_failure->code, error_code::tls_failed);
    EXPECT_THAT(m_failure->message, HasSubstr("does not speak TLS"));
  }
}

TEST_F(tls_refusal, tells_a_clock_before_the_build_from_everything_else) {
  listen();
  m_world.step_wall(-24h * 365 * 30);
  connect();
  expect_refusal({"the clock of this device says 19", "before this program was built"}, error_code::clock_wrong);
  m_world.step_wall(24h * 365 * 30);
  connect();
  EXPECT_EQ(refusal(), "connected");
}

TEST_F(tls_refusal, asks_no_clock_when_nothing_is_checked) {
  listen();
  m_world.step_wall(-24h * 365 * 30);
  m_options.insecure = true;
  connect();
  EXPECT_EQ(refusal(), "connected");
}

TEST_F(tls_refusal, says_that_the_server_closed) {
  listen_plain([](auto stream) { stream->close(); });
  connect();
  ASSERT_TRUE(m_failure);
  EXPECT_EQ(m_failure->code, error_code::closed_by_peer);
}

TEST_F(tls_refusal, passes_on_what_the_transport_says) {
  listen_plain([this](auto stream) { m_server.attach(std::move(stream)); });
  m_host.delay = 100ms;
  m_tls = tls_client::make(m_loop, m_options).value();
  m_tcp = m_net.connect(m_address, {}, [this](auto transport) {
    m_operation = m_tls->connect(std::move(transport.value()), "server", 443, [this](auto outcome) {
      if (!outcome) m_failure = outcome.error();
    });
  });
  run(300ms);
  m_net.reset_connections(m_host);
  run();
  ASSERT_TRUE(m_failure);
  EXPECT_EQ(m_failure->code, error_code::connection_reset);
  EXPECT_THAT(m_failure->message, HasSubstr("in the TLS handshake"));
}

TEST_F(tls_refusal, prints_no_control_bytes_and_no_endless_names_of_a_certificate) {
  certificate_spec hostile = spec("x");
  hostile.common_name = std::string("evil\n\x1b[31m") + "name";
  hostile.dns_names.clear();
  for (int i = 0; i < 100; ++i) hostile.dns_names.push_back(std::string(63, 'a') + "." + std::string(63, 'b'));
  listen(m_ca.issue(hostile));
  connect();
  ASSERT_TRUE(m_failure);
  EXPECT_LT(m_failure->message.size(), 900U);
  EXPECT_THAT(m_failure->message, HasSubstr("and 92 more"));

  m_tls.reset();
  hostile.is_ca = true;
  hostile.dns_names.clear();
  listen(test_certificate::self_signed(hostile).issue(spec("server")));
  connect();
  ASSERT_TRUE(m_failure);
  EXPECT_THAT(m_failure->message, HasSubstr("'evil??[31mname'"));
}

TEST(tls_alerts, have_a_sentence_each_that_names_the_number) {
  for (int alert = 0; alert < 256; ++alert) {
    if (alert == SSL_AD_PROTOCOL_VERSION) continue;
    const std::string text =
        explain_tls_error(ERR_PACK(ERR_LIB_SSL, 0, SSL_AD_REASON_OFFSET + alert), tls_version::v1_2);
    EXPECT_THAT(text, HasSubstr("alert " + std::to_string(alert)));
  }
}

}  // namespace
}  // namespace campush::test

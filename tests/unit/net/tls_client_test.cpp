#include "net/tls_client.h"

#include <random>

#include "net/tls_trust.h"
#include "unit/net/tls_world.h"

namespace campush::test {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

/// The server's bytes with one of them changed.
class changing_stream final : public byte_stream {
 public:
  changing_stream(std::unique_ptr<byte_stream> inner, size_t at, uint8_t by)
      : m_inner(std::move(inner)), m_at(at), m_by(by) {}
  void set_events(byte_stream_events* events) override { m_inner->set_events(events); }
  io_outcome read_some(uint8_t* data, size_t size) override {
    const io_outcome outcome = m_inner->read_some(data, size);
    if (m_at >= m_position && m_at < m_position + outcome.bytes) {
      uint8_t& byte = data[m_at - m_position];
      byte = static_cast<uint8_t>(byte ^ m_by);
    }
    m_position += outcome.bytes;
    return outcome;
  }
  io_outcome write_some(const byte_view* parts, size_t count) override { return m_inner->write_some(parts, count); }
  void request_writable() override { m_inner->request_writable(); }
  void shutdown_write() noexcept override { m_inner->shutdown_write(); }
  void close() noexcept override { m_inner->close(); }
  stream_counters sample() const override { return m_inner->sample(); }
  endpoint local() const override { return m_inner->local(); }
  endpoint remote() const override { return m_inner->remote(); }

 private:
  const std::unique_ptr<byte_stream> m_inner;
  const size_t m_at;
  const uint8_t m_by;
  size_t m_position = 0;
};

class tls_client_test : public tls_world {};

TEST_F(tls_client_test, carries_bytes_both_ways_and_names_what_protects_them) {
  listen();
  connect_well();
  EXPECT_EQ(m_client.write("hello").bytes, 5U);
  EXPECT_EQ(m_server.write("and you").bytes, 7U);
  run();
  EXPECT_EQ(m_server.received, "hello");
  EXPECT_EQ(m_client.received, "and you");
  EXPECT_THAT(m_client.stream->security(), StartsWith("TLSv1.3 TLS_"));
  EXPECT_THAT(m_client.stream->security(), Not(HasSubstr("resumed")));
  EXPECT_EQ(m_client.stream->remote(), m_address);
}

TEST_F(tls_client_test, never_calls_back_from_inside_connect) {
  listen();
  m_tls = tls_client::make(m_loop, m_options).value();
  std::unique_ptr<byte_stream> transport;
  m_tcp = m_net.connect(m_address, {}, [&](auto outcome) { transport = std::move(outcome.value()); });
  run();
  m_world.step_wall(-24h * 365 * 30);
  int calls = 0;
  auto operation = m_tls->connect(std::move(transport), "server", 443, [&](auto) { ++calls; });
  EXPECT_EQ(calls, 0);
  run();
  EXPECT_EQ(calls, 1);
}

TEST_F(tls_client_test, closes_the_transport_when_the_operation_is_given_up) {
  listen_plain([this](auto stream) { m_server.attach(std::move(stream)); });
  connect();
  EXPECT_EQ(m_net.open_connections(), 1U);
  m_operation.reset();
  m_server.stream.reset();
  run();
  EXPECT_FALSE(m_failure);
  EXPECT_EQ(m_net.open_connections(), 0U);
}

TEST_F(tls_client_test, asks_for_the_host_by_name_but_not_for_an_address) {
  std::string hello;
  listen_plain([&](auto stream) {
    m_server.received.clear();
    m_server.attach(std::move(stream));
  });
  connect("Server.example.");
  EXPECT_THAT(m_server.received, HasSubstr("Server.example"));
  EXPECT_THAT(m_server.received, Not(HasSubstr("Server.example.")));
  m_server.stream.reset();
  connect("10.0.0.1");
  EXPECT_THAT(m_server.received, Not(HasSubstr("10.0.0.1")));
}

TEST_F(tls_client_test, accepts_the_pin_of_the_server_or_of_its_ca) {
  const test_certificate leaf = m_ca.issue(spec("server"));
  listen(leaf);
  for (const std::string& pin : {leaf.pin(), m_ca.pin(), "sha256//" + leaf.pin()}) {
    m_options.pin_sha256 = {test_certificate::self_signed(spec("backup key")).pin(), pin};
    m_tls.reset();
    connect();
    EXPECT_EQ(refusal(), "connected");
  }
}

TEST_F(tls_client_test, skips_chain_name_and_date_but_not_the_pin_when_insecure) {
  certificate_spec bad = spec("other");
  bad.not_after = now() - 24h;
  const test_certificate leaf = test_certificate::self_signed(bad);
  listen(leaf);
  m_options.insecure = true;
  connect();
  EXPECT_EQ(refusal(), "connected");
  for (const bool is_right : {true, false}) {
    m_tls.reset();
    m_options.pin_sha256 = {is_right ? leaf.pin() : m_ca.pin()};
    connect();
    EXPECT_EQ(!m_failure, is_right);
  }
}

TEST_F(tls_client_test, trusts_just_the_certificate_that_ca_file_names) {
  const test_certificate intermediate = m_ca.issue(ca_spec("Intermediate"));
  listen(intermediate.issue(spec("server")), intermediate.pem());
  m_options.ca_file = m_folder.write("intermediate.pem", intermediate.pem());
  connect();
  EXPECT_EQ(refusal(), "connected");
}

TEST_F(tls_client_test, finds_cas_in_a_hashed_directory_when_they_are_needed) {
  listen();
  m_options.ca_file.clear();
  m_options.ca_path = m_folder.path();
  m_folder.write(test_certificate::self_signed(ca_spec("Other CA")).hashed_name(),
                 test_certificate::self_signed(ca_spec("Other CA")).pem());
  m_tls = tls_client::make(m_loop, m_options).value();
  m_folder.write(m_ca.hashed_name(), m_ca.pem());
  connect();
  EXPECT_EQ(refusal(), "connected");
}

TEST_F(tls_client_test, uses_the_directory_of_ssl_cert_dir_in_place_of_the_systems) {
  listen();
  m_options.ca_file.clear();
  m_folder.write(m_ca.hashed_name(), m_ca.pem());
  ::setenv("SSL_CERT_DIR", m_folder.path().c_str(), 1);
  connect();
  ::unsetenv("SSL_CERT_DIR");
  EXPECT_EQ(refusal(), "connected");
  m_tls.reset();
  connect();
  EXPECT_THAT(refusal(), HasSubstr("unknown issuer"));
}

TEST_F(tls_client_test, shows_its_certificate_to_a_server_that_wants_one) {
  m_server_options.client_ca_file = m_ca_file;
  listen();
  certificate_spec mine = spec("camera 1");
  const test_certificate camera = m_ca.issue(mine);
  m_options.client_cert = m_folder.write("camera.pem", camera.pem());
  m_options.client_key = m_folder.write("camera.key", camera.key_pem());
  connect_well();
  EXPECT_EQ(m_client.write("hello").status, io_status::ok);
  run();
  EXPECT_EQ(m_server.received, "hello");
}

TEST_F(tls_client_test, fails_to_read_when_the_server_wants_a_certificate_that_it_has_not) {
  m_server_options.client_ca_file = m_ca_file;
  listen();
  connect();
  // In TLS 1.3 the client has finished before the server judges it.
  ASSERT_TRUE(m_client.stream);
  EXPECT_EQ(m_client.failure, error_code::tls_failed);
  EXPECT_EQ(m_client.stream->explanation(),
            "the server ended it with TLS alert 116 (certificate required): it wants a client certificate");
  EXPECT_FALSE(m_server.stream);
}

TEST_F(tls_client_test, resumes_with_the_ticket_of_the_last_connection_whatever_ended_it) {
  listen();
  connect_well();
  m_net.reset_connections(m_host);
  run();
  connect_well();
  EXPECT_THAT(m_client.stream->security(), HasSubstr(", resumed"));
  m_client.stream.reset();
  run();
  connect_well();
  EXPECT_THAT(m_client.stream->security(), HasSubstr(", resumed"));
  EXPECT_EQ(m_client.write("hello").status, io_status::ok);
  run();
  EXPECT_THAT(m_server.received, HasSubstr("hello"));
}

TEST_F(tls_client_test, offers_no_ticket_to_another_host_name) {
  certificate_spec both = spec("server");
  both.dns_names = {"server", "other"};
  listen(m_ca.issue(both));
  connect_well();
  connect("other");
  ASSERT_TRUE(m_client.stream);
  EXPECT_THAT(m_client.stream->security(), Not(HasSubstr("resumed")));
}

TEST_F(tls_client_test, does_not_resume_past_the_end_of_the_certificate) {
  certificate_spec brief = spec("server");
  brief.not_after = now() + 1h;
  listen(m_ca.issue(brief));
  connect_well();
  m_world.step_wall(2h);
  connect();
  EXPECT_THAT(refusal(), HasSubstr("expired on"));
}

TEST_F(tls_client_test, keeps_a_client_for_each_set_of_options_until_its_files_change) {
  tls_clients clients(m_loop);
  const auto first = clients.get(m_options).value();
  EXPECT_EQ(clients.get(m_options).value(), first);
  tls_options other = m_options;
  other.min_version = tls_version::v1_3;
  EXPECT_NE(clients.get(other).value(), first);
  m_folder.write("ca.pem", m_ca.pem() + m_ca.pem());
  EXPECT_NE(clients.get(m_options).value(), first);
  other.ca_file = m_folder.path() + "/missing.pem";
  EXPECT_FALSE(clients.get(other));
}

TEST_F(tls_client_test, survives_any_bytes_in_the_handshake) {
  std::mt19937 random(7);
  for (int round = 0; round < 300; ++round) {
    std::string bytes(1 + random() % 600, '\0');
    for (char& byte : bytes) byte = static_cast<char>(random());
    // Half of them look like a handshake at first.
    if (round % 2 == 0)
      bytes.replace(0, std::min<size_t>(3, bytes.size()), "\x16\x03\x03", std::min<size_t>(3, bytes.size()));
    listen_plain([&](auto stream) {
      m_server.attach(std::move(stream));
      m_server.write(bytes);
      m_server.stream->shutdown_write();
    });
    connect();
    ASSERT_TRUE(m_failure);
    EXPECT_TRUE(m_failure->code == error_code::tls_failed || m_failure->code == error_code::closed_by_peer)
        << m_failure->message;
    m_acceptor.reset();
  }
}

TEST_F(tls_client_test, survives_every_mutation_of_a_real_handshake) {
  listen();
  std::mt19937 random(11);
  int refused = 0;
  for (int round = 0; round < 200; ++round) {
    const size_t position = random() % 1500;
    m_tls = tls_client::make(m_loop, m_options).value();
    m_client.stream.reset();
    m_client.failure.reset();
    m_failure.reset();
    const auto by = static_cast<uint8_t>(1 + random() % 255);
    m_tcp = m_net.connect(m_address, {}, [&](auto transport) {
      auto changed = std::make_unique<changing_stream>(std::move(transport.value()), position, by);
      m_operation = m_tls->connect(std::move(changed), "server", 443, [this](auto outcome) {
        if (outcome) {
          m_client.attach(std::move(*outcome));
        } else {
          m_failure = outcome.error();
        }
      });
    });
    run(100ms);
    m_operation.reset();
    if (m_failure) {
      ++refused;
      EXPECT_EQ(m_failure->code, error_code::tls_failed) << m_failure->message;
    }
  }
  EXPECT_GT(refused, 60);
}

TEST_F(tls_client_test, gives_up_a_handshake_without_end) {
  listen_plain([this](auto stream) { m_server.attach(std::move(stream)); });
  m_server.is_reading = false;
  m_tls = tls_client::make(m_loop, m_options).value();
  connect();
  // Warnings (alert level 1, user_canceled) may come before a hello; nobody may send them for ever.
  for (int i = 0; i < 200 && !m_failure; ++i) {
    for (int k = 0; k < 1000; ++k) m_server.write({"\x15\x03\x03\x00\x02\x01\x5a", 7});
    run(20ms);
  }
  ASSERT_TRUE(m_failure);
  EXPECT_EQ(m_failure->code, error_code::tls_failed);
}

struct file_row {
  const char* name;
  void (*spoil)(tls_options&, const temporary_folder&);
  error_code code;
  const char* text;
};

class tls_files : public ::testing::TestWithParam<file_row> {};

TEST_P(tls_files, are_judged_when_the_client_is_made) {
  simulation world;
  simulated_loop loop(world);
  temporary_folder folder;
  tls_options options;
  GetParam().spoil(options, folder);
  const auto made = tls_client::make(loop, options);
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().code, GetParam().code) << made.error().message;
  EXPECT_THAT(made.error().message, HasSubstr(GetParam().text));
}

test_certificate any_certificate() {
  certificate_spec made;
  made.not_after = std::chrono::system_clock::now() + 24h;
  return test_certificate::self_signed(made);
}

INSTANTIATE_TEST_SUITE_P(
    rows, tls_files,
    ::testing::Values(
        file_row{"missing_ca_file", [](tls_options& o, const temporary_folder&) { o.ca_file = "/nowhere/ca.pem"; },
                 error_code::not_found, "ca_file /nowhere/ca.pem"},
        file_row{"text_as_ca_file",
                 [](tls_options& o, const temporary_folder& f) { o.ca_file = f.write("ca.pem", "no certificate"); },
                 error_code::malformed, "no certificate in PEM form"},
        file_row{"missing_ca_path", [](tls_options& o, const temporary_folder&) { o.ca_path = "/nowhere"; },
                 error_code::not_found, "ca_path /nowhere"},
        file_row{"ca_path_without_hashes", [](tls_options& o, const temporary_folder& f) { o.ca_path = f.path(); },
                 error_code::malformed, "openssl rehash"},
        file_row{"missing_client_cert",
                 [](tls_options& o, const temporary_folder&) { o.client_cert = "/nowhere/cert.pem"; },
                 error_code::not_found, "/nowhere/cert.pem"},
        file_row{"key_of_another",
                 [](tls_options& o, const temporary_folder& f) {
                   o.client_cert = f.write("cert.pem", any_certificate().pem());
                   o.client_key = f.write("key.pem", any_certificate().key_pem());
                 },
                 error_code::malformed, "does not belong to the certificate"},
        file_row{"no_key",
                 [](tls_options& o, const temporary_folder& f) {
                   o.client_cert = f.write("cert.pem", any_certificate().pem());
                 },
                 error_code::malformed, "no private key"},
        file_row{"short_pin", [](tls_options& o, const temporary_folder&) { o.pin_sha256 = {"abcd"}; },
                 error_code::malformed, "pin_sha256 'abcd'"}),
    [](const auto& one) { return std::string(one.param.name); });

struct pin_row {
  const char* name;
  const char* text;
  bool is_good;
};
class tls_pin : public ::testing::TestWithParam<pin_row> {};

TEST_P(tls_pin, is_read_in_every_usual_form) {
  const auto pin = parse_pin(GetParam().text);
  ASSERT_EQ(pin.has_value(), GetParam().is_good);
  EXPECT_EQ(pin ? pin_text(*pin) : "", GetParam().is_good ? "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=" : "");
}

INSTANTIATE_TEST_SUITE_P(
    rows, tls_pin,
    ::testing::Values(
        pin_row{"base64", "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=", true},
        pin_row{"of_curl", "sha256//47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=", true},
        pin_row{"of_browsers", "sha256/47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=", true},
        pin_row{"hex", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", true},
        pin_row{"hex_with_colons",
                "E3:B0:C4:42:98:FC:1C:14:9A:FB:F4:C8:99:6F:B9:24:27:AE:41:E4:64:9B:93:4C:A4:95:99:1B:78:52:B8:55",
                true},
        pin_row{"empty", "", false}, pin_row{"only_a_prefix", "sha256//", false},
        pin_row{"base64_without_end", "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU", false},
        pin_row{"two_bytes_short", "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuA==", false},
        pin_row{"not_base64", "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hS*FU=", false},
        pin_row{"sha1_in_hex", "da39a3ee5e6b4b0d3255bfef95601890afd80709", false}),
    [](const auto& one) { return std::string(one.param.name); });

}  // namespace
}  // namespace campush::test

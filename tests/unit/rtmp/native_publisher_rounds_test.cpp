#include "fakes/test_certificates.h"
#include "net/tls_listener.h"
#include "publisher_bench.h"

namespace campush {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

rtmp_server_options claiming(server_capabilities claims) {
  rtmp_server_options options;
  options.claims = claims;
  return options;
}

rtmp_server_options asking(auth_method method) {
  rtmp_server_options options;
  options.auth = method;
  options.account = {"camera", secret_text("passw0rd")};
  return options;
}

constexpr enhanced_request everything{true, true};

TEST(native_publisher_rounds, tells_what_the_server_said_of_itself_before_it_is_ready) {
  const server_capabilities claims[] = {{}, {true, true, false, false}, {true, false, true, false}};
  for (const server_capabilities& each : claims) {
    publisher_bench bench(claiming(each));
    bench.start("rtmp://server/live/k", everything);
    bench.world.run_for(milliseconds(200));
    EXPECT_TRUE(bench.heard.is_published);
    EXPECT_EQ(bench.heard.answers, std::vector<server_capabilities>{each});
    EXPECT_EQ(bench.server.totals().connections_accepted, 1u);
  }
}

TEST(native_publisher_rounds, says_nothing_of_enhanced_rtmp_unless_asked) {
  publisher_bench bench;
  bench.publish();
  EXPECT_FALSE(bench.server.streams().front().offer.any());
  publisher_bench other;
  other.start("rtmp://server/live/k", everything);
  other.world.run_for(milliseconds(200));
  EXPECT_EQ(other.server.streams().front().offer.video, std::vector<std::string>{"hvc1"});
  EXPECT_TRUE(other.server.streams().front().offer.reconnect);
}

TEST(native_publisher_rounds, asks_for_opus_where_the_stream_has_it) {
  publisher_bench bench;
  bench.start("rtmp://server/live/k", {false, false, true});
  bench.world.run_for(milliseconds(200));
  EXPECT_EQ(bench.server.streams().front().offer.audio, std::vector<std::string>{"Opus"});
  EXPECT_TRUE(bench.server.streams().front().offer.video.empty());
}

TEST(native_publisher_rounds, connects_once_more_without_properties_that_the_server_refuses) {
  publisher_bench bench(claiming({false, false, false, true}));
  bench.start("rtmp://server/live/k", everything);
  bench.world.run_for(milliseconds(500));
  EXPECT_TRUE(bench.heard.is_published) << bench.heard.text;
  EXPECT_EQ(bench.server.totals().connections_accepted, 2u);
  EXPECT_EQ(bench.server.totals().connects_refused, 1u);
  EXPECT_FALSE(bench.server.streams().front().offer.any());
  ASSERT_EQ(bench.heard.answers.size(), 1u);
  EXPECT_TRUE(bench.heard.answers[0].refuses_properties);
  EXPECT_EQ(bench.heard.phases, "tcp handshake connect tcp handshake connect publish");
}

TEST(native_publisher_rounds, connects_only_once_more_where_everything_is_refused) {
  for (const bool is_asking : {false, true}) {
    publisher_bench bench;
    rtmp_server_faults faults;
    faults.deny_connect = true;
    bench.server.set_faults(faults);
    bench.start("rtmp://server/live/k", is_asking ? everything : enhanced_request{});
    bench.world.run_for(seconds(1));
    EXPECT_STREQ(reason_name(bench.heard.reason), "denied");
    EXPECT_EQ(bench.server.totals().connections_accepted, is_asking ? 2u : 1u);
    EXPECT_TRUE(bench.heard.answers.empty());
  }
}

/// A server that closes without a word when connect comes, or even before the handshake.
struct rude_server {
  struct client final : byte_stream_events {
    std::unique_ptr<byte_stream> stream;
    uint64_t received = 0;
    std::string said;
    bool answers = true;
    void on_readable() override {
      std::array<uint8_t, 4096> bytes{};
      for (io_outcome read = stream->read_some(bytes.data(), bytes.size()); read.status == io_status::ok;
           read = stream->read_some(bytes.data(), bytes.size())) {
        if (received == 0 && answers) answer();
        received += read.bytes;
        said.append(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(read.bytes));
      }
      if (received > handshake_bytes || !answers) stream->close();
    }
    void on_writable() override {}
    void answer() {
      const std::vector<uint8_t> hello(handshake_bytes, 3);
      const byte_view view(hello);
      stream->write_some(&view, 1);
    }
  };
  static constexpr uint64_t handshake_bytes = 1 + 2 * 1536;
  bool answers = true;
  std::vector<std::unique_ptr<client>> clients;
  std::unique_ptr<stream_acceptor> acceptor;

  explicit rude_server(network& on) {
    acceptor = std::move(*on.listen(*parse_endpoint("10.0.0.1", 1936), [this](std::unique_ptr<byte_stream> stream) {
      clients.push_back(std::make_unique<client>());
      clients.back()->stream = std::move(stream);
      clients.back()->answers = answers;
      clients.back()->stream->set_events(clients.back().get());
    }));
  }
};

TEST(native_publisher_rounds, takes_a_silent_close_after_connect_for_a_refusal_but_not_one_before) {
  struct row {
    const char* name;
    bool answers;
    size_t connections;
  };
  for (const row& each : {row{"after connect", true, 2}, row{"before the handshake", false, 1}}) {
    SCOPED_TRACE(each.name);
    publisher_bench bench;
    rude_server rude(bench.network);
    rude.answers = each.answers;
    bench.start("rtmp://server:1936/live/k", everything);
    bench.world.run_for(seconds(1));
    EXPECT_STREQ(reason_name(bench.heard.reason), "closed_by_server");
    EXPECT_EQ(rude.clients.size(), each.connections);
  }
}

TEST(native_publisher_rounds, proves_who_publishes_over_three_connections) {
  for (const auth_method method : {auth_method::adobe, auth_method::limelight}) {
    for (const enhanced_request enhanced : {enhanced_request{}, everything}) {
      SCOPED_TRACE(auth_method_name(method));
      publisher_bench bench(asking(method));
      bench.start("rtmp://camera:passw0rd@server/live/k", enhanced);
      bench.world.run_for(milliseconds(500));
      EXPECT_TRUE(bench.heard.is_published) << bench.heard.text;
      EXPECT_EQ(bench.server.totals().connections_accepted, 3u);
      EXPECT_EQ(bench.server.streams().front().app, "live");
      EXPECT_EQ(bench.server.streams().front().offer.any(), enhanced.any());
    }
  }
}

TEST(native_publisher_rounds, proves_itself_and_drops_the_properties_in_one_attempt) {
  rtmp_server_options options = asking(auth_method::adobe);
  options.claims.refuses_properties = true;
  publisher_bench bench(options);
  bench.start("rtmp://camera:passw0rd@server/live/k", everything);
  bench.world.run_for(milliseconds(500));
  EXPECT_TRUE(bench.heard.is_published) << bench.heard.text;
  EXPECT_EQ(bench.server.totals().connections_accepted, publish_rounds::max_connections);
}

TEST(native_publisher_rounds, ends_denied_with_a_clear_sentence_where_the_proof_fails) {
  struct row {
    const char* url;
    const char* sentence;
    uint64_t connections;
  };
  const row rows[] = {
      {"rtmp://camera:wr0ng@server/live/k", "the server does not accept this user and password (adobe)", 3},
      {"rtmp://nobody:passw0rd@server/live/k", "the server does not accept this user and password (adobe)", 2},
      {"rtmp://server/live/k", "the server asks for a user and a password (adobe), and the address has none", 1},
  };
  for (const row& each : rows) {
    SCOPED_TRACE(each.url);
    publisher_bench bench(asking(auth_method::adobe));
    bench.start(each.url);
    bench.world.run_for(seconds(1));
    EXPECT_STREQ(reason_name(bench.heard.reason), "denied");
    EXPECT_EQ(bench.heard.text, each.sentence);
    EXPECT_EQ(bench.server.totals().connections_accepted, each.connections);
  }
}

TEST(native_publisher_rounds, takes_a_refusal_of_its_proof_in_other_words_for_one) {
  for (const uint64_t challenges : {1u, 2u}) {
    publisher_bench bench(asking(auth_method::adobe));
    bench.start("rtmp://camera:passw0rd@server/live/k", everything);
    ASSERT_TRUE(
        bench.world.run_until_true([&] { return bench.server.totals().connects_refused == challenges; }, seconds(1)));
    rtmp_server_faults faults;
    faults.deny_connect = true;
    bench.server.set_faults(faults);
    bench.world.run_for(seconds(1));
    EXPECT_STREQ(reason_name(bench.heard.reason), "denied");
    EXPECT_EQ(bench.heard.text, "NetConnection.Connect.Rejected: Connection rejected.");
    EXPECT_EQ(bench.server.totals().connections_accepted, challenges + 1);
  }
}

TEST(native_publisher_rounds, tells_no_user_to_a_server_that_did_not_ask) {
  publisher_bench bench;
  rude_server rude(bench.network);
  bench.start("rtmp://camera:passw0rd@server:1936/live/k");
  bench.world.run_for(milliseconds(200));
  ASSERT_EQ(rude.clients.size(), 1u);
  const std::string& said = rude.clients[0]->said;
  EXPECT_NE(said.find("rtmp://server:1936/live"), std::string::npos);
  for (const char* secret : {"camera", "passw0rd"}) EXPECT_EQ(said.find(secret), std::string::npos);
}

TEST(native_publisher_rounds, stops_between_its_connections) {
  publisher_bench bench(asking(auth_method::adobe));
  bench.start("rtmp://camera:passw0rd@server/live/k");
  EXPECT_TRUE(bench.world.run_until_true(
      [&] { return bench.server.totals().connects_refused == 1 && bench.server.totals().connections_open == 0; },
      seconds(1)));
  bench.subject->stop(seconds(1));
  bench.world.run_for(milliseconds(10));
  EXPECT_STREQ(reason_name(bench.heard.reason), "user_request");
}

TEST(native_publisher_rounds, reports_where_a_server_sends_it) {
  publisher_bench bench;
  rtmp_server_faults faults;
  faults.redirect_to = "rtmp://other:1936/live";
  bench.server.set_faults(faults);
  bench.start("rtmp://server/live/k", everything);
  bench.world.run_for(seconds(1));
  EXPECT_EQ(bench.heard.redirects, std::vector<std::string>{"rtmp://other:1936/live"});
  EXPECT_STREQ(reason_name(bench.heard.reason), "redirected");
  EXPECT_EQ(bench.server.totals().connections_accepted, 1u) << "a redirect is no dislike of properties";
}

TEST(native_publisher_rounds, reports_reconnect_requests_and_goes_on) {
  publisher_bench bench(claiming({false, false, true, false}));
  bench.publish();
  EXPECT_EQ(bench.server.ask_to_reconnect("live", "", "rtmp://other/live"), 1u);
  bench.world.run_for(milliseconds(100));
  EXPECT_EQ(bench.server.ask_to_reconnect("live", "", ""), 1u);
  bench.world.run_for(milliseconds(100));
  EXPECT_EQ(bench.heard.reconnect_requests, (std::vector<std::string>{"rtmp://other/live", ""}));
  EXPECT_FALSE(bench.heard.is_over);
  EXPECT_EQ(bench.server.live_streams(), 1u);
}

TEST(native_publisher_rounds, hears_the_server_ask_after_a_while) {
  publisher_bench bench;
  rtmp_server_faults faults;
  faults.reconnect_after = seconds(2);
  faults.reconnect_to = "/elsewhere";
  bench.server.set_faults(faults);
  bench.publish();
  bench.world.run_for(milliseconds(1700));
  EXPECT_TRUE(bench.heard.reconnect_requests.empty());
  bench.world.run_for(milliseconds(300));
  EXPECT_EQ(bench.heard.reconnect_requests, std::vector<std::string>{"/elsewhere"});
}

TEST(native_publisher_rounds, knows_both_ends_of_its_connection) {
  publisher_bench bench;
  bench.make();
  EXPECT_EQ(bench.subject->remote().port, 0u);
  bench.subject->start();
  bench.world.run_for(milliseconds(200));
  EXPECT_EQ(bench.subject->remote(), *parse_endpoint("10.0.0.1", 1935));
  EXPECT_NE(bench.subject->local().port, 0u);
  EXPECT_EQ(bench.subject->security(), "");
}

test::certificate_spec certificate_of(const char* name, bool is_ca) {
  test::certificate_spec spec;
  spec.common_name = name;
  if (!is_ca) spec.dns_names = {name};
  spec.is_ca = is_ca;
  spec.not_before = std::chrono::system_clock::now() - std::chrono::hours(24);
  spec.not_after = std::chrono::system_clock::now() + std::chrono::hours(24);
  return spec;
}

/// A server behind TLS beside the plain one.
struct secure_bench : publisher_bench {
  test::temporary_folder folder;
  test::test_certificate authority = test::test_certificate::self_signed(certificate_of("authority", true));
  std::unique_ptr<tls_listener> listener;
  std::unique_ptr<rtmp_server> secure;
  publish_target target;

  explicit secure_bench(const char* name, rtmp_server_options options = {}, bool wants_certificate = false) {
    // Certificates are judged by the simulated wall clock.
    world.step_wall(std::chrono::duration_cast<seconds>(std::chrono::system_clock::now() - world.time().wall_now()));
    const test::test_certificate own = authority.issue(certificate_of(name, false));
    const std::string ca_file = folder.write("ca.pem", authority.pem());
    listener =
        std::move(*tls_listener::make(loop, network,
                                      {folder.write("own.pem", own.pem()), folder.write("own.key", own.key_pem()),
                                       wants_certificate ? ca_file : ""}));
    options.listen = *parse_endpoint("10.0.0.1", 443);
    secure = std::make_unique<rtmp_server>(loop, *listener, options);
    EXPECT_TRUE(secure->start());
    target.url = *stream_url::parse("rtmps://server/live/secretkey");
    target.tls.ca_file = ca_file;
  }
  void start() {
    subject = factory.make(target, heard);
    heard.output = subject.get();
    subject->start();
    world.run_for(seconds(1));
  }
};

TEST(native_publisher_rounds, publishes_over_tls_and_says_what_protects_it) {
  secure_bench bench("server");
  bench.start();
  EXPECT_TRUE(bench.heard.is_published) << bench.heard.text;
  EXPECT_EQ(bench.heard.phases, "tcp tls handshake connect publish");
  EXPECT_EQ(bench.subject->security().substr(0, 7), "TLSv1.3");
  EXPECT_EQ(bench.secure->live_streams(), 1u);
  bench.subject.reset();
}

TEST(native_publisher_rounds, proves_who_publishes_over_tls) {
  rtmp_server_options options = asking(auth_method::adobe);
  options.claims.refuses_properties = true;
  secure_bench bench("server", options);
  bench.target.url = *stream_url::parse("rtmps://camera:passw0rd@server/live/secretkey");
  bench.target.enhanced = everything;
  bench.start();
  EXPECT_TRUE(bench.heard.is_published) << bench.heard.text;
  EXPECT_EQ(bench.secure->totals().connections_accepted, 4u);
  EXPECT_NE(bench.subject->security().find("resumed"), std::string::npos) << bench.subject->security();
  bench.subject.reset();
}

TEST(native_publisher_rounds, says_why_a_tls_server_is_not_trusted) {
  secure_bench bench("stranger");
  bench.start();
  EXPECT_STREQ(reason_name(bench.heard.reason), "tls_failed");
  EXPECT_NE(bench.heard.text.find("stranger"), std::string::npos) << bench.heard.text;
  secure_bench early("server");
  early.world.step_wall(-std::chrono::hours(24 * 365 * 20));
  early.start();
  EXPECT_STREQ(reason_name(early.heard.reason), "clock_wrong");
}

// In TLS 1.3 a client has finished its handshake before the server judges it.
TEST(native_publisher_rounds, says_with_which_alert_a_tls_server_ended_a_connection_that_stood) {
  secure_bench bench("server", {}, true);
  bench.start();
  EXPECT_STREQ(reason_name(bench.heard.reason), "tls_failed");
  EXPECT_NE(bench.heard.text.find("TLS alert 116 (certificate required)"), std::string::npos) << bench.heard.text;
}

}  // namespace
}  // namespace campush

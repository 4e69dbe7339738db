#include "app/url_probe.h"

#include <gtest/gtest.h>

#include "net/memory_network.h"
#include "net/simulated_loop.h"

namespace campush {
namespace {

using namespace std::chrono_literals;

constexpr connect_phase whole_walk[] = {connect_phase::tcp, connect_phase::handshake, connect_phase::connect,
                                        connect_phase::publish};

/// What the servers do, as a list of the events that a publisher reports, one each `pace`.
struct server_script {
  duration pace = 10ms;
  std::vector<connect_phase> phases{std::begin(whole_walk), std::end(whole_walk)};
  disconnect_reason failure = disconnect_reason::none;  ///< behind the phases
  std::string failure_text = "why";
  std::optional<server_capabilities> answer;
  std::string redirect;
  disconnect_reason publish_failure = disconnect_reason::none;
  bool answers_publish = true;
  duration kicks_after{0};  ///< after on_published(); 0: never
};

/// What was asked of all publishers.
struct publisher_calls {
  int publishes = 0, stops = 0;
};

class fake_publisher final : public publisher {
 public:
  fake_publisher(event_loop& loop, const server_script& script, publisher_events& events, publisher_calls& calls)
      : m_script(script), m_events(events), m_calls(calls), m_timer(loop.make_timer([this] { go_on(); })) {}

  void start() override { m_timer->arm_after(10ms); }
  void publish() override {
    ++m_calls.publishes;
    m_is_publishing = true;
    if (m_script.answers_publish) m_timer->arm_after(10ms);
  }
  size_t write(const outgoing_tag*, size_t, video_dialect) override { return 0; }
  bool is_drained() const noexcept override { return true; }
  void stop(duration) override {
    ++m_calls.stops;
    m_script.failure = disconnect_reason::user_request;
    m_is_stopping = true;
    m_timer->arm_after(10ms);
  }
  stream_counters sample() const override { return {}; }
  size_t pending_bytes() const noexcept override { return 0; }
  std::string security() const override { return "TLSv1.3 X"; }

 private:
  void go_on() {
    if (m_is_stopping || m_is_published) return end(m_script.failure);
    if (m_is_publishing) return answer_publish();
    if (m_next < m_script.phases.size()) {
      m_timer->arm_after(m_script.pace);
      return m_events.on_phase(m_script.phases[m_next++]);
    }
    if (!m_script.redirect.empty()) m_events.on_redirect(m_script.redirect);
    if (m_script.failure != disconnect_reason::none) return end(m_script.failure);
    if (m_script.answer) m_events.on_server_answer(*m_script.answer);
    m_events.on_ready_to_publish();
  }
  void answer_publish() {
    if (m_script.publish_failure != disconnect_reason::none) return end(m_script.publish_failure);
    m_is_published = true;
    m_script.failure = disconnect_reason::closed_by_server;
    if (m_script.kicks_after != duration(0)) m_timer->arm_after(m_script.kicks_after);
    m_events.on_published();
  }
  void end(disconnect_reason reason) { m_events.on_failed(reason, m_script.failure_text); }

  server_script m_script;
  publisher_events& m_events;
  publisher_calls& m_calls;
  const std::unique_ptr<loop_timer> m_timer;
  size_t m_next = 0;
  bool m_is_publishing = false, m_is_published = false, m_is_stopping = false;
};

/// A fixed wall clock would be before the day of the build one day.
constexpr auto after_every_build = std::chrono::hours(24 * 365 * 30);

class probe_world : public publisher_factory {
 public:
  explicit probe_world(std::chrono::seconds wall_step = after_every_build) {
    m_time.step_wall(wall_step);
    session.urls = {"rtmp://host/live/key"};
  }
  std::unique_ptr<publisher> make(const publish_target& target, publisher_events& events) override {
    targets.push_back(target);
    return std::make_unique<fake_publisher>(m_loop, target.url.host() == "host" ? script : other_script, events, calls);
  }
  url_report walk(bool needs_hevc = false, bool publishes = true) {
    int ends = 0;
    url_probe probe(m_loop, *this, m_watch, {session, session.urls[0], 0, needs_hevc, publishes}, [&ends] { ++ends; });
    const time_point begin = m_time.now();
    const auto end_of_all = m_loop.make_timer([&probe] { probe.give_up("the time of all is over"); });
    if (longest_of_all != duration(0)) end_of_all->arm_after(longest_of_all);
    probe.start();
    while (!probe.is_done() && m_time.run_one()) {
    }
    took = m_time.now() - begin;
    m_time.run_for(1min);
    EXPECT_EQ(ends, 1);
    return probe.report();
  }

  /// Told to give up before it was started.
  url_report never_walk() {
    url_probe probe(m_loop, *this, m_watch, {session, session.urls[0], 0, false, true}, [] {});
    probe.give_up("the time of all is over");
    EXPECT_TRUE(probe.is_done());
    return probe.report();
  }

  server_script script, other_script;
  publisher_calls calls;
  duration longest_of_all{0};  ///< 0: only that of the probe
  session_config session;
  std::vector<publish_target> targets;
  duration took{};

 private:
  simulation m_time;
  simulated_loop m_loop{m_time};
  memory_network m_inner_streams{m_time};
  memory_resolver m_inner_names{m_inner_streams};
  watched_resolver m_names{m_loop, m_inner_names};
  watched_network m_streams{m_inner_streams};
  connection_watch m_watch{m_names, m_streams, {}};
};

std::string outcomes(const url_report& report) {
  std::string text;
  for (const step_report& step : report.steps) text += outcome_name(step.outcome)[0];
  return text;
}

}  // namespace

TEST(url_probe, walks_every_step_and_stays_a_moment) {
  probe_world world;
  const url_report report = world.walk();
  EXPECT_EQ(outcomes(report), "oossooo");
  EXPECT_TRUE(report.is_good());
  EXPECT_EQ(report.url, "rtmp://host/live/key");
  EXPECT_EQ(report.at(check_step::tcp).took, duration(10ms));
  EXPECT_GE(world.took, url_probe::linger);
  EXPECT_EQ(report.at(check_step::tls).detail, "not part of rtmp");
}

TEST(url_probe, fails_the_step_that_it_is_in) {
  const struct {
    std::vector<connect_phase> phases;
    disconnect_reason reason;
    const char* expected;
  } cases[] = {
      {{}, disconnect_reason::dns_failed, "fssssss"},
      {{connect_phase::tcp}, disconnect_reason::connect_timeout, "ofsssss"},
      {{connect_phase::tcp, connect_phase::handshake}, disconnect_reason::handshake_timeout, "oossfss"},
      {{connect_phase::tcp, connect_phase::handshake, connect_phase::connect}, disconnect_reason::denied, "oossofs"},
      {{connect_phase::tcp, connect_phase::handshake, connect_phase::connect, connect_phase::publish},
       disconnect_reason::server_error,
       "oossoof"},
  };
  for (const auto& c : cases) {
    probe_world world;
    world.script.phases = c.phases;
    world.script.failure = c.reason;
    const url_report report = world.walk();
    EXPECT_EQ(outcomes(report), c.expected);
    EXPECT_EQ(report.at(check_step::publish).detail, c.expected[6] == 'f' ? "why" : "not reached");
  }
}

TEST(url_probe, counts_further_connections_of_one_attempt_together) {
  probe_world world;
  world.script.phases = {connect_phase::tcp,       connect_phase::handshake, connect_phase::connect, connect_phase::tcp,
                         connect_phase::handshake, connect_phase::connect,   connect_phase::publish};
  const url_report report = world.walk();
  EXPECT_EQ(outcomes(report), "oossooo");
  EXPECT_EQ(report.at(check_step::connect).took, duration(20ms));
}

TEST(url_probe, notices_a_server_that_accepts_and_then_ends) {
  probe_world world;
  world.script.kicks_after = 500ms;
  const url_report report = world.walk();
  EXPECT_EQ(outcomes(report), "oossoof");
  EXPECT_EQ(report.at(check_step::publish).detail, "accepted, then ended: why");
  EXPECT_EQ(report.at(check_step::publish).kind, "closed_by_server");
}

TEST(url_probe, leaves_before_publish_where_told_to) {
  probe_world world;
  const url_report report = world.walk(false, false);
  EXPECT_EQ(outcomes(report), "oossoos");
  EXPECT_TRUE(report.is_good());
  EXPECT_LT(world.took, url_probe::linger);
}

TEST(url_probe, gives_up_after_its_time) {
  probe_world world;
  world.script.answers_publish = false;
  const url_report report = world.walk();
  EXPECT_EQ(outcomes(report), "oossoof");
  EXPECT_EQ(report.at(check_step::publish).kind, "time_is_up");
  EXPECT_GE(world.took, url_probe::longest);
  EXPECT_LE(world.took, url_probe::longest + 1s);
  EXPECT_EQ(world.calls.stops, 1);
}

TEST(url_probe, that_gave_up_publishes_no_more_and_tells_what_it_told_then) {
  probe_world world;
  world.script.pace = 12s;
  const url_report report = world.walk();
  EXPECT_EQ(outcomes(report), "oossofs");
  EXPECT_EQ(report.at(check_step::connect).kind, "time_is_up");
  EXPECT_EQ(report.at(check_step::connect).detail, "no end within 30 s");
  EXPECT_EQ(report.at(check_step::publish).detail, "not reached");
  EXPECT_EQ(world.calls.publishes, 0);
  EXPECT_EQ(world.calls.stops, 1);
}

TEST(url_probe, unpublishes_when_the_time_of_all_ends_its_stay) {
  probe_world world;
  world.longest_of_all = 500ms;
  const url_report report = world.walk();
  EXPECT_TRUE(report.is_good());
  EXPECT_EQ(world.calls.publishes, 1);
  EXPECT_EQ(world.calls.stops, 1);
  EXPECT_LT(world.took, url_probe::linger);
}

TEST(url_probe, that_never_began_names_its_address) {
  probe_world world;
  world.session.urls = {url_entry("rtmp://u:p@host/live", "a-key-of-more-than-16-letters")};
  const url_report report = world.never_walk();
  EXPECT_EQ(report.url, "rtmp://***@host/live/a-***");
  EXPECT_EQ(outcomes(report), "fssssss");
  EXPECT_EQ(report.at(check_step::dns).detail, "the time of all is over");
  EXPECT_TRUE(world.targets.empty());
}

TEST(url_probe, stops_at_a_clock_that_is_wrong_where_something_depends_on_it) {
  const struct {
    const char* name;
    const char* url;
    sign_type sign;
    bool insecure;
    const char* expected;
  } cases[] = {
      {"plain", "rtmp://host/live/key", sign_type::none, false, "oossooo"},
      {"secure", "rtmps://host/live/key", sign_type::none, false, "oofssss"},
      {"signed", "rtmp://host/live/key", sign_type::aliyun, false, "oofssss"},
      {"insecure", "rtmps://host/live/key", sign_type::none, true, "oosoooo"},
  };
  for (const auto& c : cases) {
    probe_world world(-std::chrono::hours(24 * 365 * 20));
    world.session.urls = {c.url};
    world.session.sign = {c.sign, "/nonexistent/key", 1h};
    world.session.tls.insecure = c.insecure;
    if (world.session.urls[0].url[4] == 's') {
      world.script.phases.insert(world.script.phases.begin() + 1, connect_phase::tls);
    }
    const url_report report = world.walk();
    EXPECT_EQ(outcomes(report), c.expected) << c.name;
    EXPECT_NE(report.at(check_step::clock).detail.find("the clock of this device"), std::string::npos) << c.name;
  }
}

TEST(url_probe, says_that_an_address_cannot_be_signed) {
  probe_world world;
  world.session.sign = {sign_type::tencent, "/nonexistent/key", 1h};
  const url_report report = world.walk();
  EXPECT_TRUE(world.targets.empty());
  EXPECT_EQ(report.at(check_step::publish).kind, "sign");
  EXPECT_NE(report.at(check_step::publish).detail.find("/nonexistent/key"), std::string::npos);
}

TEST(url_probe, judges_what_the_server_says_of_h265) {
  const server_capabilities silent{}, takes{true, true, false, false}, refuses{true, false, false, false};
  const hevc_fallback other{hevc_fallback::kind::stream, 1};
  const struct {
    const char* name;
    server_capabilities answer;
    hevc_mode mode;
    hevc_fallback fallback;
    const char* expected;
    const char* detail;
  } cases[] = {
      {"takes", takes, hevc_mode::automatic, {}, "oossooo", "takes H.265"},
      {"silent", silent, hevc_mode::automatic, {}, "oossooo", "does not say whether it takes H.265"},
      {"refuses", refuses, hevc_mode::automatic, {}, "oossofs", "does not take H.265"},
      {"forced",
       refuses,
       hevc_mode::enhanced,
       {},
       "oossooo",
       "does not list H.265 and is sent it all the same (hevc_mode)"},
      {"fallback", refuses, hevc_mode::automatic, other, "oossooo", "does not take H.265, so the fallback is pushed"},
      {"legacy", refuses, hevc_mode::legacy12, {}, "oossooo", "H.265 goes as codec id 12, which no server announces"},
      {"none", takes, hevc_mode::h264_only, {}, "oossofs", "no H.265 is sent here (hevc_mode)"},
  };
  for (const auto& c : cases) {
    probe_world world;
    world.script.answer = c.answer;
    world.session.hevc = c.mode;
    world.session.fallback = c.fallback;
    const url_report report = world.walk(true);
    EXPECT_EQ(outcomes(report), c.expected) << c.name;
    EXPECT_EQ(report.at(check_step::connect).detail, c.detail) << c.name;
    const bool is_enhanced = c.mode == hevc_mode::automatic || c.mode == hevc_mode::enhanced;
    EXPECT_EQ(world.targets.at(0).enhanced.hevc, is_enhanced) << c.name;
  }
}

TEST(url_probe, follows_a_redirect_and_not_for_ever) {
  probe_world world;
  world.script.failure = disconnect_reason::redirected;
  world.script.redirect = "rtmp://elsewhere/live";
  const url_report moved = world.walk();
  EXPECT_TRUE(moved.is_good());
  EXPECT_EQ(moved.url, "rtmp://host/live/key -> rtmp://elsewhere/live/key");

  probe_world circle;
  circle.script = world.script;
  circle.script.redirect = "rtmp://host/live";
  const url_report report = circle.walk();
  EXPECT_EQ(report.at(check_step::publish).kind, "redirected");
  EXPECT_EQ(circle.targets.size(), 1 + url_probe::max_redirects);
}

TEST(url_probe, pushes_as_the_session_would) {
  probe_world world;
  world.session.urls = {url_entry("rtmps://host/live", "a/b")};
  world.session.bind_address = "10.0.0.7";
  world.session.bind_interface = "wwan0";
  world.session.tls.ca_file = "/ca";
  world.session.backend = publish_backend::librtmp;
  world.session.chunk_size = 4096;
  world.walk();
  ASSERT_EQ(world.targets.size(), 1u);
  const publish_target& target = world.targets[0];
  EXPECT_EQ(target.url.key().reveal(), "a/b");
  EXPECT_EQ(target.link.bind_address, parse_endpoint("10.0.0.7", 0).value());
  EXPECT_EQ(target.link.bind_interface, "wwan0");
  EXPECT_EQ(target.tls.ca_file, "/ca");
  EXPECT_EQ(target.backend, publish_backend::librtmp);
  EXPECT_EQ(target.chunk_size, 4096u);
}

TEST(url_probe, refuses_a_bind_address_that_is_none_as_the_session_does) {
  probe_world world;
  world.session.bind_address = "fe80::1%nonexistent0";
  const url_report report = world.walk();
  EXPECT_TRUE(world.targets.empty());
  EXPECT_EQ(outcomes(report), "sfsssss");
  EXPECT_EQ(report.at(check_step::tcp).kind, "bind_failed");
  EXPECT_NE(report.at(check_step::tcp).detail.find("bind_address: no such interface"), std::string::npos);
}

TEST(connection_watch, tells_which_address_was_reached_and_which_not) {
  simulation time;
  simulated_loop loop(time);
  memory_network inner(time);
  memory_resolver inner_names(inner);
  inner.add_host("server", {"192.0.2.7", "2001:db8::7"});
  const auto acceptor = inner.listen(*parse_endpoint("192.0.2.7", 1935), [](auto) {});
  ASSERT_TRUE(acceptor);
  watched_resolver names(loop, inner_names);
  watched_network streams(inner);
  const connection_watch watch{names, streams, {}};
  EXPECT_EQ(attempts_text(watch, "server", 1935), "");
  const auto query = names.resolve("server", 1935, [](auto) {});
  const auto other = names.resolve("nobody", 1935, [](auto) {});
  std::unique_ptr<byte_stream> connected;
  const auto good = streams.connect(*parse_endpoint("192.0.2.7", 1935), {}, [&](auto answer) {
    if (answer) connected = std::move(*answer);
  });
  const auto bad = streams.connect(*parse_endpoint("2001:db8::7", 1935), {}, [](auto) {});
  time.run_for(1s);
  ASSERT_NE(connected, nullptr);
  EXPECT_EQ(attempts_text(watch, "server", 1935),
            "192.0.2.7:1935 from " + connected->local().to_string() + "; not [2001:db8::7]:1935: connection_refused");
  ASSERT_NE(names.find("nobody"), nullptr);
  EXPECT_FALSE(names.find("nobody")->answer);
  EXPECT_EQ(attempts_text(watch, "nobody", 1935), "");
}

TEST(connection_watch, describes_certificates_and_addresses) {
  const auto now = std::chrono::system_clock::from_time_t(1700000000);
  certificate_facts facts{"'s'", "'ca'", {}, now + 36h};
  EXPECT_EQ(certificate_text(facts, now), "'s', issued by 'ca', until 2023-11-16 10:13 UTC (1 day left)");
  facts.not_after = now - 1h;
  EXPECT_EQ(certificate_text(facts, now), "'s', issued by 'ca', until 2023-11-14 21:13 UTC (over)");
  EXPECT_EQ(addresses_text({*parse_endpoint("192.0.2.7", 1935), *parse_endpoint("2001:db8::7", 1935)}),
            "192.0.2.7 (IPv4), 2001:db8::7 (IPv6)");
}

}  // namespace campush

#include <gtest/gtest.h>

#include <cstdlib>

#include "fakes/heap_meter.h"
#include "integration/hostile/hostile_server.h"
#include "integration/multi_camera.h"
#include "net/memory_network.h"
#include "net/simulated_loop.h"
#include "rtmp/native_publisher.h"
#include "util/log.h"

namespace campush {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using namespace test;

constexpr size_t max_heap_per_session = 4u << 20;
/// Four phases of 1 s each, and what a publish is left alone.
constexpr duration longest_dialogue = seconds(5);
/// Far above what a dialogue takes: a client that goes round in circles at one moment of the simulation would not end otherwise.
constexpr size_t max_events = 400'000;
constexpr const char* const good_url = "rtmp://good/live/gate";
constexpr const char* const evil_url = "rtmp://user:pass@evil/live/gate";

/// A camera with a session to a server as it should be, and one to a server as it should not.
class hostile_site {
 public:
  simulation world;
  simulated_loop loop{world};
  memory_network network{world};
  memory_resolver names{network};
  connector ways{loop, network, names};
  native_publisher_factory publishers{loop, ways};
  rtmp_server good{loop, network, good_options()};
  hostile_server evil{loop, network};
  multi_session_manager sessions{{{&loop, &publishers}}, media_stream_options{}};

  hostile_site() {
    network.add_host("good", {"10.0.0.1"});
    network.add_host("evil", {"10.0.0.2"});
    EXPECT_TRUE(good.start().has_value());
    EXPECT_TRUE(evil.start(*parse_endpoint("10.0.0.2", 1935)).has_value());
    m_camera.start(capture_drive::stepped);
    m_capture->arm_after(duration(0));
    create("good", good_url);
    m_evil_id = create("evil", evil_url);
    world.run_for(seconds(3));
  }
  ~hostile_site() { m_camera.stop(); }

  session_status status() const { return *sessions.find(m_evil_id); }
  bool is_over() const { return status().state == session_state::disconnected && evil.open_connections() == 0; }
  rtmp_stream_stats received() const { return good.streams().front(); }

  /// One attempt of the session at what the server plays, until it has given up. False if it does not end, or goes round in circles.
  bool hold() {
    const uint64_t before = evil.accepted();
    EXPECT_TRUE(sessions.retry(m_evil_id).has_value());
    const time_point begun_at = world.now();
    time_point published_at{};
    for (size_t events = 0; events < max_events; ++events) {
      const bool is_connected = status().state == session_state::connected;
      if (!is_connected) published_at = {};
      if (is_connected && published_at == time_point{}) published_at = world.now();
      // Published is published: it is the server's turn to end it.
      if (is_connected && world.now() - published_at > milliseconds(300)) evil.close_all();
      if (evil.accepted() > before && is_over()) return true;
      if (world.now() - begun_at > longest_dialogue || !world.run_one()) return false;
    }
    return false;
  }

 private:
  static rtmp_server_options good_options() {
    rtmp_server_options options;
    options.listen = *parse_endpoint("10.0.0.1", 1935);
    return options;
  }
  session_id create(const std::string& destination, const char* url) {
    session_config config;
    config.destination = destination;
    config.urls = {url_entry(url)};
    config.retry_policy.max_attempts = 1;
    config.retry_policy.rest = config.retry_policy.busy_wait = seconds(0);
    config.timeouts.handshake = seconds(1);
    config.hevc = hevc_mode::automatic;
    const result<session_id> made = sessions.create_session(config);
    EXPECT_TRUE(made.has_value());
    return *made;
  }

  camera_instance m_camera{tiny_camera(0), world.time(), default_source_factory(), attach_to(sessions)};
  std::unique_ptr<loop_timer> m_capture = loop.make_timer([this] { m_capture->arm_at(m_camera.run_step()); });
  session_id m_evil_id;
};

/// Sanitizers, under which the heap is not metered, take ten times as long.
uint64_t usual_dialogues() {
  return is_heap_metered() ? 10'000 : 3'000;
}

uint64_t number_of(const char* variable, uint64_t usual) {
  const char* const given = std::getenv(variable);
  return given != nullptr ? std::strtoull(given, nullptr, 10) : usual;
}

/// The other session has lost nothing, and not even waited.
void expect_untouched(const hostile_site& site) {
  const session_status healthy = *site.sessions.find(0, 0, good_url);
  EXPECT_EQ(healthy.state, session_state::connected);
  EXPECT_EQ(healthy.connects, 1u);
  EXPECT_EQ(healthy.errors, 0u);
  const rtmp_stream_stats stream = site.received();
  EXPECT_EQ(stream.pictures.missing_references(), 0u);
  EXPECT_EQ(stream.pictures.skipped(), 0u);
  EXPECT_EQ(stream.video.gaps + stream.audio.gaps, 0u);
}

TEST(hostile_server, true_dialogues_are_held_as_they_should) {
  set_log_level(log_level::error);
  hostile_site site;
  uint64_t published = 0;
  for (size_t i = 0; i < dialogue_count(); ++i) {
    hostile_dialogue dialogue = true_dialogue(i);
    SCOPED_TRACE(dialogue.name);
    dialogue.ending = last_word::stays;
    const uint64_t before = site.status().connects;
    site.evil.play(std::move(dialogue));
    ASSERT_TRUE(site.hold());
    published += site.status().connects - before;
  }
  EXPECT_GE(published, 6u) << "mutations of dialogues that go nowhere would show nothing";
  expect_untouched(site);
}

TEST(hostile_server, ten_thousand_mutated_dialogues_cost_a_session_and_no_more) {
  set_log_level(log_level::error);
  const uint64_t first = number_of("CAMPUSH_HOSTILE_SEED", 1),
                 count = number_of("CAMPUSH_HOSTILE_DIALOGUES", usual_dialogues());
  hostile_site site;
  size_t largest = 0, held_at_first = 0;
  duration longest{};
  for (uint64_t seed = first; seed < first + count; ++seed) {
    hostile_dialogue dialogue = mutated_dialogue(seed);
    SCOPED_TRACE("CAMPUSH_HOSTILE_SEED=" + std::to_string(seed) + ": " + dialogue.name);
    site.evil.play(std::move(dialogue));
    reset_heap_peak();
    const size_t held = heap_bytes();
    const time_point begun_at = site.world.now();
    if (seed == first + count / 10) held_at_first = held;
    ASSERT_TRUE(site.hold());
    longest = std::max(longest, site.world.now() - begun_at);
    largest = std::max(largest, heap_peak_bytes() - held);
    ASSERT_LE(largest, max_heap_per_session);
  }
  expect_untouched(site);
  EXPECT_GT(site.status().connects, count / 50) << "some are harmless, else too little is reached";
  EXPECT_LT(heap_bytes(), held_at_first + (1u << 20)) << "something stays behind";
  RecordProperty("largest_heap_bytes", static_cast<int>(largest));
  RecordProperty("longest_ms", static_cast<int>(longest / milliseconds(1)));
  RecordProperty("published", static_cast<int>(site.status().connects));
}

}  // namespace
}  // namespace campush

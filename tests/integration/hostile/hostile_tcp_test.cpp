#include <gtest/gtest.h>

#include <cstdlib>

#include "fakes/heap_meter.h"
#include "integration/hostile/hostile_server.h"
#include "integration/multi_camera.h"
#include "net/asio_event_loop.h"
#include "net/system_resolver.h"
#include "net/tcp_network.h"
#include "rtmp/native_publisher.h"
#include "rtmp/publisher_switch.h"
#include "util/log.h"

namespace campush {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using namespace test;

constexpr uint64_t usual_dialogues = 400;
constexpr size_t side_by_side = 8;
constexpr size_t max_heap_per_session = 4u << 20;

/// A hostile server and the session that keeps coming.
struct victim {
  std::unique_ptr<hostile_server> server;
  session_id id;
  std::string dialogue;
  uint64_t accepted_before = 0;
  time_point begun_at{}, published_at{};
};

/// One loop with a camera, a session to a good server, and some to hostile ones, all on loopback.
class tcp_site {
 public:
  asio_event_loop loop;
  tcp_network network{loop};
  system_resolver names{loop};
  connector ways{loop, network, names};
  native_publisher_factory native{loop, ways};
  publisher_switch publishers{native, loop, ways};
  std::unique_ptr<rtmp_server> good;
  std::unique_ptr<multi_session_manager> sessions =
      std::make_unique<multi_session_manager>(std::vector<loop_services>{{&loop, &publishers}}, media_stream_options{});
  std::vector<victim> victims;
  session_id good_id;

  explicit tcp_site(publish_backend backend) {
    rtmp_server_options options;
    options.listen = *parse_endpoint("127.0.0.1", 0);
    good = std::make_unique<rtmp_server>(loop, network, options);
    const result<endpoint> address = good->start();
    EXPECT_TRUE(address.has_value());
    m_camera.start(capture_drive::stepped);
    m_capture->arm_after(duration(0));
    good_id = create("good", address->to_string(), backend);
    for (size_t i = 0; i < side_by_side; ++i) add_victim(i, backend);
    EXPECT_TRUE(wait_for([&] { return status(good_id).state == session_state::connected; }, seconds(20)));
    EXPECT_TRUE(wait_for([&] { return is_all_over(); }, seconds(20)));
  }
  ~tcp_site() {
    m_camera.stop();
    sessions.reset();
  }

  template <class Predicate>
  bool wait_for(Predicate is_met, duration limit) {
    const time_point end = loop.now() + limit;
    while (!is_met()) {
      if (loop.now() >= end) return false;
      loop.run_one_for(milliseconds(5));
    }
    return true;
  }
  session_status status(const session_id& id) const { return *sessions->find(id); }
  bool is_over(const victim& each) const {
    return status(each.id).state == session_state::disconnected && each.server->open_connections() == 0;
  }
  bool is_all_over() const {
    return std::all_of(victims.begin(), victims.end(), [this](const victim& each) { return is_over(each); });
  }
  void begin(victim& each, hostile_dialogue dialogue) {
    each.dialogue = dialogue.name;
    each.server->play(std::move(dialogue));
    each.accepted_before = each.server->accepted();
    each.begun_at = loop.now();
    EXPECT_TRUE(sessions->retry(each.id).has_value());
  }
  /// True when the dialogue is over. Published is published: it is the server's turn to end it.
  bool follow(victim& each) {
    if (each.server->accepted() == each.accepted_before) return false;
    const bool is_connected = status(each.id).state == session_state::connected;
    if (!is_connected) each.published_at = {};
    if (is_connected && each.published_at == time_point{}) each.published_at = loop.now();
    if (is_connected && loop.now() - each.published_at > milliseconds(50)) each.server->close_all();
    return is_over(each);
  }

 private:
  void add_victim(size_t index, publish_backend backend) {
    victim& each = victims.emplace_back();
    each.server = std::make_unique<hostile_server>(loop, network);
    const result<endpoint> address = each.server->start(*parse_endpoint("127.0.0.1", 0));
    EXPECT_TRUE(address.has_value());
    each.id = create("evil" + std::to_string(index), "user:pass@" + address->to_string(), backend);
  }
  session_id create(const std::string& destination, const std::string& authority, publish_backend backend) {
    session_config config;
    config.destination = destination;
    config.urls = {url_entry("rtmp://" + authority + "/live/" + destination)};
    config.backend = backend;
    config.retry_policy.max_attempts = 1;
    config.retry_policy.rest = config.retry_policy.busy_wait = seconds(0);
    config.timeouts.handshake = milliseconds(destination == "good" ? 5000 : 300);
    const result<session_id> made = sessions->create_session(config);
    EXPECT_TRUE(made.has_value());
    return *made;
  }

  camera_instance m_camera{tiny_camera(0), loop.time(), default_source_factory(), attach_to(*sessions)};
  std::unique_ptr<loop_timer> m_capture = loop.make_timer([this] { m_capture->arm_at(m_camera.run_step()); });
};

class hostile_server_over_tcp : public testing::TestWithParam<publish_backend> {};

TEST_P(hostile_server_over_tcp, mutated_dialogues_cost_a_session_and_no_more) {
  if (GetParam() == publish_backend::librtmp && !has_librtmp()) GTEST_SKIP() << "built without librtmp";
  set_log_level(log_level::error);
  const char* const given = std::getenv("CAMPUSH_HOSTILE_DIALOGUES");
  const uint64_t count = given != nullptr ? std::strtoull(given, nullptr, 10) : usual_dialogues;
  tcp_site site(GetParam());
  reset_heap_peak();
  const size_t held = heap_bytes();
  uint64_t next = 1, done = 0;
  for (victim& each : site.victims) site.begin(each, mutated_dialogue(next++));
  while (done < count) {
    site.loop.run_one_for(milliseconds(5));
    for (victim& each : site.victims) {
      ASSERT_LT(site.loop.now() - each.begun_at, seconds(15)) << "does not end: " << each.dialogue;
      if (!site.follow(each)) continue;
      ++done;
      site.begin(each, mutated_dialogue(next++));
    }
  }
  EXPECT_LE(heap_peak_bytes() - held, side_by_side * max_heap_per_session);
  const session_status healthy = site.status(site.good_id);
  EXPECT_EQ(healthy.state, session_state::connected);
  EXPECT_EQ(healthy.connects, 1u);
  EXPECT_EQ(healthy.errors, 0u);
  const rtmp_stream_stats stream = site.good->streams().front();
  EXPECT_GT(stream.pictures.pictures(), 0u);
  EXPECT_EQ(stream.pictures.missing_references(), 0u);
  EXPECT_EQ(stream.pictures.skipped(), 0u);
  uint64_t published = 0;
  for (const victim& each : site.victims) published += site.status(each.id).connects;
  EXPECT_GT(published, count / 50) << "some are harmless, else too little is reached";
  RecordProperty("largest_heap_bytes", static_cast<int>(heap_peak_bytes() - held));
  RecordProperty("published", static_cast<int>(published));
}

std::string name_of(const testing::TestParamInfo<publish_backend>& info) {
  return info.param == publish_backend::native ? "native" : "librtmp";
}
INSTANTIATE_TEST_SUITE_P(backends, hostile_server_over_tcp,
                         testing::Values(publish_backend::native, publish_backend::librtmp), name_of);

}  // namespace
}  // namespace campush

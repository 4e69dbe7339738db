#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "fakes/heap_meter.h"
#include "integration/hostile/hostile_server.h"
#include "integration/multi_camera.h"
#include "net/asio_event_loop.h"
#include "net/tcp_network.h"
#include "rtmp/native_publisher.h"
#include "rtmp/publisher_switch.h"
#include "util/log.h"

namespace campush {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using namespace test;

/// One may take so much while the others take what is usual.
constexpr size_t max_heap_per_session = 4u << 20, usual_heap_per_session = 512u << 10;
/// Long: under sanitizers, on a loaded machine, an honest dialogue must not run into it.
constexpr milliseconds handshake_timeout(1500);
/// A dialogue that leads nowhere is ended by its server, but for one of so many, which waits for the client's deadline.
constexpr uint64_t seeds_per_deadline = 8;
constexpr milliseconds server_patience(200), publishing_time(50), machine_stall(250);

struct extent {
  uint64_t dialogues = 0;
  size_t side_by_side = 0;
};

/// The native backend holds its 10 000 in the simulation. Sanitizers, under which the heap is not metered, take ten times as long.
extent usual_extent(publish_backend backend) {
  if (backend == publish_backend::native) return {400, 8};
  return is_heap_metered() ? extent{10'000, 32} : extent{1'500, 16};
}

extent wanted_extent(publish_backend backend) {
  extent wanted = usual_extent(backend);
  const char* const given = std::getenv("CAMPUSH_HOSTILE_DIALOGUES");
  if (given != nullptr) wanted.dialogues = std::strtoull(given, nullptr, 10);
  return wanted;
}

/// A hostile server and the session that keeps coming.
struct victim {
  std::unique_ptr<hostile_server> server;
  session_id id;
  std::string dialogue;
  bool is_busy = false, waits_for_deadline = false;
  uint64_t accepted_before = 0;
  time_point begun_at{}, published_at{};
};

/// Where redirects lead: a name that nobody has, and that no name server is asked for.
class nameless final : public resolver {
 public:
  explicit nameless(event_loop& loop) : m_loop(loop) {}
  std::unique_ptr<pending_operation> resolve(const std::string& host, uint16_t port, resolve_callback done) override {
    struct answer final : pending_operation {
      std::unique_ptr<loop_timer> due;
    };
    auto made = std::make_unique<answer>();
    made->due = m_loop.make_timer([numeric = parse_endpoint(host, port), done = std::move(done)] {
      const resolve_callback told = done;
      if (numeric) return told(std::vector<endpoint>{*numeric});
      told(fail(error_code::name_not_resolved, "no such host"));
    });
    made->due->arm_after(duration(0));
    return made;
  }

 private:
  event_loop& m_loop;
};

/// One loop with a camera, a session to a good server, and some to hostile ones, all on loopback.
class tcp_site {
 public:
  asio_event_loop loop;
  tcp_network network{loop};
  nameless names{loop};
  connector ways{loop, network, names};
  native_publisher_factory native{loop, ways};
  publisher_switch publishers{native, loop, ways};
  std::unique_ptr<rtmp_server> good;
  std::unique_ptr<multi_session_manager> sessions =
      std::make_unique<multi_session_manager>(std::vector<loop_services>{{&loop, &publishers}}, media_stream_options{});
  std::vector<victim> victims;
  session_id good_id;

  tcp_site(publish_backend backend, size_t side_by_side) {
    rtmp_server_options options;
    options.listen = *parse_endpoint("127.0.0.1", 0);
    good = std::make_unique<rtmp_server>(loop, network, options);
    const result<endpoint> address = good->start();
    EXPECT_TRUE(address.has_value());
    m_camera.start(capture_drive::stepped);
    m_capture->arm_after(duration(0));
    good_id = create("good", address->to_string(), backend);
    for (size_t i = 0; i < side_by_side; ++i) add_victim(i, backend);
    EXPECT_TRUE(wait_for([&] { return status(good_id).state == session_state::connected; }, seconds(60)));
    EXPECT_TRUE(wait_for([&] { return is_all_over(); }, seconds(60)));
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
  /// How much longer it took: by what the loop does, or by what else the machine does.
  duration run_for(duration span) {
    const time_point end = loop.now() + span;
    while (loop.now() < end) loop.run_one_for(end - loop.now());
    return loop.now() - end;
  }
  session_status status(const session_id& id) const { return *sessions->find(id); }
  bool is_over(const victim& each) const {
    return status(each.id).state == session_state::disconnected && each.server->open_connections() == 0;
  }
  bool is_all_over() const {
    return std::all_of(victims.begin(), victims.end(), [this](const victim& each) { return is_over(each); });
  }
  void begin(victim& each, uint64_t seed) {
    hostile_dialogue dialogue = mutated_dialogue(seed);
    each.is_busy = true;
    each.dialogue = std::to_string(seed) + ": " + dialogue.name;
    each.waits_for_deadline = seed % seeds_per_deadline == 0;
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
    if (is_connected && loop.now() - each.published_at > publishing_time) each.server->close_all();
    if (!each.waits_for_deadline) each.server->close_idle(server_patience);
    return is_over(each);
  }

 private:
  void add_victim(size_t index, publish_backend backend) {
    victim& each = victims.emplace_back();
    each.server = std::make_unique<hostile_server>(loop, network, hostile_server_options{milliseconds(20)});
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
    config.timeouts.handshake = destination == "good" ? milliseconds(20'000) : handshake_timeout;
    const result<session_id> made = sessions->create_session(config);
    EXPECT_TRUE(made.has_value());
    return *made;
  }

  camera_instance m_camera{tiny_camera(0), loop.time(), default_source_factory(), attach_to(*sessions)};
  std::unique_ptr<loop_timer> m_capture = loop.make_timer([this] { m_capture->arm_at(m_camera.run_step()); });
};

size_t librtmp_threads() {
  size_t count = 0;
  for (const auto& each : std::filesystem::directory_iterator("/proc/self/task")) {
    std::string name;
    count += std::getline(std::ifstream(each.path() / "comm"), name) && name == "librtmp";
  }
  return count;
}

/// How many dialogues at once: as many as the machine can hold while the good session has its share of it.
class pace {
 public:
  explicit pace(size_t most) : m_most(most), m_now(most) {}
  void on_turn(duration late) {
    m_latest = std::max(m_latest, late);
    m_now = late > milliseconds(30) ? std::max<size_t>(1, m_now / 2) : std::min(m_most, m_now + 1);
  }
  bool allows(size_t running) const noexcept { return running < m_now; }
  duration latest() const noexcept { return m_latest; }

 private:
  const size_t m_most;
  size_t m_now;
  duration m_latest{};
};

class hostile_server_over_tcp : public testing::TestWithParam<publish_backend> {};

TEST_P(hostile_server_over_tcp, mutated_dialogues_cost_a_session_and_no_more) {
  if (GetParam() == publish_backend::librtmp && !has_librtmp()) GTEST_SKIP() << "built without librtmp";
  set_log_level(log_level::error);
  const auto [count, side_by_side] = wanted_extent(GetParam());
  tcp_site site(GetParam(), side_by_side);
  reset_heap_peak();
  const size_t held = heap_bytes();
  uint64_t next = 1, done = 0;
  pace gait(side_by_side);
  size_t running = 0;
  while (done < count) {
    gait.on_turn(site.run_for(milliseconds(2)));
    for (victim& each : site.victims) {
      if (each.is_busy && site.follow(each)) {
        each.is_busy = false;
        --running;
        ++done;
      }
      ASSERT_FALSE(each.is_busy && site.loop.now() - each.begun_at > seconds(60)) << "does not end: " << each.dialogue;
      if (each.is_busy || !gait.allows(running)) continue;
      site.begin(each, next++);
      ++running;
    }
  }
  const size_t largest = heap_peak_bytes() - held;
  EXPECT_LE(largest, max_heap_per_session + (side_by_side - 1) * usual_heap_per_session);
  uint64_t published = 0;
  for (const victim& each : site.victims) published += site.status(each.id).connects;
  site.victims.clear();
  const size_t of_the_good_session = GetParam() == publish_backend::librtmp ? 1 : 0;
  EXPECT_TRUE(site.wait_for([&] { return librtmp_threads() == of_the_good_session; }, seconds(60)));
  const session_status healthy = site.status(site.good_id);
  EXPECT_EQ(healthy.state, session_state::connected);
  EXPECT_EQ(healthy.connects, 1u);
  EXPECT_EQ(healthy.errors, 0u);
  const rtmp_stream_stats stream = site.good->streams().front();
  EXPECT_GT(stream.pictures.pictures(), 0u);
  EXPECT_EQ(stream.pictures.missing_references(), 0u);
  // A machine that stands still for so long costs pictures without any hostile server.
  if (gait.latest() < machine_stall) {
    EXPECT_EQ(stream.pictures.skipped(), 0u);
  }
  EXPECT_GT(published, count / 50) << "some are harmless, else too little is reached";
  RecordProperty("largest_heap_bytes", static_cast<int>(largest));
  RecordProperty("longest_stall_ms", static_cast<int>(gait.latest() / milliseconds(1)));
  RecordProperty("published", static_cast<int>(published));
}

std::string name_of(const testing::TestParamInfo<publish_backend>& info) {
  return info.param == publish_backend::native ? "native" : "librtmp";
}
INSTANTIATE_TEST_SUITE_P(backends, hostile_server_over_tcp,
                         testing::Values(publish_backend::native, publish_backend::librtmp), name_of);

}  // namespace
}  // namespace campush

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <map>

#include "fakes/heap_meter.h"
#include "integration/simulated_site.h"
#include "util/log.h"

namespace campush {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;
using namespace test;

constexpr uint32_t cameras_in_soak = 2;
/// Pictures and sounds of the clip between two keyframes, and a few beside them.
constexpr uint64_t most_tags_in_gop = 250;
constexpr double most_bytes_per_hour = 1024;

uint64_t number_from(const char* variable, uint64_t otherwise) {
  const char* const given = std::getenv(variable);
  return given != nullptr ? std::strtoull(given, nullptr, 10) : otherwise;
}

/// What all servers saw of streams that are over; the servers themselves remember a few only.
struct ended_streams final : rtmp_server_listener {
  picture_totals totals;
  void on_close(const rtmp_stream_stats& stream) override {
    ++totals.publishes;
    totals.pictures += stream.pictures.pictures();
    totals.missing_references += stream.pictures.missing_references();
    totals.backward_steps += stream.video.backward_steps + stream.audio.backward_steps;
  }
};

size_t entries_of(const char* folder) {
  size_t count = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    static_cast<void>(entry);
    ++count;
  }
  return count;
}

/// What a process must not have more and more of.
struct holdings {
  size_t heap = 0, descriptors = 0, threads = 0;
  static holdings now() {
    const size_t heap = heap_bytes();
    return {heap, entries_of("/proc/self/fd"), entries_of("/proc/self/task")};
  }
};

/// The least of each `count` values: what is held for a moment only does not count.
std::vector<double> least_of_each(const std::vector<double>& values, size_t count) {
  std::vector<double> least;
  for (size_t i = 0; i + count <= values.size(); i += count) {
    const auto first = values.begin() + static_cast<std::ptrdiff_t>(i);
    least.push_back(*std::min_element(first, first + static_cast<std::ptrdiff_t>(count)));
  }
  return least;
}

/// Least squares over equal distances.
double slope_of(const std::vector<double>& values) {
  const auto count = static_cast<double>(values.size());
  double mean = 0, above = 0, below = 0;
  for (const double value : values) mean += value / count;
  for (size_t i = 0; i < values.size(); ++i) {
    const double from_middle = static_cast<double>(i) - (count - 1) / 2;
    above += from_middle * (values[i] - mean);
    below += from_middle * from_middle;
  }
  return below > 0 ? above / below : 0;
}

/// A site whose life is drawn from a seed: faults of servers, of the link and of the clock, restarts of cameras, changed sessions.
class soak {
 public:
  explicit soak(uint64_t seed) : m_random(seed) {
    for (uint32_t camera = 0; camera < cameras_in_soak; ++camera) m_site.add_camera(tiny_camera(camera));
    for (uint32_t number = 0; number < cameras_in_soak * streams_per_camera * destination_count; ++number) {
      create(number, false);
    }
    m_site.start_cameras();
    m_site.world.run_for(seconds(10));
  }

  void live_for(duration span) {
    const time_point end = m_site.world.now() + span;
    while (m_site.world.now() < end) {
      const size_t what = m_random.between(0, std::size(events) - 1);
      ++m_happened[events[what].name];
      (this->*events[what].happen)();
      expect_explained_states(events[what].name);
      m_site.world.run_for(milliseconds(m_random.between(100, 30'000)));
    }
  }
  /// Everything heals, and every session sends again.
  void rest() {
    heal_link();
    for (auto& each : m_site.servers) each->heal();
    m_site.world.run_for(minutes(3));
    EXPECT_EQ(m_site.not_connected(), "") << told();
    expect_that_counts_add_up();
  }
  void expect_a_clean_end() {
    picture_totals totals = m_ended.totals;
    for (const auto& each : m_site.servers) EXPECT_LE(each->server.live_streams(), 8u);
    bool is_down = false;
    m_site.sessions->shutdown(seconds(2), [&] { is_down = true; });
    EXPECT_TRUE(m_site.world.run_until_true([&] { return is_down; }, seconds(2)));
    m_site.world.run_for(seconds(1));
    EXPECT_EQ(m_site.network.open_connections(), 0u);
    totals = m_ended.totals;
    EXPECT_EQ(totals.missing_references, 0u) << told();
    EXPECT_EQ(totals.backward_steps, 0u) << told();
    EXPECT_GT(totals.pictures, 1000u);
    std::cout << totals.publishes << " publishes, " << totals.pictures << " pictures; " << told() << std::endl;
  }

 private:
  struct event {
    const char* name;
    void (soak::*happen)();
  };
  static const event events[9];

  simulated_server& any_server() { return *m_site.servers[m_random.between(0, m_site.servers.size() - 1)]; }
  void wait(uint64_t at_most_ms) { m_site.world.run_for(milliseconds(m_random.between(100, at_most_ms))); }

  /// `is_other`: as a configuration that changed would have it.
  void create(uint32_t number, bool is_other) {
    const uint32_t destination = number % destination_count;
    session_config config;
    config.camera_id = number / (streams_per_camera * destination_count);
    config.stream_id = number / destination_count % streams_per_camera;
    config.stream_name = config.stream_id == 0 ? "main" : "sub";
    config.destination = destination == 0 ? "default" : "second";
    config.device_id = "cam-" + std::to_string(config.camera_id);
    const std::string path = "/live/cam{camera_id}_{stream_name}";
    for (const uint32_t way : {0u, 1u}) {
      const uint32_t server = destination * 2 + (is_other ? 1 - way : way);
      config.urls.emplace_back("rtmp://s" + std::to_string(server) + path);
    }
    config.retry_policy.max_attempts = is_other ? 3 : 0;
    config.retry_policy.rest = seconds(60);
    config.failback.after = seconds(60);
    config.resume = is_other ? resume_mode::gop_cache : resume_mode::keyframe;
    config.max_session_age = is_other ? minutes(20) : minutes(0);
    m_site.create(config);
    m_tags_at_creation[number] = tags_out(config.camera_id, config.stream_id);
  }
  session_id id_of(uint32_t number) const {
    return {number / (streams_per_camera * destination_count), number / destination_count % streams_per_camera,
            number % destination_count == 0 ? "default" : "second"};
  }
  uint64_t tags_out(uint32_t camera_id, uint32_t stream_id) const {
    for (const stream_status& stream : m_site.sessions->streams()) {
      if (stream.key == stream_key{camera_id, stream_id}) return stream.counters.tags_out;
    }
    return 0;
  }

  void server_fault() {
    simulated_server& victim = any_server();
    harm(m_site, victim, m_random);
    wait(40'000);
    victim.heal();
  }
  void every_server_fails() {
    for (auto& each : m_site.servers) harm(m_site, *each, m_random);
    wait(60'000);
    for (auto& each : m_site.servers) each->heal();
  }
  void link_goes() {
    m_site.network.local_host().is_down = true;
    m_site.links.lead_nowhere();
    m_site.links.tell(false);
    wait(30'000);
    heal_link();
    m_site.links.tell(true);
  }
  void link_is_bad() {
    memory_host& own = m_site.network.local_host();
    own.loss = 0.02;
    own.rate_bytes_per_s = m_random.between(2'000, 20'000);
    own.delay = milliseconds(m_random.between(1, 300));
    wait(30'000);
    heal_link();
  }
  void address_changes() {
    m_site.links.has_local_address = false;
    m_site.links.tell(true);
    m_site.links.has_local_address = true;
    wait(10'000);
  }
  void heal_link() {
    memory_host& own = m_site.network.local_host();
    own.is_down = false;
    own.loss = 0;
    own.rate_bytes_per_s = 0;
    own.delay = milliseconds(1);
    m_site.links.lead_over(2);
  }
  void camera_restarts() {
    const size_t index = m_random.between(0, m_site.cameras.size() - 1);
    const camera_config config = m_site.cameras[index]->config();
    m_site.cameras[index]->stop();
    m_site.cameras.erase(m_site.cameras.begin() + static_cast<std::ptrdiff_t>(index));
    wait(20'000);
    m_site.add_camera(config);
    m_site.start_cameras();
  }
  void capture_pauses() {
    m_site.pause_cameras();
    wait(8'000);
    m_site.start_cameras();
  }
  /// One session goes, and comes again with another configuration.
  void session_changes() {
    const auto number =
        static_cast<uint32_t>(m_random.between(0, cameras_in_soak * streams_per_camera * destination_count - 1));
    EXPECT_TRUE(m_site.sessions->destroy_session(id_of(number)).has_value());
    wait(2'000);
    // The stream's counters are told once a second: without frames they are exact when the new session begins.
    m_site.pause_cameras();
    m_site.world.run_for(milliseconds(1'500));
    create(number, m_random.chance(50));
    m_site.world.run_for(milliseconds(1));
    m_site.start_cameras();
  }
  void clock_steps() { m_site.world.step_wall(seconds(m_random.between(0, 4'000'000'000)) - seconds(2'000'000'000)); }

  void expect_explained_states(const char* after) {
    for (const session_status& status : m_site.sessions->status()) {
      if (status.state == session_state::connected) continue;
      const bool is_on_its_way = status.state == session_state::connecting && status.phase != connect_phase::none;
      const disconnect_reason reason = status.reason;
      const bool has_reason =
          is_on_its_way ||
          (reason != disconnect_reason::none && reason != disconnect_reason::not_started &&
           reason != disconnect_reason::internal_error && reason != disconnect_reason::protocol_violation);
      EXPECT_TRUE(has_reason) << after << ": " << status.url.view() << ' ' << state_name(status.state) << ' '
                              << reason_name(status.reason) << "; " << told();
    }
  }
  /// What a session was given is sent, dropped for a reason, or queued; at rest nothing is queued.
  void expect_that_counts_add_up() {
    m_site.pause_cameras();
    m_site.world.run_for(seconds(2));
    for (const session_status& status : m_site.sessions->status()) {
      const uint32_t number = (status.camera_id * streams_per_camera + status.stream_id) * destination_count +
                              (status.destination.view() == "default" ? 0 : 1);
      uint64_t accounted = status.dropped.total();
      for (const uint64_t sent : status.frames_sent) accounted += sent;
      EXPECT_EQ(status.queue_bytes, 0u) << status.url.view();
      const uint64_t given = tags_out(status.camera_id, status.stream_id) - m_tags_at_creation[number];
      // A connection may begin with pictures that were counted for an earlier one.
      const uint64_t repeated = status.connects * most_tags_in_gop;
      EXPECT_GE(accounted, given) << status.url.view() << ' ' << status.destination.view() << "; " << told();
      EXPECT_LE(accounted, given + repeated) << status.url.view() << ' ' << status.destination.view() << "; " << told();
    }
    for (const stream_status& stream : m_site.sessions->streams()) {
      EXPECT_EQ(stream.counters.ring_overflows, 0u);
      EXPECT_LT(stream.pool.bytes_held, 4u << 20);
    }
    m_site.start_cameras();
    m_site.world.run_for(seconds(10));
  }
  std::string told() const {
    std::string text;
    for (const auto& [name, count] : m_happened) text += std::string(name) + " " + std::to_string(count) + ", ";
    return text;
  }

  ended_streams m_ended;
  seeded_random m_random;
  simulated_site m_site{4, 16, &m_ended};
  std::map<uint32_t, uint64_t> m_tags_at_creation;
  std::map<std::string, uint64_t> m_happened;
};

const soak::event soak::events[9] = {
    {"server_fault", &soak::server_fault},
    {"every_server_fails", &soak::every_server_fails},
    {"link_goes", &soak::link_goes},
    {"link_is_bad", &soak::link_is_bad},
    {"address_changes", &soak::address_changes},
    {"camera_restarts", &soak::camera_restarts},
    {"capture_pauses", &soak::capture_pauses},
    {"session_changes", &soak::session_changes},
    {"clock_steps", &soak::clock_steps},
};

/// CAMPUSH_SOAK_SEED draws another life, CAMPUSH_SOAK_SIMULATED_MINUTES a longer one.
TEST(simulated_soak, a_day_of_faults_leaves_nothing_behind_and_every_picture_is_accounted_for) {
  const uint64_t seed = number_from("CAMPUSH_SOAK_SEED", 20260807);
  const minutes span(number_from("CAMPUSH_SOAK_SIMULATED_MINUTES", is_heap_metered() ? 24 * 60 : 10));
  std::cout << "CAMPUSH_SOAK_SEED=" << seed << ", " << span.count() << " simulated minutes" << std::endl;
  SCOPED_TRACE("CAMPUSH_SOAK_SEED=" + std::to_string(seed));
  set_log_level(log_level::off);
  soak life(seed);
  const minutes step = std::min<minutes>(span, hours(1));
  std::vector<holdings> samples;
  samples.reserve(static_cast<size_t>(span / step));
  for (minutes lived{0}; lived < span && !HasFailure(); lived += step) {
    life.live_for(step - minutes(4));
    life.rest();
    samples.push_back(holdings::now());
  }
  ASSERT_FALSE(samples.empty());
  EXPECT_EQ(samples.back().descriptors, samples.front().descriptors);
  EXPECT_EQ(samples.back().threads, samples.front().threads);
  // In the first half queues and pools find their size.
  std::vector<double> heap;
  for (size_t i = samples.size() / 2; i < samples.size(); ++i) heap.push_back(static_cast<double>(samples[i].heap));
  constexpr size_t window = 3;
  const double bytes_per_hour = slope_of(least_of_each(heap, window)) / static_cast<double>(window);
  std::cout << "heap " << samples.front().heap << " to " << samples.back().heap << " bytes, " << bytes_per_hour
            << " bytes an hour" << std::endl;
  if (std::getenv("CAMPUSH_SOAK_VERBOSE") != nullptr) {
    for (const holdings& each : samples) std::cout << each.heap << '\n';
  }
  if (heap.size() >= 8) {
    EXPECT_LT(bytes_per_hour, most_bytes_per_hour);
  }
  life.expect_a_clean_end();
}

}  // namespace
}  // namespace campush

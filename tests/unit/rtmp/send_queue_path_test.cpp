#include <gtest/gtest.h>

#include "rtmp/send_queue.h"
#include "unit/rtmp/queue_script.h"

namespace campush {
namespace {

using namespace std::chrono_literals;

/// How much sound waits when the level is entered, behind a keyframe; frames are 20 ms long.
std::chrono::milliseconds entry_of(queue_level level, duration round_trip) {
  queue_script script(by_time());
  script.step = 20ms;
  script.queue.set_way({round_trip});
  script.push("K");
  while (script.queue.level() < level && script.time.now() < time_point(std::chrono::hours(1))) script.push("a");
  return std::chrono::duration_cast<std::chrono::milliseconds>(script.queue.queue_delay());
}

/// How much waits when a flush comes, a keyframe every second.
std::chrono::milliseconds flush_of(duration round_trip) {
  queue_script script(by_time());
  script.step = 20ms;
  script.queue.set_way({round_trip});
  std::chrono::milliseconds waited{};
  while (
      script.queue.dropped().count[static_cast<size_t>(frame_kind::audio)][static_cast<size_t>(drop_reason::flush)] ==
      0) {
    waited = std::chrono::duration_cast<std::chrono::milliseconds>(script.queue.queue_delay());
    script.push("K");
    script.push(49, "a");
  }
  return waited;
}

struct path_row {
  const char* name;
  duration round_trip;
  std::chrono::milliseconds warning, high;
};

TEST(send_queue_path, enters_its_levels_after_some_round_trips_where_these_are_long) {
  const path_row rows[] = {{"unknown", 0ms, 600ms, 1500ms},       {"near", 40ms, 600ms, 1500ms},
                           {"200 ms", 200ms, 600ms, 1500ms},      {"400 ms", 400ms, 600ms, 1500ms},
                           {"600 ms", 600ms, 900ms, 1500ms},      {"1 s", 1000ms, 1500ms, 2500ms},
                           {"no further", 5000ms, 1500ms, 2500ms}};
  for (const path_row& row : rows) {
    EXPECT_EQ(entry_of(queue_level::warning, row.round_trip).count(), row.warning.count()) << row.name;
    EXPECT_EQ(entry_of(queue_level::high, row.round_trip).count(), row.high.count()) << row.name;
  }
}

TEST(send_queue_path, enters_warning_and_high_later_by_what_tcp_paused) {
  queue_script script(by_time());
  script.queue.set_way({600ms, 1400ms});
  script.push("K");
  script.push(57, "a");
  EXPECT_EQ(script.level(), "normal") << "2.28 s of 0.9 and 1.4";
  script.push("a");
  EXPECT_EQ(script.level(), "warning");
  script.push(14, "a");
  EXPECT_EQ(script.level(), "warning") << "2.88 s of 1.5 and 1.4";
  script.push("a");
  EXPECT_EQ(script.level(), "high");
  script.queue.set_way({600ms});
  script.pop(36);
  script.push("a");
  EXPECT_EQ(script.level(), "high") << "and at their usual time when it is over";
}

TEST(send_queue_path, flushes_after_five_round_trips_where_these_are_more_than_three_seconds) {
  EXPECT_NEAR(static_cast<double>(flush_of(40ms).count()), 2980, 20);
  EXPECT_NEAR(static_cast<double>(flush_of(600ms).count()), 2980, 20);
  EXPECT_NEAR(static_cast<double>(flush_of(1000ms).count()), 4980, 20);
}

TEST(send_queue_path, leaves_a_level_at_half_its_entry_on_a_long_way_too) {
  queue_script script(by_time());
  script.queue.set_way({600ms});
  script.push("K");
  script.push(23, "a");
  EXPECT_EQ(script.level(), "warning");
  script.pop(11);
  EXPECT_EQ(script.level(), "warning") << "480 ms";
  script.pop(1);
  EXPECT_EQ(script.level(), "normal") << "440 ms";
}

TEST(send_queue_path, holds_what_slow_start_piles_up_on_a_long_way) {
  queue_script script;
  script.queue.set_way({600ms});
  script.queue.begin(script.time.now(), 10s);
  script.push("K");
  script.push(100, "P");
  script.push("K");
  script.push(48, "P");
  EXPECT_EQ(script.queue.queue_delay(), 5960ms);
  EXPECT_EQ(script.level(), "normal");
  EXPECT_EQ(script.queue.dropped().total(), 0u);
  script.push("P");
  EXPECT_EQ(script.queue.dropped().total(), 101u) << "six seconds are ten round trips: the older group goes";
}

TEST(send_queue_path, slow_start_may_fill_it_halfway_to_critical_on_a_long_way) {
  for (const duration round_trip : {600ms, 40ms}) {
    queue_script script(by_bytes());
    queue_limits limits = by_bytes();
    limits.flush_time = 3s;
    script.queue.reset(limits, video_dialect::legacy);
    script.queue.set_way({round_trip});
    script.queue.begin(script.time.now(), 1h);
    script.push_bytes('K', (3u << 20) - 100);
    EXPECT_EQ(script.level(), round_trip == 600ms ? "normal" : "high");
    script.push_bytes('K', 100);
    EXPECT_EQ(script.level(), "high");
  }
}

/// How long after the start a queue that never drains gets its levels.
std::chrono::seconds grace_of(duration round_trip, std::optional<duration> window_limited) {
  queue_script script;
  script.step = 100ms;
  script.queue.set_way({round_trip});
  script.queue.begin(script.time.now(), 6s);
  const time_point begin = script.time.now();
  script.queue.set_way({round_trip, 0ms, window_limited});
  while (script.queue.is_starting()) {
    script.push("a");
    script.pop(1);
  }
  return std::chrono::duration_cast<std::chrono::seconds>(script.time.now() - begin);
}

TEST(send_queue_path, waits_longer_for_a_receiver_whose_window_opens_late) {
  const struct {
    const char* name;
    duration round_trip;
    std::optional<duration> window_limited;
    std::chrono::seconds grace;
  } rows[] = {{"not limited", 600ms, 0ms, 6s},
              {"for a while", 600ms, 4s, 10s},
              {"by ten round trips at most", 600ms, 60s, 12s},
              {"which are little on a short way", 40ms, 60s, 6s},
              {"where the kernel does not tell", 600ms, std::nullopt, 12s}};
  for (const auto& row : rows)
    EXPECT_EQ(grace_of(row.round_trip, row.window_limited).count(), row.grace.count()) << row.name;
}

TEST(send_queue_path, forgets_the_way_with_a_reset) {
  queue_script script(by_time());
  script.queue.set_way({600ms, 1s, 4s});
  script.queue.reset(by_time(), video_dialect::legacy);
  script.push("K");
  script.push(15, "a");
  EXPECT_EQ(script.level(), "warning");
}

}  // namespace
}  // namespace campush

#include "rtmp/bitrate_controller.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace campush {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr duration period = milliseconds(200);

/// A link as a bucket with a hole: what the encoder makes goes in, what the link carries comes out, the rest waits; the
/// queue drops what is over `largest_wait`.
struct modelled_link {
  bitrate_controller controller;
  time_point now{seconds(1000)};
  uint32_t link_kbps = 8000, asked_kbps = 0, others_kbps = 0, stubborn_kbps = 0, audio_kbps = 0;
  duration rtt = milliseconds(40), largest_wait = milliseconds(1500);
  double waiting_bits = 0;
  duration keyframes_wait{};  ///< every 2 s, where the link has hardly any room left
  uint64_t steps = 0;
  bool is_seen_in_queue = true;  ///< else it waits in a buffer on the way
  bitrate_sample seen;

  explicit modelled_link(uint32_t ceiling_kbps, uint32_t floor_kbps = 0)
      : controller(bitrate_bounds{ceiling_kbps, floor_kbps}) {
    controller.begin(now, seconds(5));
  }
  uint32_t encoder_kbps() const {
    if (stubborn_kbps > 0) return stubborn_kbps;
    return asked_kbps > 0 ? asked_kbps : controller.ceiling_kbps();
  }
  void step() {
    now += period;
    const double per_kbps = 200, video = encoder_kbps() * per_kbps, audio = audio_kbps * per_kbps;
    const double most = encoder_kbps() * 1e-3 * static_cast<double>(largest_wait.count());
    const double taken = std::min(video + audio, std::max(0.0, most + link_kbps * per_kbps - waiting_bits));
    const double carried = std::min(waiting_bits + taken, link_kbps * per_kbps);
    waiting_bits += taken - carried;
    seen.offered_video_bytes += static_cast<uint64_t>(video / 8);
    seen.offered_audio_bytes += static_cast<uint64_t>(audio / 8);
    seen.accepted_bytes += static_cast<uint64_t>(taken / 8);
    seen.acknowledged_bytes += static_cast<uint64_t>(carried / 8);
    const double delay_us = link_kbps > 0 ? waiting_bits * 1000 / link_kbps : 1e6;
    seen.queue_delay = is_seen_in_queue ? duration(static_cast<int64_t>(delay_us)) : duration(0);
    const bool is_keyframe = ++steps % 10 == 0 && encoder_kbps() * 10 > link_kbps * 7;
    if (is_keyframe) seen.queue_delay += keyframes_wait;
    seen.rtt = rtt;
    seen.asked_kbps = asked_kbps;
    controller.sample(now, seen);
    if (controller.target_kbps() != controller.ceiling_kbps() || asked_kbps > 0) asked_kbps = controller.target_kbps();
    if (others_kbps > 0) asked_kbps = std::min(others_kbps, controller.target_kbps());
  }
  void run(duration span) {
    for (const time_point end = now + span; now < end;) step();
  }
  uint32_t target() const { return controller.target_kbps(); }
  /// How long until the target holds at least `kbps`; `limit` if it never does.
  duration time_to_reach(uint32_t kbps, duration limit) {
    const time_point start = now;
    while (target() < kbps && now - start < limit) step();
    return now - start;
  }
};

TEST(bitrate_controller, stays_at_the_ceiling_where_the_link_carries_it) {
  modelled_link link(4000);
  link.run(std::chrono::minutes(10));
  EXPECT_EQ(link.target(), 4000u);
}

TEST(bitrate_controller, falls_below_what_the_link_delivers_within_five_seconds) {
  modelled_link link(4000);
  link.run(seconds(20));
  link.link_kbps = 1500;
  link.run(seconds(5));
  EXPECT_LE(link.target(), 1300u);
  EXPECT_GE(link.target(), 1000u);
  link.run(seconds(8));
  EXPECT_LT(link.seen.queue_delay, milliseconds(250));
}

TEST(bitrate_controller, is_back_at_the_full_rate_within_60_s) {
  struct row {
    const char* name;
    duration low_for;
  };
  for (const row& row : {row{"short fall", seconds(10)}, row{"after some raises that hurt", seconds(60)},
                         row{"long after", seconds(601)}}) {
    modelled_link link(4000);
    link.run(seconds(20));
    link.link_kbps = 1500;
    link.run(row.low_for);
    link.link_kbps = 8000;
    EXPECT_LT(link.time_to_reach(4000, seconds(120)), seconds(60)) << row.name;
  }
}

TEST(bitrate_controller, raises_by_8_percent_of_the_ceiling_every_5_s) {
  modelled_link link(4000);
  link.run(seconds(20));
  link.link_kbps = 1500;
  link.run(seconds(8));
  link.link_kbps = 8000;
  const uint32_t low = link.target();
  link.time_to_reach(low + 1, seconds(20));
  EXPECT_EQ(link.target(), low + 320);
  EXPECT_EQ(link.time_to_reach(low + 321, seconds(20)), seconds(5));
}

TEST(bitrate_controller, tries_a_rate_that_hurt_less_often) {
  modelled_link link(4000);
  link.run(seconds(20));
  link.keyframes_wait = milliseconds(100);
  link.link_kbps = 1500;
  link.run(seconds(30));
  // Over five minutes the queue is long for little of the time, though the rate above the link is tried again.
  int over = 0, steps = 0, tries = 0;
  for (uint32_t last = link.target(); steps < 1500; ++steps, last = link.target()) {
    link.step();
    if (link.seen.queue_delay > milliseconds(600)) ++over;
    if (link.target() > last) ++tries;
  }
  EXPECT_EQ(over, 0);
  EXPECT_GE(tries, 3);
  EXPECT_LE(tries, 8);
}

TEST(bitrate_controller, a_round_trip_far_over_its_shortest_is_no_room_for_more) {
  modelled_link link(4000);
  link.run(seconds(20));
  link.link_kbps = 1500;
  link.run(seconds(6));
  const uint32_t low = link.target();
  link.rtt = milliseconds(240);
  link.run(seconds(20));
  EXPECT_EQ(link.target(), low);
  // A way that stays longer is the way as it is now.
  link.link_kbps = 8000;
  link.run(seconds(120));
  EXPECT_EQ(link.target(), 4000u);
}

TEST(bitrate_controller, never_falls_under_its_floor) {
  struct row {
    const char* name;
    uint32_t ceiling, floor, expected;
  };
  for (const row& row : {row{"a quarter", 4000, 0, 1000}, row{"150 kbit/s", 400, 0, 150},
                         row{"the ceiling of a slow stream", 100, 0, 100}, row{"configured", 4000, 2000, 2000},
                         row{"configured above the ceiling", 1000, 2000, 1000}}) {
    modelled_link link(row.ceiling, row.floor);
    link.run(seconds(20));
    link.link_kbps = 50;
    link.run(std::chrono::minutes(5));
    EXPECT_EQ(link.target(), row.expected) << row.name;
  }
}

TEST(bitrate_controller, what_happens_in_the_first_seconds_does_not_count) {
  modelled_link link(4000);
  link.link_kbps = 1500;
  link.run(milliseconds(4800));
  EXPECT_EQ(link.target(), 4000u);
  link.run(seconds(3));
  EXPECT_LT(link.target(), 1500u);
}

TEST(bitrate_controller, a_long_round_trip_alone_changes_nothing) {
  modelled_link link(4000);
  link.rtt = milliseconds(600);
  link.run(seconds(30));
  EXPECT_EQ(link.target(), 4000u);
}

TEST(bitrate_controller, pauses_of_two_round_trips_change_nothing) {
  modelled_link link(4000);
  link.rtt = milliseconds(600);
  for (int i = 0; i < 20; ++i) {
    link.link_kbps = 5500;
    link.run(milliseconds(6600));
    link.link_kbps = 80;
    link.seen.is_pausing = true;
    link.run(milliseconds(1200));
    link.link_kbps = 5500;
    link.run(milliseconds(2000));
    link.seen.is_pausing = false;
    ASSERT_EQ(link.target(), 4000u);
  }
}

TEST(bitrate_controller, what_happens_while_the_queue_starts_does_not_count) {
  modelled_link link(4000);
  link.link_kbps = 1000;
  link.seen.is_starting = true;
  link.run(seconds(12));
  EXPECT_EQ(link.target(), 4000u);
  link.seen.is_starting = false;
  link.run(milliseconds(1400));
  EXPECT_LE(link.target(), 1000u) << "a window later all is known";
}

TEST(bitrate_controller, a_queue_that_comes_and_goes_changes_nothing) {
  bitrate_controller controller(bitrate_bounds{4000, 0});
  time_point now{seconds(1000)};
  controller.begin(now, seconds(5));
  bitrate_sample seen;
  for (int i = 0; i < 600; ++i) {
    now += period;
    // A large keyframe every 2 s takes 800 ms to leave.
    seen.queue_delay = milliseconds(std::max(0, 800 - 200 * (i % 10)));
    seen.accepted_bytes = seen.acknowledged_bytes += 100'000;
    controller.sample(now, seen);
  }
  EXPECT_EQ(controller.target_kbps(), 4000u);
}

TEST(bitrate_controller, sees_a_buffer_on_the_way_fill) {
  modelled_link link(4000);
  link.is_seen_in_queue = false;
  link.largest_wait = seconds(100);
  link.run(seconds(20));
  link.link_kbps = 1500;
  link.run(seconds(7));
  EXPECT_LT(link.target(), 1500u);
}

TEST(bitrate_controller, a_line_that_carries_nothing_for_a_while_tells_no_rate) {
  modelled_link link(4000);
  link.run(seconds(20));
  link.link_kbps = 0;
  link.run(seconds(4));
  link.link_kbps = 8000;
  link.run(seconds(10));
  EXPECT_GE(link.target(), 3400u);
}

TEST(bitrate_controller, the_sound_does_not_count_as_room_for_pictures) {
  modelled_link link(1000);
  link.audio_kbps = 128;
  link.run(seconds(20));
  link.link_kbps = 600;
  link.run(seconds(6));
  EXPECT_LE(link.target() + 128, 600u);
}

TEST(bitrate_controller, an_encoder_that_does_not_obey_is_noticed_and_does_not_drive_it_to_the_floor) {
  modelled_link link(4000);
  link.stubborn_kbps = 4000;
  link.run(seconds(20));
  EXPECT_TRUE(link.controller.is_obeyed());
  link.link_kbps = 2500;
  link.run(seconds(40));
  EXPECT_FALSE(link.controller.is_obeyed());
  const uint32_t held = link.target();
  link.run(std::chrono::minutes(10));
  EXPECT_EQ(link.target(), held);
  EXPECT_GE(held, 1400u);
  link.stubborn_kbps = 0;
  link.run(seconds(20));
  EXPECT_TRUE(link.controller.is_obeyed());
}

TEST(bitrate_controller, an_encoder_that_makes_less_is_obedient) {
  modelled_link link(4000);
  link.stubborn_kbps = 500;
  link.run(seconds(20));
  link.asked_kbps = 4000;
  link.run(seconds(60));
  EXPECT_TRUE(link.controller.is_obeyed());
  EXPECT_EQ(link.target(), 4000u);
}

TEST(bitrate_controller, learns_nothing_of_rates_that_another_session_prevents) {
  modelled_link link(4000);
  link.run(seconds(20));
  link.link_kbps = 2000;
  link.run(seconds(6));
  const uint32_t low = link.target();
  link.others_kbps = 500;
  link.run(seconds(60));
  EXPECT_LE(link.target(), low + 320);
}

TEST(bitrate_controller, goes_on_where_it_stood_after_a_short_interruption_only) {
  struct row {
    const char* name;
    duration away;
    bool is_kept;
  };
  for (const row& row : {row{"3 s", seconds(3), true}, row{"2 min", seconds(120), false}}) {
    modelled_link link(4000);
    link.run(seconds(20));
    link.link_kbps = 1500;
    link.run(seconds(8));
    ASSERT_LT(link.target(), 1500u);
    link.now += row.away;
    link.controller.begin(link.now, seconds(5));
    EXPECT_EQ(link.target() < 1500u, row.is_kept) << row.name;
  }
}

TEST(bitrate_controller, a_picture_too_big_for_the_server_lowers_the_ceiling) {
  modelled_link link(4000);
  link.run(seconds(20));
  link.controller.lower_ceiling(3000, link.now);
  link.run(seconds(60));
  EXPECT_EQ(link.target(), 3000u);
}

TEST(bitrate_controller, without_a_configured_rate_it_wants_nothing) {
  modelled_link link(0);
  link.stubborn_kbps = 4000;
  link.run(seconds(10));
  link.link_kbps = 100;
  link.run(seconds(30));
  EXPECT_FALSE(link.controller.is_enabled());
  EXPECT_EQ(link.target(), 0u);
}

}  // namespace
}  // namespace campush

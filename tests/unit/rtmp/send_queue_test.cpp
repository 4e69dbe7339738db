#include "rtmp/send_queue.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "unit/rtmp/queue_script.h"

namespace campush {
namespace {

using namespace std::chrono_literals;

/// Bounds in time alone, and in bytes alone.
std::string times(size_t count, const std::string& letters) {
  std::string text;
  for (size_t i = 0; i < count; ++i) text += letters;
  return text;
}

TEST(send_queue, gives_everything_back_in_order_at_normal) {
  queue_script script;
  EXPECT_EQ(script.push("MHhKaPdaP"), "MHhKaPdaP");
  EXPECT_EQ(script.queue.queued_bytes(), 900u);
  EXPECT_EQ(script.queued(), "MHhKaPdaP");
  EXPECT_EQ(script.pop(20), "MHhKaPdaP");
  EXPECT_TRUE(script.queue.empty());
  EXPECT_EQ(script.queue.queued_bytes(), 0u);
  EXPECT_EQ(script.queue.dropped().total(), 0u);
  EXPECT_EQ(script.queue.front(), nullptr);
}

TEST(send_queue, starts_with_a_keyframe) {
  queue_script script;
  EXPECT_EQ(script.push("MHPdaKP"), "MHaKP");
  EXPECT_EQ(script.dropped(frame_kind::inter, drop_reason::broken_reference), 1u);
  EXPECT_EQ(script.dropped(frame_kind::disposable, drop_reason::broken_reference), 1u);
}

TEST(send_queue, measures_delay_from_the_first_tag_not_begun_to_the_last) {
  queue_script script;
  script.push("K");
  EXPECT_EQ(script.queue.queue_delay(), 0ms) << "one tag spans nothing";
  script.push("PPP");
  EXPECT_EQ(script.queue.queue_delay(), 120ms);
  script.pop(1);
  EXPECT_EQ(script.queue.queue_delay(), 80ms);
}

TEST(send_queue, leaves_headers_out_of_the_delay_whose_dts_is_of_no_time) {
  queue_script script;
  script.push("MHhKP");
  EXPECT_EQ(script.queue.queue_delay(), 40ms);
  script.pop(5);
  script.time.advance(1h);
  script.push("HKP");
  EXPECT_EQ(script.queue.queue_delay(), 40ms);
  script.push("H");
  EXPECT_EQ(script.queue.queue_delay(), 40ms);
}

TEST(send_queue, adds_what_the_kernel_has_not_sent) {
  queue_script script;
  script.push("KPP");
  script.queue.set_kernel_unsent(50000, 500000, script.time.now());
  EXPECT_EQ(script.queue.queue_delay(), 180ms);
  script.queue.set_kernel_unsent(50000, 0, script.time.now());
  EXPECT_EQ(script.queue.queue_delay(), 80ms) << "rate unknown";
  script.queue.set_kernel_unsent(UINT64_MAX, 1, script.time.now());
  EXPECT_EQ(script.queue.queue_delay(), 80ms + 10s) << "bounded";
}

// Levels.

struct level_row {
  const char* name;
  size_t frames;  ///< 40 ms each, after a keyframe
  const char* level;
};
class level_by_time : public testing::TestWithParam<level_row> {};

TEST_P(level_by_time, is_entered_at_its_bound) {
  queue_script script(by_time());
  script.push("K" + times(GetParam().frames, "a"));
  EXPECT_EQ(script.level(), GetParam().level);
}

INSTANTIATE_TEST_SUITE_P(send_queue, level_by_time,
                         testing::Values(level_row{"below_600_ms", 14, "normal"}, level_row{"at_600_ms", 15, "warning"},
                                         level_row{"below_1500_ms", 37, "warning"},
                                         level_row{"above_1500_ms", 38, "high"},
                                         level_row{"time_is_never_critical", 70, "high"}),
                         [](const auto& row) { return row.param.name; });

TEST(send_queue, enters_levels_by_bytes) {
  queue_script script(by_bytes());
  script.push_bytes('K', (1u << 20) - 1);
  EXPECT_EQ(script.level(), "normal");
  script.push_bytes('a', 1);
  EXPECT_EQ(script.level(), "warning");
  script.push_bytes('K', 1u << 20);
  EXPECT_EQ(script.level(), "high");
  script.push_bytes('K', 2u << 20);
  EXPECT_EQ(script.level(), "critical");
}

TEST(send_queue, leaves_a_level_at_half_its_entry) {
  queue_script script(by_time());
  script.push("K" + times(38, "a"));
  EXPECT_EQ(script.level(), "high");
  script.pop(19);
  EXPECT_EQ(script.level(), "high") << "760 ms";
  script.pop(1);
  EXPECT_EQ(script.level(), "warning") << "720 ms";
  script.pop(10);
  EXPECT_EQ(script.level(), "warning") << "320 ms";
  script.pop(1);
  EXPECT_EQ(script.level(), "normal") << "280 ms";
}

TEST(send_queue, enters_a_level_by_the_kernel_alone) {
  queue_script script(by_time());
  script.push("Kd");
  script.queue.set_kernel_unsent(131072, 131072, script.time.now());
  EXPECT_EQ(script.level(), "warning");
  EXPECT_EQ(script.queued(), "K") << "queued disposable pictures go";
}

// Warning.

TEST(send_queue, drops_queued_disposable_pictures_first) {
  queue_script script(by_bytes());
  script.frame_bytes = 1u << 18;
  EXPECT_EQ(script.push("KdP"), "KdP");
  EXPECT_EQ(script.push("d"), "d");
  EXPECT_EQ(script.queued(), "KP") << "1 MiB was reached";
  EXPECT_EQ(script.level(), "normal") << "512 KiB is half";
  EXPECT_EQ(script.dropped(frame_kind::disposable, drop_reason::disposable), 2u);
  EXPECT_EQ(script.push("P"), "P") << "no reference was lost";
}

TEST(send_queue, refuses_disposable_pictures_while_not_over_the_bound) {
  queue_script script(by_bytes());
  script.frame_bytes = 1u << 18;
  script.push("KPdP");
  EXPECT_EQ(script.level(), "warning");
  EXPECT_EQ(script.queued(), "KPP");
  EXPECT_EQ(script.push_bytes('d', 10), false);
  EXPECT_EQ(script.push_bytes('P', 10), true) << "768 KiB: in warning, not over";
}

TEST(send_queue, drops_inter_pictures_until_the_next_keyframe_and_passes_that_gop_whole) {
  queue_script script(by_time());
  EXPECT_EQ(script.push("K" + times(15, "P")), "K" + times(15, "P"));
  EXPECT_EQ(script.level(), "warning");
  EXPECT_EQ(script.push("PaPdP"), "a");
  EXPECT_EQ(script.push("KPdPa"), "KPdPa") << "whole, though still at warning";
  EXPECT_EQ(script.level(), "warning");
  EXPECT_EQ(script.push("KPPa"), "Ka") << "the next one not";
  EXPECT_EQ(script.dropped(frame_kind::inter, drop_reason::congestion), 5u);
  EXPECT_EQ(script.dropped(frame_kind::disposable, drop_reason::disposable), 2u) << "one refused, one swept later";
}

TEST(send_queue, waits_for_the_keyframe_even_when_the_queue_has_drained) {
  queue_script script(by_time());
  script.push("K" + times(16, "P"));
  script.pop(20);
  EXPECT_EQ(script.level(), "normal");
  EXPECT_TRUE(script.queue.is_waiting_for_keyframe());
  EXPECT_EQ(script.push("PPaK"), "aK");
  EXPECT_EQ(script.dropped(frame_kind::inter, drop_reason::broken_reference), 2u);
  EXPECT_FALSE(script.queue.is_waiting_for_keyframe());
}

TEST(send_queue, wishes_for_a_keyframe_once_when_it_is_back_to_normal) {
  queue_script script(by_time());
  script.push("K" + times(17, "P"));
  EXPECT_FALSE(script.queue.take_keyframe_wish()) << "still congested";
  script.pop(20);
  EXPECT_TRUE(script.queue.take_keyframe_wish());
  EXPECT_FALSE(script.queue.take_keyframe_wish());
}

TEST(send_queue, wishes_for_nothing_once_a_keyframe_has_come) {
  queue_script script(by_time());
  script.push("K" + times(17, "P"));
  script.pop(20);
  script.push("K");
  EXPECT_FALSE(script.queue.take_keyframe_wish());
}

TEST(send_queue, wishes_for_a_keyframe_when_a_flush_took_the_pictures_at_normal) {
  queue_limits limits = by_time();
  limits.warning_time = limits.high_time = 10s;
  queue_script script(limits);
  script.push("KP");
  script.pop(1);
  script.push(76, "a");
  EXPECT_EQ(script.level(), "normal");
  EXPECT_EQ(script.dropped(frame_kind::inter, drop_reason::flush), 1u);
  EXPECT_TRUE(script.queue.take_keyframe_wish());
}

TEST(send_queue, starts_with_a_keyframe_after_every_start) {
  queue_script script;
  script.push("KP");
  script.pop(2);
  script.queue.begin(script.time.now(), 5s);
  EXPECT_EQ(script.push("PaK"), "aK");
}

TEST(send_queue, wishes_for_nothing_when_no_reference_was_dropped) {
  queue_script script(by_time());
  script.push("K" + times(15, "a"));
  EXPECT_EQ(script.level(), "warning");
  script.pop(20);
  EXPECT_FALSE(script.queue.take_keyframe_wish());
}

// High.

TEST(send_queue, takes_only_keyframes_headers_and_sound_at_high) {
  queue_script script(by_time());
  script.push("K" + times(38, "a"));
  EXPECT_EQ(script.level(), "high");
  EXPECT_EQ(script.push("PdKPaHhMKd"), "KaHhMK");
}

TEST(send_queue, takes_nothing_more_of_a_gop_that_was_to_pass_whole_when_it_comes_to_high) {
  queue_script script(by_time());
  script.push("K" + times(16, "P"));
  EXPECT_EQ(script.push("KPd" + times(20, "a")), "KPd" + times(20, "a"));
  EXPECT_EQ(script.level(), "high");
  EXPECT_EQ(script.push("ddPd"), "") << "not even what nothing refers to";
  EXPECT_EQ(script.queued().find('d'), std::string::npos);
}

TEST(send_queue, jumps_to_the_newest_queued_keyframe_after_three_seconds) {
  queue_script script(by_time());
  script.push("HK" + times(37, "a") + "aKaMKaa");
  EXPECT_EQ(script.level(), "high");
  script.time.advance(3s - 40ms * 44);
  EXPECT_EQ(script.push("aa"), "aa");
  EXPECT_EQ(script.queued(), "HMKaaaa");
  EXPECT_EQ(script.dropped(frame_kind::audio, drop_reason::flush), 39u);
  EXPECT_EQ(script.dropped(frame_kind::key, drop_reason::flush), 2u);
  EXPECT_FALSE(script.queue.is_waiting_for_keyframe());
}

TEST(send_queue, jumps_over_pictures_that_refer_to_what_was_before_the_keyframe) {
  const struct {
    const char* name;
    bool is_sent;        ///< what is before them
    std::string before;  ///< queued before the sound that brings it to the flush
    const char* after;
    const char* queued;
  } rows[] = {
      {"queued with the keyframe", false, "PPPKrrP", "", "KP"},
      {"and of older groups nothing", false, "PKrPPKrP", "", "KP"},
      {"some come after the jump", false, "PPKr", "rP", "KP"},
      {"the next group is whole", false, "PPKr", "rPKrP", "KPKPP"},
      {"a group at the head keeps them", true, "KrrP", "rP", "KPPPPP"},
  };
  for (const auto& row : rows) {
    queue_script script;
    script.queue.begin(script.time.now(), 5s);
    script.push("K" + times(20, "P"));
    if (row.is_sent) script.pop(21);
    script.push(row.before + times(row.is_sent ? 80 : 60, "a"));
    script.push(row.after);
    std::string pictures = script.queued();
    pictures.erase(std::remove(pictures.begin(), pictures.end(), 'a'), pictures.end());
    EXPECT_EQ(pictures, row.queued) << row.name;
    EXPECT_FALSE(script.queue.is_waiting_for_keyframe()) << row.name;
  }
}

TEST(send_queue, a_keyframe_after_a_drop_leaves_out_what_refers_to_pictures_before_it) {
  queue_script script;
  EXPECT_EQ(script.push("KrP"), "KP") << "a queue begins with it";
  script.queue.count_drop(*make_plain_tag('P', script.time.now(), 10), drop_reason::too_big);
  EXPECT_EQ(script.push("PKrrPKrP"), "KPKrP");
  EXPECT_EQ(script.dropped(frame_kind::inter, drop_reason::broken_reference), 4u);
}

TEST(send_queue, keeps_a_queue_that_begins_with_its_newest_keyframe) {
  queue_script script(by_time());
  script.push("K" + times(100, "a"));
  EXPECT_EQ(script.queue.size(), 101u);
}

TEST(send_queue, drops_pictures_and_old_sound_where_no_keyframe_is_queued) {
  queue_script script(by_time());
  script.push("KPPP");
  script.pop(1);
  script.push(72, "a");
  EXPECT_EQ(script.queue.queue_delay(), 2960ms);
  EXPECT_EQ(script.push("a"), "a");
  EXPECT_EQ(script.queued(), times(8, "a")) << "300 ms of it";
  EXPECT_EQ(script.dropped(frame_kind::inter, drop_reason::flush), 3u);
  EXPECT_EQ(script.push("P"), "") << "its reference is gone";
  EXPECT_TRUE(script.queue.take_keyframe_wish());
}

TEST(send_queue, bounds_the_delay_of_sound_alone) {
  queue_script script;
  script.step = 21ms;
  for (int i = 0; i < 5000; ++i) {
    script.push("a");
    ASSERT_LE(script.queue.queue_delay(), 3021ms);
  }
  EXPECT_GT(script.dropped(frame_kind::audio, drop_reason::flush), 0u);
}

// Critical.

TEST(send_queue, takes_headers_only_at_critical) {
  queue_script script(by_bytes());
  script.push_bytes('K', 4u << 20);
  EXPECT_EQ(script.level(), "critical");
  EXPECT_EQ(script.push("KPadHhM"), "HhM");
  script.pop(1);
  EXPECT_EQ(script.level(), "normal");
}

TEST(send_queue, never_takes_time_for_critical) {
  queue_limits limits = by_time();
  limits.flush_time = std::chrono::hours(24);
  queue_script script(limits);
  script.push("K" + times(5000, "a"));
  EXPECT_EQ(script.level(), "high");
}

// After a start.

TEST(send_queue, has_no_time_levels_after_a_start_until_it_has_drained) {
  queue_script script;
  script.queue.begin(script.time.now(), 5s);
  EXPECT_EQ(script.push("MHK" + times(50, "P")), "MHK" + times(50, "P"));
  EXPECT_EQ(script.level(), "normal");
  script.pop(100);
  script.queue.set_kernel_unsent(0, 100000, script.time.now());
  script.push("K" + times(15, "P"));
  EXPECT_EQ(script.level(), "warning");
}

TEST(send_queue, has_not_drained_while_the_kernel_holds_what_it_took) {
  queue_script script;
  script.queue.begin(script.time.now(), 6s);
  script.push("MHK" + times(30, "P"));
  script.pop(100);
  // A replayed group on a 600 ms path: slow start drains it, at a rate that looks like hours.
  script.queue.set_kernel_unsent(70000, 1000, script.time.now());
  EXPECT_EQ(script.push("PPP"), "PPP");
  EXPECT_EQ(script.level(), "normal");
  script.pop(100);
  script.queue.set_kernel_unsent(0, 100000, script.time.now());
  script.queue.set_kernel_unsent(70000, 100000, script.time.now());
  EXPECT_EQ(script.level(), "warning");
}

TEST(send_queue, an_empty_queue_in_the_first_round_trips_tells_nothing) {
  queue_script script;
  script.queue.begin(script.time.now(), 6s);
  script.push("KP");
  script.pop(2);
  script.queue.set_kernel_unsent(0, 100000, script.time.now());
  script.queue.set_kernel_unsent(70000, 100000, script.time.now());
  EXPECT_EQ(script.level(), "normal");
}

TEST(send_queue, has_no_time_levels_after_a_start_for_the_grace_only) {
  queue_script script;
  script.queue.begin(script.time.now(), 2s);
  EXPECT_EQ(script.push("K" + times(49, "P")), "K" + times(49, "P"));
  EXPECT_EQ(script.level(), "normal");
  EXPECT_EQ(script.push("P"), "") << "2 s are over: 1.96 s are queued";
  EXPECT_EQ(script.level(), "high");
}

TEST(send_queue, keeps_bytes_and_flush_after_a_start) {
  queue_script script(by_time());
  script.queue.begin(script.time.now(), 1h);
  script.push("K" + times(40, "P") + "K" + times(34, "P"));
  EXPECT_EQ(script.queued(), "K" + times(34, "P")) << "3 s were reached";
  queue_script heavy(by_bytes());
  heavy.queue.begin(heavy.time.now(), 1h);
  heavy.push_bytes('K', 2u << 20);
  EXPECT_EQ(heavy.level(), "high");
}

TEST(send_queue, slow_start_may_fill_it_up_to_high) {
  queue_script script(by_bytes());
  script.queue.begin(script.time.now(), 1h);
  script.push_bytes('K', 100'000);
  script.push_bytes('P', 1'900'000);
  EXPECT_EQ(script.level(), "normal");
  script.push_bytes('P', 200'000);
  EXPECT_EQ(script.level(), "high");
}

// Counting.

TEST(send_queue, holds_the_track_when_the_session_drops_a_reference) {
  queue_script script;
  script.push("KP");
  script.queue.count_drop(*make_plain_tag('d', script.time.now(), 10), drop_reason::too_big);
  EXPECT_EQ(script.push("P"), "P");
  script.queue.count_drop(*make_plain_tag('K', script.time.now(), 10), drop_reason::too_big);
  EXPECT_EQ(script.push("PdaK"), "aK");
  EXPECT_EQ(script.dropped(frame_kind::key, drop_reason::too_big), 1u);
}

TEST(send_queue, counts_what_waits_as_not_connected_when_cleared) {
  queue_script script;
  script.push("MHKPa");
  script.queue.clear();
  EXPECT_TRUE(script.queue.empty());
  EXPECT_EQ(script.queue.queued_bytes(), 0u);
  EXPECT_EQ(script.queue.dropped().total(), 3u);
  EXPECT_EQ(script.dropped(frame_kind::inter, drop_reason::not_connected), 1u);
  EXPECT_EQ(script.push("PK"), "K");
}

TEST(send_queue, is_as_new_after_a_reset) {
  queue_script script(by_time());
  script.push("K" + times(38, "P"));
  script.queue.set_kernel_unsent(1000, 1000, script.time.now());
  script.queue.reset(by_bytes(), video_dialect::legacy);
  EXPECT_TRUE(script.queue.empty());
  EXPECT_EQ(script.queue.dropped().total(), 0u);
  EXPECT_EQ(script.level(), "normal");
  EXPECT_EQ(script.push("PK" + times(38, "P")), "K" + times(38, "P")) << "with the bounds of its next session";
}

TEST(send_queue, lets_go_of_tags_that_left) {
  queue_script script;
  auto tag = make_plain_tag('K', script.time.now(), 10);
  std::weak_ptr<flv_tag> watched = tag;
  script.queue.push(tag, script.time.now());
  tag.reset();
  EXPECT_FALSE(watched.expired());
  script.queue.pop();
  EXPECT_TRUE(watched.expired());
}

TEST(send_queue, does_not_drop_while_popping) {
  queue_script script(by_time());
  script.push("K" + times(100, "a"));
  EXPECT_EQ(script.pop(200), "K" + times(100, "a")) << "without the keyframe in front a push would flush";
}

TEST(send_queue, pops_nothing_from_an_empty_queue) {
  queue_script script;
  script.queue.pop();
  EXPECT_TRUE(script.queue.empty());
  EXPECT_EQ(script.queue.at(3), nullptr);
}

struct kind_row {
  char letter;
  frame_kind kind;
};

TEST(send_queue, knows_the_kind_of_a_tag) {
  for (const kind_row& row :
       {kind_row{'K', frame_kind::key}, kind_row{'P', frame_kind::inter}, kind_row{'d', frame_kind::disposable},
        kind_row{'a', frame_kind::audio}, kind_row{'H', frame_kind::key}, kind_row{'h', frame_kind::audio}}) {
    EXPECT_EQ(kind_of(*make_plain_tag(row.letter, {}, 1)), row.kind) << row.letter;
  }
}

TEST(send_queue, names_levels_reasons_and_kinds) {
  EXPECT_STREQ(queue_level_name(queue_level::critical), "critical");
  EXPECT_STREQ(drop_reason_name(drop_reason::broken_reference), "broken_reference");
  EXPECT_STREQ(drop_reason_name(drop_reason::not_connected), "not_connected");
  EXPECT_STREQ(frame_kind_name(frame_kind::disposable), "disposable");
}

}  // namespace
}  // namespace campush

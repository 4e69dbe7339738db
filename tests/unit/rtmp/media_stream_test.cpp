#include "rtmp/media_stream.h"

#include <gtest/gtest.h>

#include <condition_variable>
#include <mutex>
#include <thread>

#include "unit/rtmp/media_stream_bench.h"

namespace campush {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using namespace test;

TEST_F(media_stream_test, brings_frames_to_its_sinks_in_order_with_their_headers) {
  const int64_t start = now_ms();
  stream.add_sink(sink);
  open();
  key();
  sound();
  run(milliseconds(40));
  inter();
  sound();
  run(milliseconds(0));
  EXPECT_EQ("K0 A0 V40 A40", dts_of(sink.tags, start));
  EXPECT_EQ(codec_id::h264, stream.headers()->video_codec);
  EXPECT_EQ(4u, stream.counters().tags_in);
  EXPECT_EQ(4u, stream.counters().tags_out);
  EXPECT_EQ(3u, stream.key().camera_id);
}

TEST_F(media_stream_test, is_live_from_the_first_picture_on) {
  stream.add_sink(sink);
  EXPECT_EQ(stream_state::waiting, stream.current_state());
  open();
  sound();
  run(milliseconds(10));
  EXPECT_EQ(stream_state::waiting, stream.current_state());
  key();
  run(milliseconds(10));
  EXPECT_EQ(stream_state::live, stream.current_state());
  EXPECT_EQ(std::vector{stream_state::live}, sink.states);
}

TEST_F(media_stream_test, stalls_after_4_s_without_a_picture_and_lives_again_with_the_next) {
  stream.add_sink(sink);
  open();
  key();
  for (int i = 0; i < 39; ++i) run(milliseconds(100)), sound();
  EXPECT_EQ(stream_state::live, stream.current_state());
  run(milliseconds(101));
  EXPECT_EQ(stream_state::stalled, stream.current_state());
  sound();
  run(milliseconds(10));
  EXPECT_EQ(stream_state::stalled, stream.current_state()) << "sound alone is no picture";
  EXPECT_EQ(tag_kind::audio, sink.tags.back()->kind) << "but it still goes out";
  key();
  run(milliseconds(10));
  EXPECT_EQ((std::vector{stream_state::live, stream_state::stalled, stream_state::live}), sink.states);
}

TEST_F(media_stream_test, lets_a_slow_picture_rate_live) {
  open();
  key();
  for (int i = 0; i < 10; ++i) {
    run(seconds(3));
    inter();
    run(milliseconds(1));
    EXPECT_EQ(stream_state::live, stream.current_state());
  }
}

TEST_F(media_stream_test, judges_an_audio_only_stream_by_its_sound) {
  open(only_audio(codec_id::aac));
  for (int i = 0; i < 60; ++i) sound(), run(milliseconds(100));
  EXPECT_EQ(stream_state::live, stream.current_state());
  run(seconds(4));
  EXPECT_EQ(stream_state::stalled, stream.current_state());
}

TEST_F(media_stream_test, ends_after_its_last_tag) {
  stream.add_sink(sink);
  size_t tags_at_end = 0;
  open();
  key();
  inter();
  end();
  run(milliseconds(0));
  tags_at_end = sink.tags.size();
  EXPECT_EQ(2u, tags_at_end);
  EXPECT_EQ(stream_state::ended, stream.current_state());
  run(seconds(10));
  EXPECT_EQ((std::vector{stream_state::live, stream_state::ended}), sink.states) << "an end is no stall";
  open();
  key();
  run(milliseconds(0));
  EXPECT_EQ(stream_state::live, stream.current_state());
}

TEST_F(media_stream_test, stays_live_over_a_failure_until_the_stall) {
  open();
  key();
  run(milliseconds(1));
  stream.on_source_event({source_event_kind::failed, nullptr, nullptr});
  run(seconds(3));
  EXPECT_EQ(stream_state::live, stream.current_state());
  run(seconds(1));
  EXPECT_EQ(stream_state::stalled, stream.current_state());
}

TEST_F(media_stream_test, holds_tags_for_a_lagging_track_and_lets_them_go_at_the_end) {
  const int64_t start = now_ms();
  stream.add_sink(sink);
  open();
  stream.on_frame(h264_key(start).frame);
  stream.on_frame(aac_frame(start + 40).frame);
  stream.on_frame(h264_inter(start + 100).frame);
  stream.on_frame(aac_frame(start + 61).frame);
  stream.on_frame(h264_inter(start + 140).frame);
  run(milliseconds(0));
  EXPECT_EQ("K0 A40 V100 A100", dts_of(sink.tags, start));
  stream.on_frame(aac_frame(start + 141).frame);
  run(milliseconds(0));
  EXPECT_EQ("K0 A40 V100 A100 V140 A141", dts_of(sink.tags, start));
  stream.on_frame(h264_inter(start + 180).frame);
  run(milliseconds(199));
  EXPECT_EQ(6u, sink.tags.size());
  run(milliseconds(1));
  EXPECT_EQ(7u, sink.tags.size());
  stream.on_frame(h264_inter(start + 220).frame);
  end();
  run(milliseconds(0));
  EXPECT_EQ("K0 A40 V100 A100 V140 A141 V180 V220", dts_of(sink.tags, start));
  EXPECT_EQ(1u, stream.counters().dts_corrections);
}

TEST_F(media_stream_test, continues_in_time_after_a_jump) {
  const int64_t start = now_ms();
  stream.add_sink(sink);
  open(only_video(codec_id::h264));
  for (const int64_t ms : {0, 40, 60080, 60120, 60120}) {
    owned_frame frame = ms == 0 ? h264_key(start) : h264_inter(start + ms);
    stream.on_frame(frame.frame);
  }
  run(milliseconds(0));
  EXPECT_EQ("K0 V40 V80 V120 V121", dts_of(sink.tags, start));
  EXPECT_EQ(1u, stream.counters().reanchors);
  EXPECT_EQ(1u, stream.counters().dts_corrections);
}

TEST_F(media_stream_test, drops_up_to_the_next_keyframe_when_the_loop_does_not_keep_up) {
  const auto control = std::make_shared<counting_control>();
  stream.set_control(control);
  stream.add_sink(sink);
  open(only_video(codec_id::h264));
  const int64_t start = now_ms();
  stream.on_frame(h264_key(start).frame);
  for (int i = 1; i < 300; ++i) stream.on_frame(h264_inter(start + i * 40).frame);
  run(milliseconds(0));
  const size_t passed = sink.tags.size();
  EXPECT_LT(passed, 260u);
  EXPECT_EQ(300u - passed, stream.counters().ring_overflows);
  EXPECT_EQ(1, control->keyframes) << "the hole asks for a keyframe";
  stream.on_frame(h264_inter(start + 300 * 40).frame);
  run(milliseconds(0));
  EXPECT_EQ(passed, sink.tags.size()) << "there is room, but its reference is gone";
  stream.on_frame(h264_key(start + 301 * 40).frame);
  stream.on_frame(h264_inter(start + 302 * 40).frame);
  run(milliseconds(0));
  EXPECT_EQ(passed + 2, sink.tags.size());
  EXPECT_TRUE(sink.tags[passed]->is_keyframe);
}

TEST_F(media_stream_test, tells_of_an_end_even_when_the_ring_is_full) {
  open(only_video(codec_id::h264));
  const int64_t start = now_ms();
  for (int i = 0; i < 400; ++i) stream.on_frame(h264_key(start + i * 40).frame);
  end();
  run(milliseconds(0));
  EXPECT_EQ(stream_state::ended, stream.current_state());
}

TEST_F(media_stream_test, gives_new_headers_with_the_tag_that_needs_them_although_one_was_lost) {
  stream.add_sink(sink);
  open(only_video(codec_id::h264));
  const int64_t start = now_ms();
  for (int i = 0; i < 300; ++i) stream.on_frame(h264_key(start + i * 40).frame);
  const char* const level_41 = "67 64 00 29 AC B2 00 F0 04 4F CB 80 88 00 00 03 00 08 00 00 03 01 90 78 C1 92 40";
  const owned_frame changed(codec_id::h264, annexb_of({level_41, h264_pps, "65 88 84"}), start + 12000, start + 12000);
  stream.on_frame(changed.frame);
  run(milliseconds(0));
  const owned_frame next(codec_id::h264, annexb_of({level_41, h264_pps, "65 88 84"}), start + 12040, start + 12040);
  stream.on_frame(next.frame);
  run(milliseconds(0));
  EXPECT_EQ(2u, sink.tags.back()->header_generation);
  EXPECT_EQ(2u, stream.headers()->generation);
}

TEST_F(media_stream_test, keeps_the_group_of_pictures_only_while_somebody_holds_it) {
  open();
  key();
  run(milliseconds(1));
  EXPECT_TRUE(stream.gop().empty());
  stream.hold_gop_cache();
  run(milliseconds(39));
  inter();
  run(milliseconds(1));
  EXPECT_TRUE(stream.gop().empty()) << "it begins with a keyframe";
  run(milliseconds(39));
  const int64_t start = now_ms();
  key();
  sound();
  run(milliseconds(40));
  inter();
  run(milliseconds(1));
  EXPECT_EQ("K0 A0 V40", dts_of(stream.gop(), start));
  run(milliseconds(39));
  key();
  run(milliseconds(1));
  EXPECT_EQ("K80", dts_of(stream.gop(), start));
  stream.hold_gop_cache();
  stream.release_gop_cache();
  EXPECT_EQ(1u, stream.gop().size());
  stream.release_gop_cache();
  EXPECT_TRUE(stream.gop().empty());
}

TEST_F(media_stream_test, does_not_keep_a_stale_group_of_pictures) {
  open();
  stream.hold_gop_cache();
  key();
  run(milliseconds(1));
  EXPECT_EQ(1u, stream.gop().size());
  run(seconds(5));
  EXPECT_TRUE(stream.gop().empty());
}

TEST_F(media_stream_test, does_not_keep_a_group_beyond_its_bound) {
  media_stream_options options;
  options.max_gop_bytes = 20;
  media_stream small({0, 0}, "main", loop, options);
  const stream_description description = only_video(codec_id::h264);
  small.on_source_event({source_event_kind::opened, &description, nullptr});
  small.hold_gop_cache();
  const int64_t start = now_ms();
  small.on_frame(h264_key(start).frame);
  small.on_frame(h264_inter(start + 40).frame);
  run(milliseconds(0));
  EXPECT_EQ(2u, small.gop().size());
  small.on_frame(h264_inter(start + 80).frame);
  small.on_frame(h264_inter(start + 120).frame);
  run(milliseconds(0));
  EXPECT_TRUE(small.gop().empty()) << "half a group is of no use";
  small.on_frame(h264_key(start + 160).frame);
  run(milliseconds(0));
  EXPECT_EQ(1u, small.gop().size());
}

TEST_F(media_stream_test, lets_sinks_come_and_go_while_it_calls_them) {
  recording_sink second, third;
  sink.on_each = [&] {
    stream.remove_sink(sink);
    stream.remove_sink(second);
    stream.add_sink(third);
  };
  stream.add_sink(sink);
  stream.add_sink(second);
  open();
  key();
  run(milliseconds(40));
  EXPECT_EQ(1u, sink.tags.size());
  EXPECT_TRUE(second.tags.empty()) << "removed before its turn";
  EXPECT_TRUE(third.tags.empty()) << "it hears nothing older than its adding";
  inter();
  run(milliseconds(1));
  EXPECT_EQ(1u, sink.tags.size());
  EXPECT_EQ(1u, third.tags.size());
}

TEST_F(media_stream_test, gathers_keyframe_requests) {
  const auto control = std::make_shared<counting_control>();
  EXPECT_FALSE(stream.request_keyframe()) << "no camera yet";
  stream.set_control(control);
  EXPECT_TRUE(stream.has_keyframe_on_demand());
  open();
  EXPECT_TRUE(stream.request_keyframe());
  EXPECT_TRUE(stream.request_keyframe());
  run(milliseconds(1900));
  EXPECT_TRUE(stream.request_keyframe());
  EXPECT_EQ(1, control->keyframes) << "the one under way serves them all";
  run(milliseconds(100));
  EXPECT_TRUE(stream.request_keyframe());
  EXPECT_EQ(2, control->keyframes);
  EXPECT_EQ(2u, stream.counters().keyframes_asked);
  EXPECT_EQ(2u, stream.counters().keyframes_suppressed);
}

TEST_F(media_stream_test, asks_later_for_who_missed_the_last_keyframe) {
  const auto control = std::make_shared<counting_control>();
  stream.set_control(control);
  open();
  stream.request_keyframe();
  run(milliseconds(100));
  key();
  run(milliseconds(100));
  EXPECT_TRUE(stream.request_keyframe());
  EXPECT_EQ(1, control->keyframes);
  run(milliseconds(1799));
  EXPECT_EQ(1, control->keyframes);
  run(milliseconds(1));
  EXPECT_EQ(2, control->keyframes) << "at the end of the interval";
  run(milliseconds(10));
  key();
  stream.request_keyframe();
  run(milliseconds(10));
  key();
  run(seconds(10));
  EXPECT_EQ(2, control->keyframes) << "a keyframe came in the meantime";
}

TEST_F(media_stream_test, says_when_the_source_cannot_make_keyframes) {
  const auto control = std::make_shared<counting_control>();
  control->outcome = control_outcome::unsupported;
  stream.set_control(control);
  EXPECT_FALSE(stream.request_keyframe());
  EXPECT_FALSE(stream.has_keyframe_on_demand());
  EXPECT_EQ(0u, stream.counters().keyframes_asked);
}

/// A loop on a thread of its own whose wake-up is the only way in. Timers never fire: time stands still.
class thread_loop final : public event_loop {
 public:
  const clock& time() const noexcept override { return m_time; }
  void post(std::function<void()>) override {}
  std::unique_ptr<loop_timer> make_timer(std::function<void()>) override {
    class idle_timer final : public loop_timer {
      void arm_at(time_point) override {}
      void arm_after(duration) override {}
      void cancel() noexcept override {}
      bool is_armed() const noexcept override { return true; }
    };
    return std::make_unique<idle_timer>();
  }
  std::unique_ptr<loop_wakeup> make_wakeup(std::function<void()> callback) override {
    m_callback = std::move(callback);
    class signaller final : public loop_wakeup {
     public:
      explicit signaller(thread_loop& loop) : m_loop(loop) {}
      void signal() noexcept override { m_loop.wake(); }

     private:
      thread_loop& m_loop;
    };
    return std::make_unique<signaller>(*this);
  }
  template <class Predicate>
  void run_until(Predicate is_done) {
    while (!is_done()) {
      std::unique_lock<std::mutex> hold(m_mutex);
      m_changed.wait(hold, [&] { return m_is_signalled; });
      m_is_signalled = false;
      hold.unlock();
      m_callback();
    }
  }

 private:
  void wake() noexcept {
    const std::lock_guard<std::mutex> hold(m_mutex);
    m_is_signalled = true;
    m_changed.notify_one();
  }
  campush::system_clock m_time;
  std::function<void()> m_callback;
  std::mutex m_mutex;
  std::condition_variable m_changed;
  bool m_is_signalled = false;
};

TEST(media_stream, hands_over_between_threads) {
  thread_loop loop;
  recording_sink sink;
  media_stream stream({0, 0}, "main", loop, {});
  stream.add_sink(sink);
  std::thread camera([&] {
    const stream_description description = h264_and_aac();
    stream.on_source_event({source_event_kind::opened, &description, nullptr});
    for (int i = 0; i < 5000; ++i) {
      stream.on_frame(i % 50 == 0 ? h264_key(1000 + i * 40).frame : h264_inter(1000 + i * 40).frame);
      stream.on_frame(aac_frame(1000 + i * 40 + 20).frame);
      if (i % 1000 == 999) std::this_thread::yield();
    }
    stream.on_source_event({source_event_kind::ended, nullptr, nullptr});
  });
  loop.run_until([&] { return stream.current_state() == stream_state::ended; });
  camera.join();
  const media_stream_counters counters = stream.counters();
  EXPECT_EQ(10000u, counters.tags_in);
  EXPECT_EQ(counters.tags_in, counters.tags_out + counters.ring_overflows);
  EXPECT_EQ(counters.tags_out, sink.tags.size());
  time_point last{};
  bool has_keyframe = false;
  for (const tag_ptr& tag : sink.tags) {
    EXPECT_GE(tag->dts, last);
    last = tag->dts;
    has_keyframe |= tag->is_keyframe;
    EXPECT_TRUE(has_keyframe || tag->is_audio_track());
    EXPECT_EQ(tag->is_audio_track() ? 4u : 8u, tag->body.size());
  }
}

}  // namespace
}  // namespace campush

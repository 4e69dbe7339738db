#include "device/camera_instance.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <stdexcept>

#include "fakes/fake_clock.h"
#include "scripted_source.h"

namespace campush {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::ElementsAre;

/// A camera whose streams play scripts, on one thread and a fake clock.
class camera_instance_steps : public ::testing::Test {
 protected:
  void make(const std::vector<std::vector<source_script>>& streams) {
    camera_config config;
    config.name = "gate";
    for (size_t i = 0; i < streams.size(); ++i) {
      stream_config stream;
      stream.stream_id = static_cast<uint32_t>(i);
      stream.name = i == 0 ? "main" : "sub";
      stream.source.video_path = "clip.h264";
      config.streams.push_back(stream);
    }
    const source_factory factory = [this, streams](const camera_config&, const stream_config& stream,
                                                   const clock&) -> result<std::unique_ptr<media_source>> {
      if (stream.source.type != source_type::file) return fail(error_code::unsupported, "not in this build");
      auto made = std::make_unique<scripted_source>(time, streams[stream.stream_id]);
      sources[stream.stream_id] = made.get();
      return result<std::unique_ptr<media_source>>(std::move(made));
    };
    if (is_first_missing) config.streams[0].source.type = source_type::v4l2;
    camera = std::make_unique<camera_instance>(config, time, factory, attachment());
    camera->start(capture_drive::stepped, first_open);
  }
  stream_attachment attachment() {
    stream_attachment out;
    out.attach = [this](const camera_config&, const stream_config& stream,
                        std::shared_ptr<stream_control> control) -> stream_observer& {
      calls.push_back("attach " + stream.name);
      controls[stream.stream_id] = std::move(control);
      return observers[stream.stream_id];
    };
    out.detach = [this](const camera_config&, const stream_config& stream) {
      calls.push_back("detach " + stream.name);
    };
    return out;
  }
  void run_for(duration length) {
    const time_point end = time.now() + length;
    while (true) {
      const time_point due = camera->run_step();
      if (due > end) break;
      time.set(std::max(time.now(), due));
    }
    time.set(end);
  }
  std::vector<int64_t> waits_s(uint32_t stream) const {
    std::vector<int64_t> out;
    const auto& opened = sources.at(stream)->opened_at;
    for (size_t i = 1; i < opened.size(); ++i) out.push_back((opened[i] - opened[i - 1]).count() / 1'000'000);
    return out;
  }

  fake_clock time;
  time_point first_open{};
  bool is_first_missing = false;
  std::map<uint32_t, recording_observer> observers;
  std::map<uint32_t, scripted_source*> sources;
  std::map<uint32_t, std::shared_ptr<stream_control>> controls;
  std::vector<std::string> calls;
  std::unique_ptr<camera_instance> camera;
};

TEST_F(camera_instance_steps, waits_for_its_turn) {
  first_open = time.now() + milliseconds(150);
  make({{{"", 9, milliseconds(40), ""}}});
  run_for(milliseconds(149));
  EXPECT_TRUE(sources[0]->opened_at.empty());
  run_for(milliseconds(1));
  EXPECT_EQ(sources[0]->opened_at, std::vector<time_point>{first_open});
}

TEST_F(camera_instance_steps, tells_opened_then_frames_then_ended) {
  make({{{"", 3, milliseconds(40), ""}}});
  run_for(seconds(1));
  EXPECT_THAT(observers[0].heard, ElementsAre("opened", "frame", "frame", "frame", "ended"));
  EXPECT_EQ(observers[0].width, 640u);
  EXPECT_EQ(camera->status()[0].state, camera_state::ended);
  EXPECT_EQ(camera->status()[0].reopens, 0u) << "it was opened, not reopened";
  EXPECT_EQ(camera->run_step(), time_point::max()) << "what has ended wants no further step";
  EXPECT_EQ(sources[0]->opened_at.size(), 1u);
}

TEST_F(camera_instance_steps, tells_a_description_that_changes_before_the_frames_it_is_of) {
  make({{{"", 3, milliseconds(40), "", 2}}});
  run_for(seconds(1));
  EXPECT_THAT(observers[0].heard, ElementsAre("opened", "frame", "frame", "described", "frame", "ended"));
  EXPECT_EQ(observers[0].width, 1280u);
  EXPECT_EQ(camera->status()[0].width, 1280u);
  EXPECT_EQ(camera->status()[0].reopens, 0u);
}

TEST_F(camera_instance_steps, opens_again_after_1_2_4_up_to_30_s) {
  make({{{"no such device", 0, {}, ""}}});
  run_for(seconds(122));
  EXPECT_THAT(waits_s(0), ElementsAre(1, 2, 4, 8, 16, 30, 30, 30));
  EXPECT_THAT(observers[0].heard, ::testing::Each("failed: no such device"));
  const camera_stream_status status = camera->status()[0];
  EXPECT_EQ(status.state, camera_state::reopening);
  EXPECT_EQ(status.failures, 9u);
  EXPECT_EQ(status.reopens, 0u);
  EXPECT_EQ(status.last_error, "no such device");
  EXPECT_EQ(status.next_reopen_in, seconds(29));
}

TEST_F(camera_instance_steps, goes_on_doubling_when_a_source_opens_and_fails_at_once) {
  make({{{"", 1, milliseconds(40), "lost"}}});
  run_for(seconds(60));
  EXPECT_THAT(waits_s(0), ElementsAre(1, 2, 4, 8, 16));
  EXPECT_EQ(sources[0]->closes, 6) << "closed after each failure";
}

TEST_F(camera_instance_steps, begins_the_waits_anew_after_30_healthy_seconds) {
  const source_script refused{"refused", 0, {}, ""}, healthy{"", 751, milliseconds(40), "lost"};
  make({{refused, refused, refused, healthy, refused}});
  run_for(seconds(41));
  EXPECT_THAT(waits_s(0), ElementsAre(1, 2, 4, 31, 2));
  EXPECT_EQ(camera->status()[0].reopens, 1u);
}

TEST_F(camera_instance_steps, goes_on_doubling_after_less_than_30_healthy_seconds) {
  const source_script refused{"refused", 0, {}, ""}, healthy{"", 749, milliseconds(40), "lost"};
  make({{refused, refused, healthy, refused}});
  run_for(seconds(40));
  EXPECT_THAT(waits_s(0), ElementsAre(1, 2, 29 + 4));
}

TEST_F(camera_instance_steps, hears_a_new_opened_after_a_failure) {
  make({{{"", 1, milliseconds(40), "lost"}, {"", 1, milliseconds(40), ""}}});
  run_for(seconds(5));
  EXPECT_THAT(observers[0].heard, ElementsAre("opened", "frame", "failed: lost", "opened", "frame", "ended"));
  EXPECT_GE(sources[0]->closes, 1);
}

TEST_F(camera_instance_steps, keeps_one_stream_running_while_another_fails) {
  make({{{"broken", 0, {}, ""}}, {{"", 1000, milliseconds(40), ""}}});
  run_for(seconds(10));
  EXPECT_EQ(std::count(observers[1].heard.begin(), observers[1].heard.end(), "frame"), 251);
  EXPECT_EQ(camera->status()[0].state, camera_state::reopening);
  EXPECT_EQ(camera->status()[1].state, camera_state::running);
}

TEST_F(camera_instance_steps, reports_a_type_that_is_not_in_this_build_once) {
  is_first_missing = true;
  make({{{}}, {{"", 1000, milliseconds(40), ""}}});
  run_for(seconds(100));
  EXPECT_THAT(observers[0].heard, ElementsAre("failed: not in this build"));
  EXPECT_EQ(camera->status()[0].state, camera_state::unavailable);
  EXPECT_EQ(camera->status()[0].source, "v4l2 clip.h264");
  ASSERT_NE(controls[0], nullptr);
  EXPECT_EQ(controls[0]->request_keyframe(), control_outcome::unsupported);
  EXPECT_EQ(std::count(observers[1].heard.begin(), observers[1].heard.end(), "ended"), 1);
}

TEST_F(camera_instance_steps, counts_what_passes_and_measures_the_rate) {
  make({{{"", 100'000, milliseconds(50), ""}}});
  run_for(seconds(10));
  const camera_stream_status status = camera->status()[0];
  EXPECT_EQ(status.camera_name, "gate");
  EXPECT_EQ(status.stream_name, "main");
  EXPECT_EQ(status.source, "file clip.h264");
  EXPECT_EQ(status.video_frames, 201u);
  EXPECT_EQ(status.audio_frames, 0u);
  EXPECT_EQ(status.keyframes, 9u);
  EXPECT_EQ(status.bytes, 201u * 5);
  EXPECT_EQ(status.width, 640u);
  EXPECT_EQ(status.frame_rate_declared, 25);
  EXPECT_NEAR(status.frame_rate_measured, 20, 1);
  EXPECT_EQ(status.last_frame_at, time.now());
  time.advance(seconds(4));
  EXPECT_EQ(camera->status()[0].frame_rate_measured, 0) << "a silent source has no rate";
}

TEST_F(camera_instance_steps, attaches_before_the_first_event_and_detaches_after_the_last) {
  make({{{"", 5, milliseconds(40), ""}}, {{"", 5, milliseconds(40), ""}}});
  EXPECT_THAT(calls, ElementsAre("attach main", "attach sub"));
  EXPECT_EQ(camera->status()[0].state, camera_state::starting);
  run_for(milliseconds(100));
  camera->stop();
  EXPECT_THAT(calls, ElementsAre("attach main", "attach sub", "detach main", "detach sub"));
  const size_t heard = observers[0].heard.size();
  time.advance(seconds(10));
  EXPECT_EQ(camera->run_step(), time_point::max());
  EXPECT_EQ(observers[0].heard.size(), heard);
  EXPECT_EQ(camera->status()[0].state, camera_state::stopped);
  camera->stop();
  EXPECT_EQ(calls.size(), 4u);
}

TEST_F(camera_instance_steps, leaves_the_control_usable_after_the_camera_is_gone) {
  make({{{"", 5, milliseconds(40), ""}}});
  const std::shared_ptr<stream_control> control = controls[0];
  camera.reset();
  EXPECT_EQ(control->request_keyframe(), control_outcome::unsupported);
}

/// Throws where a source by contract must not.
class throwing_source final : public media_source {
 public:
  result<stream_description> open() override { throw std::runtime_error("out of hands"); }
  void close() noexcept override {}
  time_point next_due() const noexcept override { return {}; }
  result<step_outcome> step(time_point, frame_sink&) override { return step_outcome::idle; }
  stream_control& control() noexcept override { return m_control; }

 private:
  no_stream_control m_control;
};

TEST(stream_capture, interrupts_its_source_and_opens_it_no_more) {
  fake_clock time;
  scripted_source* source = nullptr;
  const source_factory factory = [&](const camera_config&, const stream_config&, const clock&) {
    auto made = std::make_unique<scripted_source>(time, std::vector<source_script>{{"", 9, milliseconds(40), ""}});
    source = made.get();
    return result<std::unique_ptr<media_source>>(std::move(made));
  };
  recording_observer observer;
  stream_capture capture({}, {}, time, factory);
  capture.attach(observer);
  capture.interrupt();
  capture.run_step();
  EXPECT_EQ(source->interrupts, 1);
  EXPECT_TRUE(source->opened_at.empty());
  EXPECT_TRUE(observer.heard.empty());
}

TEST(stream_capture, takes_an_exception_of_a_source_for_a_failure) {
  fake_clock time;
  const source_factory factory = [](const camera_config&, const stream_config&, const clock&) {
    return result<std::unique_ptr<media_source>>(std::make_unique<throwing_source>());
  };
  recording_observer observer;
  stream_capture capture({}, {}, time, factory);
  capture.attach(observer);
  EXPECT_EQ(capture.run_step(), time.now() + seconds(1));
  EXPECT_THAT(observer.heard, ElementsAre("failed: the source broke off: out of hands"));
}

/// The thread of a stream that waits for an hour.
TEST(camera_instance, stops_at_once_while_a_stream_waits) {
  system_clock time;
  const source_factory factory = [&time](const camera_config&, const stream_config&, const clock&) {
    const std::vector<source_script> scripts{{"", 1000, std::chrono::hours(1), "", 0, true}};
    return result<std::unique_ptr<media_source>>(std::make_unique<scripted_source>(time, scripts));
  };
  recording_observer observer;
  const stream_attachment attachment{
      [&observer](const auto&, const auto&, auto) -> stream_observer& { return observer; },
      [](const auto&, const auto&) {}};
  camera_config config;
  config.streams.resize(1);
  camera_instance camera(config, time, factory, attachment);
  camera.start();
  while (camera.status()[0].video_frames == 0) std::this_thread::yield();
  const time_point before = time.now();
  camera.stop();
  EXPECT_LT(time.now() - before, seconds(1));
  EXPECT_THAT(observer.heard, ElementsAre("opened", "frame", "frame")) << "the last is what the source still held";
}

/// Stays in its first frame until it is let go, as a driver that does not return would.
class stuck_observer final : public stream_observer {
 public:
  void on_frame(const media_frame&) override {
    is_stuck = true;
    while (!is_let_go) std::this_thread::yield();
  }
  void on_source_event(const source_event&) override {}
  std::atomic<bool> is_stuck{false}, is_let_go{false};
};

TEST(camera_instance, tells_how_long_a_capture_thread_is_in_a_step_but_not_how_long_it_waits) {
  fake_clock time;
  const source_factory factory = [&time](const camera_config&, const stream_config&, const clock&) {
    const std::vector<source_script> scripts{{"", 1, milliseconds(0), ""}};
    return result<std::unique_ptr<media_source>>(std::make_unique<scripted_source>(time, scripts));
  };
  stuck_observer observer;
  const stream_attachment attachment{
      [&observer](const auto&, const auto&, auto) -> stream_observer& { return observer; },
      [](const auto&, const auto&) {}};
  camera_config config;
  config.streams.resize(1);
  camera_instance camera(config, time, factory, attachment);
  camera.start();
  while (!observer.is_stuck) std::this_thread::yield();
  EXPECT_EQ(camera.longest_step(time.now() + seconds(70)), seconds(70));
  observer.is_let_go = true;
  // The source has ended by then: its thread waits for ever, and is alive.
  while (camera.longest_step(time.now() + seconds(70)) != seconds(0) ||
         camera.status()[0].state != camera_state::ended) {
    std::this_thread::yield();
  }
  EXPECT_EQ(camera.longest_step(time.now() + std::chrono::hours(70)), seconds(0));
}

}  // namespace
}  // namespace campush

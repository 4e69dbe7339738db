#include "device/camera_manager.h"

#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <map>
#include <thread>

#include "clip_fixtures.h"

namespace campush {
namespace {

using std::chrono::seconds;

/// Counts from any thread, and notices calls that overlap or come while nobody is attached.
class counting_observer final : public stream_observer {
 public:
  void on_frame(const media_frame&) override {
    check();
    ++frames;
  }
  void on_source_event(const source_event& event) override {
    check();
    if (event.kind == source_event_kind::opened) ++opened;
    if (event.kind == source_event_kind::failed) ++failed;
  }

  std::atomic<bool> is_attached{false};
  std::atomic<uint64_t> frames{0}, opened{0}, failed{0}, wrong_calls{0};

 private:
  void check() {
    if (!is_attached) ++wrong_calls;
  }
};

class camera_manager_runs : public ::testing::Test {
 protected:
  static camera_config camera(uint32_t camera_id, const std::string& video = clip("tiny.h264")) {
    camera_config config;
    config.camera_id = camera_id;
    config.name = "cam" + std::to_string(camera_id);
    config.streams.resize(2);
    config.streams[1].stream_id = 1;
    config.streams[1].name = "sub";
    for (stream_config& stream : config.streams) {
      stream.source.video_path = video;
      stream.source.audio_path = clip("tiny.aac");
      stream.encoder.frame_rate = 200;
    }
    return config;
  }
  stream_attachment attachment() {
    stream_attachment out;
    out.attach = [this](const camera_config& c, const stream_config& s, const auto&) -> stream_observer& {
      counting_observer& observer = observers[{c.camera_id, s.stream_id}];
      observer.is_attached = true;
      return observer;
    };
    out.detach = [this](const camera_config& c, const stream_config& s) {
      observers[{c.camera_id, s.stream_id}].is_attached = false;
    };
    return out;
  }
  bool plays(uint32_t camera_id, uint32_t stream_id = 0) {
    counting_observer& observer = observers[{camera_id, stream_id}];
    const uint64_t before = observer.frames;
    const time_point give_up = time.now() + seconds(20);
    while (observer.frames < before + 3 && time.now() < give_up) std::this_thread::yield();
    return observer.frames >= before + 3;
  }
  camera_stream_status status_of(uint32_t camera_id) {
    for (const camera_stream_status& stream : manager.status()) {
      if (stream.camera_id == camera_id) return stream;
    }
    return {};
  }

  system_clock time;
  std::map<std::pair<uint32_t, uint32_t>, counting_observer> observers;
  camera_manager manager{3, time, default_source_factory(), attachment()};
};

TEST_F(camera_manager_runs, cameras_up_to_the_limit_and_says_so_beyond) {
  for (const uint32_t id : {0u, 1u, 2u}) ASSERT_TRUE(manager.start(camera(id)));
  const auto refused = manager.start(camera(3));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, error_code::limit_reached);
  EXPECT_NE(refused.error().message.find("max_cameras is 3"), std::string::npos);
  ASSERT_TRUE(manager.stop(1));
  EXPECT_TRUE(manager.start(camera(3)));
  for (const uint32_t id : {0u, 2u, 3u}) {
    EXPECT_TRUE(plays(id, 0)) << id;
    EXPECT_TRUE(plays(id, 1)) << id;
  }
}

/// Notes when its stream was opened, and delivers nothing.
class noting_source final : public media_source {
 public:
  noting_source(const clock& time, std::atomic<int64_t>& opened_us) : m_time(time), m_opened_us(opened_us) {}
  result<stream_description> open() override {
    m_opened_us = m_time.now().time_since_epoch().count();
    return stream_description{};
  }
  void close() noexcept override {}
  time_point next_due() const noexcept override { return time_point::max(); }
  result<step_outcome> step(time_point, frame_sink&) override { return step_outcome::idle; }
  stream_control& control() noexcept override { return m_control; }

 private:
  const clock& m_time;
  std::atomic<int64_t>& m_opened_us;
  no_stream_control m_control;
};

TEST_F(camera_manager_runs, cameras_one_after_the_other_when_many_are_started_at_once) {
  std::array<std::atomic<int64_t>, 4> opened_us{};
  const source_factory factory = [&](const camera_config& given, const stream_config&, const clock& clock_given) {
    return result<std::unique_ptr<media_source>>(
        std::make_unique<noting_source>(clock_given, opened_us[given.camera_id]));
  };
  camera_manager recorder(4, time, factory, attachment());
  const int64_t begin_us = time.now().time_since_epoch().count();
  for (uint32_t id = 0; id < 4; ++id) {
    camera_config one = camera(id);
    one.streams.resize(1);
    ASSERT_TRUE(recorder.start(one));
  }
  const time_point give_up = time.now() + seconds(20);
  while (opened_us[3] == 0 && time.now() < give_up) std::this_thread::yield();
  for (size_t id = 0; id < 4; ++id) EXPECT_GE(opened_us[id], begin_us + static_cast<int64_t>(id) * 50'000) << id;
}

TEST_F(camera_manager_runs, each_camera_once) {
  ASSERT_TRUE(manager.start(camera(0)));
  const auto again = manager.start(camera(0));
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().code, error_code::already_exists);
  EXPECT_EQ(manager.status().size(), 2u);
}

TEST_F(camera_manager_runs, nothing_that_it_does_not_know) {
  const auto stopped = manager.stop(7);
  ASSERT_FALSE(stopped);
  EXPECT_EQ(stopped.error().code, error_code::not_found);
  const auto restarted = manager.restart(camera(7));
  ASSERT_FALSE(restarted);
  EXPECT_EQ(restarted.error().code, error_code::not_found);
}

TEST_F(camera_manager_runs, cameras_in_any_order_and_tells_of_them_by_number) {
  ASSERT_TRUE(manager.start(camera(1)));
  ASSERT_TRUE(manager.start(camera(0)));
  const std::vector<camera_stream_status> status = manager.status();
  ASSERT_EQ(status.size(), 4u);
  EXPECT_EQ(status[1].camera_id, 0u);
  EXPECT_EQ(status[2].camera_id, 1u);
  EXPECT_EQ(status[3].stream_id, 1u);
}

TEST_F(camera_manager_runs, one_camera_anew_and_leaves_the_others_alone) {
  ASSERT_TRUE(manager.start(camera(0)));
  ASSERT_TRUE(manager.start(camera(1)));
  ASSERT_TRUE(plays(0) && plays(1));
  ASSERT_TRUE(manager.restart(camera(0, clip("gate_sub.h264"))));
  EXPECT_TRUE(plays(0));
  EXPECT_TRUE(plays(1));
  EXPECT_EQ((observers[{0, 0}].opened), 2u);
  EXPECT_EQ((observers[{1, 0}].opened), 1u);
  EXPECT_EQ(status_of(0).width, 320u);
  EXPECT_EQ(status_of(1).width, 64u);
}

TEST_F(camera_manager_runs, the_others_when_one_cannot_be_opened) {
  ASSERT_TRUE(manager.start(camera(0, "no_such.h264")));
  ASSERT_TRUE(manager.start(camera(1)));
  EXPECT_TRUE(plays(1));
  const time_point give_up = time.now() + seconds(20);
  while (observers[{0, 0}].failed == 0 && time.now() < give_up) std::this_thread::yield();
  const camera_stream_status broken = status_of(0);
  EXPECT_EQ(broken.state, camera_state::reopening);
  EXPECT_EQ(broken.last_error, "no_such.h264: No such file or directory");
  EXPECT_EQ(broken.source, "file no_such.h264");
}

TEST_F(camera_manager_runs, no_call_to_an_observer_that_was_detached) {
  for (int round = 0; round < 10; ++round) {
    ASSERT_TRUE(manager.start(camera(0)));
    ASSERT_TRUE(plays(0));
    ASSERT_TRUE(manager.stop(0));
  }
  EXPECT_EQ((observers[{0, 0}].wrong_calls), 0u);
  EXPECT_EQ((observers[{0, 1}].wrong_calls), 0u);
  EXPECT_TRUE(manager.status().empty());
}

TEST_F(camera_manager_runs, stop_all_within_a_second_while_status_is_read) {
  for (const uint32_t id : {0u, 1u, 2u}) ASSERT_TRUE(manager.start(camera(id)));
  ASSERT_TRUE(plays(2));
  std::atomic<bool> is_done{false};
  std::thread reader([&] {
    while (!is_done) EXPECT_LE(manager.status().size(), 6u);
  });
  const time_point before = time.now();
  manager.stop_all();
  EXPECT_LT(time.now() - before, seconds(1));
  is_done = true;
  reader.join();
  EXPECT_TRUE(manager.status().empty());
}

TEST(camera_state, has_a_name_for_each_value) {
  EXPECT_STREQ(camera_state_name(camera_state::stopped), "stopped");
  EXPECT_STREQ(camera_state_name(camera_state::starting), "starting");
  EXPECT_STREQ(camera_state_name(camera_state::running), "running");
  EXPECT_STREQ(camera_state_name(camera_state::reopening), "reopening");
  EXPECT_STREQ(camera_state_name(camera_state::ended), "ended");
  EXPECT_STREQ(camera_state_name(camera_state::unavailable), "unavailable");
}

}  // namespace
}  // namespace campush

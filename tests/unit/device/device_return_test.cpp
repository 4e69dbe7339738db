#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <functional>
#include <thread>
#include <utility>

#include "device/camera_instance.h"
#include "device/stream_capture.h"
#include "device/v4l2/node_watch.h"
#include "fakes/fake_clock.h"
#include "scripted_source.h"

namespace campush {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

/// A source whose device is missing until it is put back.
class missing_source final : public media_source {
 public:
  missing_source() : m_event(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {}
  ~missing_source() override { ::close(m_event); }
  result<stream_description> open() override {
    uint64_t value = 0;
    while (::read(m_event, &value, sizeof value) > 0) {
    }
    ++tries;
    if (failure != error_code{}) return fail(failure, "the device is not usable");
    return stream_description{};
  }
  void close() noexcept override {
    if (on_first_close) std::exchange(on_first_close, nullptr)();
  }
  time_point next_due() const noexcept override { return time_point::max(); }
  result<step_outcome> step(time_point, frame_sink&) override {
    if (failure != error_code{}) return fail(failure, "the device is gone");
    return step_outcome::idle;
  }
  stream_control& control() noexcept override { return m_control; }
  int return_descriptor() const noexcept override { return m_event; }
  void announce() const { ASSERT_EQ(::eventfd_write(m_event, 1), 0); }

  std::atomic<error_code> failure{};
  std::atomic<int> tries{0};
  std::function<void()> on_first_close;

 private:
  const int m_event;
  no_stream_control m_control;
};

class device_return : public ::testing::Test {
 protected:
  device_return() {
    const source_factory factory = [this](const camera_config&, const stream_config&,
                                          const clock&) -> result<std::unique_ptr<media_source>> {
      auto made = std::make_unique<missing_source>();
      source = made.get();
      return result<std::unique_ptr<media_source>>(std::move(made));
    };
    capture = std::make_unique<stream_capture>(camera_config{}, stream_config{}, time, factory);
    capture->attach(observer);
  }

  fake_clock time;
  recording_observer observer;
  missing_source* source = nullptr;
  std::unique_ptr<stream_capture> capture;
};

TEST_F(device_return, is_tried_at_once) {
  source->failure = error_code::not_found;
  EXPECT_EQ(capture->run_step(), time.now() + seconds(1));
  EXPECT_EQ(capture->run_step(), time.now() + seconds(1)) << "nothing has happened";
  EXPECT_EQ(capture->poll_descriptor(), source->return_descriptor());
  EXPECT_EQ(source->tries, 1);
  time.advance(milliseconds(10));
  source->failure = {};
  source->announce();
  EXPECT_EQ(capture->run_step(), time_point::max());
  EXPECT_EQ(source->tries, 2);
  EXPECT_EQ(capture->status().state, camera_state::running);
}

TEST_F(device_return, of_something_else_costs_nothing) {
  source->failure = error_code::not_found;
  const time_point due = capture->run_step();
  const auto heard = observer.heard;
  for (int i = 0; i < 4; ++i) {
    time.advance(milliseconds(100));
    source->announce();
    EXPECT_EQ(capture->run_step(), time.now() + milliseconds(100)) << "when the watch counts again";
  }
  EXPECT_EQ(capture->status().next_reopen_in, due - time.now());
  EXPECT_EQ(source->tries, 5);
  EXPECT_EQ(observer.heard, heard);
  EXPECT_EQ(capture->status().failures, 1U);
}

TEST_F(device_return, is_not_tried_more_than_ten_times_a_second) {
  source->failure = error_code::not_found;
  capture->run_step();
  source->announce();
  capture->run_step();
  EXPECT_EQ(source->tries, 2);
  source->announce();
  EXPECT_EQ(capture->run_step(), time.now() + milliseconds(100));
  EXPECT_EQ(capture->poll_descriptor(), -1) << "a readable descriptor would end every wait at once";
  EXPECT_EQ(source->tries, 2);
  time.advance(milliseconds(100));
  capture->run_step();
  EXPECT_EQ(source->tries, 3);
}

TEST_F(device_return, that_is_not_usable_yet_is_tried_again_soon) {
  source->failure = error_code::not_found;
  for (int i = 0; i < 6; ++i) time.set(capture->run_step());
  const time_point far = capture->run_step();
  EXPECT_EQ(far, time.now() + seconds(30));
  source->failure = error_code::permission_denied;
  source->announce();
  EXPECT_LE(capture->run_step(), time.now() + milliseconds(500));
  time.advance(milliseconds(500));
  EXPECT_EQ(capture->run_step(), time.now() + seconds(1)) << "waits begin anew";
  source->failure = {};
  source->announce();
  capture->run_step();
  EXPECT_EQ(capture->status().state, camera_state::running);
}

/// A camera on its own thread whose clock falls back by an hour during its first failure and stands still then: the wait until the next
/// try is longer than any test.
class device_return_on_thread : public ::testing::Test {
 protected:
  device_return_on_thread() {
    const source_factory factory = [this](const camera_config&, const stream_config&,
                                          const clock&) -> result<std::unique_ptr<media_source>> {
      auto made = std::make_unique<missing_source>();
      source = made.get();
      source->failure = error_code::not_found;
      source->on_first_close = [this] { time.advance(-std::chrono::hours(1)); };
      return result<std::unique_ptr<media_source>>(std::move(made));
    };
    const stream_attachment attachment{[this](const auto&, const auto&, auto) -> stream_observer& { return observer; },
                                       [](const auto&, const auto&) {}};
    camera_config config;
    config.streams.resize(1);
    camera = std::make_unique<camera_instance>(config, time, factory, attachment);
    camera->start(capture_drive::threads);
  }
  /// False: not within 10 s, which is far more than any machine needs.
  template <class Condition>
  static bool comes(const Condition& condition) {
    const system_clock real;
    const time_point end = real.now() + seconds(10);
    while (!condition()) {
      if (real.now() > end) return false;
      std::this_thread::yield();
    }
    return true;
  }
  bool comes_to(camera_state state) {
    return comes([this, state] { return camera->status()[0].state == state; });
  }

  fake_clock time{time_point(std::chrono::hours(10))};
  recording_observer observer;
  missing_source* source = nullptr;
  std::unique_ptr<camera_instance> camera;
};

TEST_F(device_return_on_thread, is_tried_at_once) {
  ASSERT_TRUE(comes_to(camera_state::reopening));
  source->failure = error_code{};
  source->announce();
  EXPECT_TRUE(comes_to(camera_state::running));
  EXPECT_EQ(source->tries, 2);
}

TEST_F(device_return_on_thread, is_noticed_after_something_else_was) {
  ASSERT_TRUE(comes_to(camera_state::reopening));
  source->announce();
  ASSERT_TRUE(comes([this] { return source->tries == 2; }));
  time.advance(milliseconds(150));
  source->failure = error_code{};
  source->announce();
  EXPECT_TRUE(comes_to(camera_state::running));
  EXPECT_EQ(source->tries, 3);
}

class node_watch_folder : public ::testing::Test {
 protected:
  node_watch_folder() {
    std::string pattern = ::testing::TempDir() + "campush_node_XXXXXX";
    root = ::mkdtemp(pattern.data());
  }
  ~node_watch_folder() override { std::filesystem::remove_all(root); }
  static bool is_told(const node_watch& watch) {
    pollfd watched{watch.descriptor(), POLLIN, 0};
    return ::poll(&watched, 1, 0) == 1;
  }
  void touch(const std::string& name) const { std::ofstream(root + "/" + name) << "x"; }

  std::string root;
};

TEST_F(node_watch_folder, tells_of_a_node_that_is_made_and_of_its_permissions) {
  node_watch watch(root + "/video0");
  EXPECT_EQ(watch.descriptor(), -1);
  watch.arm();
  EXPECT_FALSE(is_told(watch));
  touch("video0");
  EXPECT_TRUE(is_told(watch));
  watch.arm();
  EXPECT_FALSE(is_told(watch)) << "what was before is forgotten";
  ASSERT_EQ(::chmod((root + "/video0").c_str(), 0600), 0);
  EXPECT_TRUE(is_told(watch));
  watch.disarm();
  EXPECT_EQ(watch.descriptor(), -1);
}

TEST_F(node_watch_folder, follows_folders_that_come_one_after_the_other) {
  node_watch watch(root + "/v4l/by-id/camera");
  for (const char* folder : {"/v4l", "/v4l/by-id"}) {
    watch.arm();
    EXPECT_FALSE(is_told(watch));
    std::filesystem::create_directory(root + folder);
    EXPECT_TRUE(is_told(watch)) << folder;
  }
  watch.arm();
  std::filesystem::create_symlink("../../video3", root + "/v4l/by-id/camera");
  EXPECT_TRUE(is_told(watch));
  watch.arm();
  touch("video3");
  EXPECT_TRUE(is_told(watch)) << "the folder of the node itself";
}

}  // namespace
}  // namespace campush

#pragma once

#include <dirent.h>
#include <dlfcn.h>
#include <gtest/gtest.h>
#include <poll.h>

#include <functional>
#include <string>
#include <vector>

#include "device/vendor/hal_library.h"
#include "device/vendor/vendor_source.h"
#include "fakes/lying_hal.h"

namespace campush {

/// The plug-in of tests/fakes/lying_hal.cpp: one lie for its lifetime, then none, and every blocked call goes on.
class liar {
 public:
  explicit liar(const char* lie = "") {
    m_handle = ::dlopen(CAMPUSH_LYING_HAL, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
    find<lying_hal_set_function>("lying_hal_set")(lie);
  }
  ~liar() {
    set("");
    unblock();
    ::dlclose(m_handle);
  }
  liar(const liar&) = delete;
  liar& operator=(const liar&) = delete;

  void set(const char* lie) { find<lying_hal_set_function>("lying_hal_set")(lie); }
  void unblock() { find<lying_hal_unblock_function>("lying_hal_unblock")(); }
  unsigned count(const char* what) { return find<lying_hal_count_function>("lying_hal_count")(what); }
  /// Until a call has run into a lie that blocks it.
  bool wait_until_blocked(unsigned times = 1) {
    for (int tries = 0; tries < 1000 && count("blocked") < times; ++tries) ::poll(nullptr, 0, 5);
    return count("blocked") >= times;
  }

 private:
  template <class Function>
  Function find(const char* name) {
    return reinterpret_cast<Function>(::dlsym(m_handle, name));
  }
  void* m_handle = nullptr;
};

inline stream_config liar_config(const std::string& options = "{}", uint32_t channel = 0) {
  stream_config config;
  config.source.type = source_type::vendor;
  config.source.library = CAMPUSH_LYING_HAL;
  config.source.channel = channel;
  config.source.options = options;
  return config;
}

/// Keeps what a source delivers.
class frame_keeper final : public frame_sink {
 public:
  struct kept_frame {
    codec_id codec;
    time_point dts, pts, captured;
    bool is_keyframe, is_disposable;
    std::vector<uint8_t> payload;
    const uint8_t* where;
  };
  void on_frame(const media_frame& frame) override {
    frames.push_back({frame.codec, frame.dts, frame.pts, frame.capture_time, frame.is_keyframe, frame.is_disposable,
                      frame.payload.to_vector(), frame.payload.data()});
    if (on_each) on_each(frame);
  }
  bool has_keyframe_after(size_t index) const {
    for (size_t i = index; i < frames.size(); ++i) {
      if (frames[i].is_keyframe) return true;
    }
    return false;
  }
  std::vector<kept_frame> frames;
  std::function<void(const media_frame&)> on_each;
};

/// Steps a source as its capture thread would, on the real clock plus what skip() has added, until `is_done` or 10 s have gone by.
class stepper {
 public:
  explicit stepper(media_source& source) : m_source(source) {}

  /// False: it did not come true, or the source failed: see `failure`.
  bool run(const std::function<bool()>& is_done) {
    const time_point end = m_clock.now() + std::chrono::seconds(10);
    while (!is_done()) {
      if (m_clock.now() > end) return false;
      pollfd watched{m_source.poll_descriptor(), POLLIN, 0};
      ::poll(&watched, 1, 20);
      if (!step()) return false;
    }
    return true;
  }
  bool run_frames(size_t count) {
    return run([&] { return keeper.frames.size() >= count; });
  }
  /// Until the source fails.
  bool run_into_failure() {
    run([] { return false; });
    return !failure.message.empty();
  }
  bool step() {
    const auto outcome = m_source.step(m_clock.now() + m_skipped, keeper);
    if (!outcome) failure = outcome.error();
    return outcome.has_value();
  }
  void skip(duration by) { m_skipped += by; }

  frame_keeper keeper;
  error failure;

 private:
  media_source& m_source;
  system_clock m_clock;
  duration m_skipped{};
};

inline size_t entries_of(const char* folder) {
  size_t count = 0;
  DIR* const open_folder = ::opendir(folder);
  if (open_folder == nullptr) return 0;
  while (::readdir(open_folder) != nullptr) ++count;
  ::closedir(open_folder);
  return count;
}

}  // namespace campush

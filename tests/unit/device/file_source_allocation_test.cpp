#include <gtest/gtest.h>

#include <algorithm>

#include "clip_fixtures.h"
#include "device/file_source.h"
#include "device/stream_capture.h"
#include "fakes/allocation_count.h"
#include "fakes/fake_clock.h"

namespace campush {
namespace {

class counting_observer final : public stream_observer {
 public:
  void on_frame(const media_frame&) override { ++frames; }
  void on_source_event(const source_event&) override {}
  uint64_t frames = 0;
};

/// Plays 3 loops through the whole device side and returns the allocations of all but the first steps.
uint64_t allocations_of_steady_play(uint64_t in_memory_bytes, uint64_t& frames) {
  fake_clock time;
  const stream_config config = file_stream(clip("bframes.h264"), clip("gate.aac"));
  const source_factory sources = [in_memory_bytes](const camera_config&, const stream_config& stream,
                                                   const clock& given) {
    return result<std::unique_ptr<media_source>>(std::make_unique<file_source>(stream, given, in_memory_bytes));
  };
  counting_observer observer;
  stream_capture capture({}, config, time, sources);
  capture.attach(observer);
  const time_point steady_from = time.now() + std::chrono::seconds(9), end = time.now() + std::chrono::seconds(24);
  uint64_t before = 0;
  while (time.now() < end) {
    if (time.now() < steady_from) before = allocation_count();
    time.set(std::max(time.now(), capture.run_step()));
  }
  frames = observer.frames;
  return allocation_count() - before;
}

TEST(file_source, allocates_nothing_per_frame) {
  for (const uint64_t in_memory_bytes : {clip_file::max_in_memory_bytes, uint64_t{0}}) {
    uint64_t frames = 0;
    EXPECT_EQ(allocations_of_steady_play(in_memory_bytes, frames), 0u);
    EXPECT_GT(frames, 1700u);
  }
}

TEST(file_source, is_measured_by_a_counter_that_counts) {
  const uint64_t before = allocation_count();
  ::operator delete(::operator new(1));
  EXPECT_EQ(allocation_count(), before + 1);
}

}  // namespace
}  // namespace campush

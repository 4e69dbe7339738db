#include <benchmark/benchmark.h>

#include <vector>

#include "bench/micro/sample_frames.h"
#include "rtmp/rtmp_encoder.h"
#include "rtmp/send_queue.h"

namespace campush::bench {
namespace {

/// Tags of a GOP, 40 ms apart, that the queue may be given again and again.
std::vector<tag_ptr> made_tags(size_t count) {
  const std::vector<uint8_t> bytes = sample_keyframe(1000);
  rtmp_encoder encoder("micro_bench");
  stream_description description;
  description.video = video_description{};
  encoder.set_description(description);
  std::vector<tag_ptr> tags;
  time_point at{};
  for (size_t i = 0; i < count; ++i, at += std::chrono::milliseconds(1))
    tags.push_back(encoder.encode(sample_frame(bytes, at)));
  return tags;
}

/// A queue that holds `range` tags all the time, as of a slow server: each push is followed by a pop.
void push_and_pop(benchmark::State& state) {
  const auto held = static_cast<size_t>(state.range(0));
  const std::vector<tag_ptr> tags = made_tags(held + 1);
  send_queue queue(queue_limits{}, video_dialect::enhanced);
  queue.begin({}, std::chrono::seconds(1));
  for (size_t i = 0; i < held; ++i) {
    if (!queue.push(tags[i], {})) state.SkipWithError("the queue refused a tag");
  }
  for (auto _ : state) {
    benchmark::DoNotOptimize(queue.push(tags[held], {}));
    queue.pop();
  }
}
BENCHMARK(push_and_pop)->Arg(0)->Arg(8)->Arg(64);

}  // namespace
}  // namespace campush::bench

#include <benchmark/benchmark.h>

#include "bench/micro/sample_frames.h"
#include "media/annexb.h"
#include "rtmp/rtmp_encoder.h"

namespace campush::bench {
namespace {

void find_start_code_in_a_slice(benchmark::State& state) {
  const auto size = static_cast<size_t>(state.range(0));
  const std::vector<uint8_t> bytes = sample_keyframe(size);
  const byte_view slice = byte_view(bytes).subview(bytes.size() - size);
  for (auto _ : state) benchmark::DoNotOptimize(find_start_code(slice, 0));
  state.SetBytesProcessed(state.iterations() * static_cast<int64_t>(size));
}
BENCHMARK(find_start_code_in_a_slice)->Arg(2000)->Arg(20000)->Arg(100000);

/// What packaging costs at the least: reading the frame once and writing it once.
void copy_a_frame(benchmark::State& state) {
  const std::vector<uint8_t> bytes = sample_keyframe(static_cast<size_t>(state.range(0)));
  std::vector<uint8_t> copy(bytes.size());
  for (auto _ : state) {
    std::copy(bytes.begin(), bytes.end(), copy.begin());
    benchmark::DoNotOptimize(copy.data());
    benchmark::ClobberMemory();
  }
  state.SetBytesProcessed(state.iterations() * static_cast<int64_t>(bytes.size()));
}
BENCHMARK(copy_a_frame)->Arg(2000)->Arg(20000)->Arg(100000);

void encode_one_frame(benchmark::State& state) {
  const std::vector<uint8_t> bytes = sample_keyframe(static_cast<size_t>(state.range(0)));
  rtmp_encoder encoder("micro_bench");
  stream_description description;
  description.video = video_description{};
  encoder.set_description(description);
  time_point at{};
  for (auto _ : state) {
    at += std::chrono::milliseconds(40);
    benchmark::DoNotOptimize(encoder.encode(sample_frame(bytes, at)));
  }
  state.SetBytesProcessed(state.iterations() * static_cast<int64_t>(bytes.size()));
}
BENCHMARK(encode_one_frame)->Arg(2000)->Arg(20000)->Arg(100000);

}  // namespace
}  // namespace campush::bench

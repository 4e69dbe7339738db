#include <benchmark/benchmark.h>

#include <array>

#include "rtmp/protocol/amf0.h"
#include "rtmp/protocol/chunk_reader.h"
#include "rtmp/protocol/chunk_writer.h"

namespace campush::bench {
namespace {

constexpr size_t payload_bytes = 20000;

message_header picture_header() {
  message_header header;
  header.type = message_type::video;
  header.chunk_stream_id = chunk_stream::video;
  header.timestamp_ms = 40;
  header.message_stream_id = 1;
  return header;
}

void gather_a_chunked_message(benchmark::State& state) {
  const std::vector<uint8_t> head(5), body(payload_bytes);
  std::array<byte_view, 512> views;
  for (auto _ : state) {
    const chunked_message message(picture_header(), head, body, static_cast<uint32_t>(state.range(0)));
    benchmark::DoNotOptimize(message.gather(views.data(), views.size()));
    benchmark::ClobberMemory();
  }
}
BENCHMARK(gather_a_chunked_message)->Arg(128)->Arg(4096)->Arg(60000);

void parse_amf0_metadata(benchmark::State& state) {
  std::vector<uint8_t> bytes;
  byte_writer out(bytes);
  write_amf0(out, amf0_value::of("onMetaData"));
  write_amf0(out, amf0_value::ecma_array({{"width", amf0_value::of(1920.0)},
                                          {"height", amf0_value::of(1080.0)},
                                          {"framerate", amf0_value::of(25.0)},
                                          {"videocodecid", amf0_value::of(7.0)},
                                          {"videodatarate", amf0_value::of(4000.0)},
                                          {"audiocodecid", amf0_value::of(10.0)},
                                          {"audiosamplerate", amf0_value::of(48000.0)},
                                          {"stereo", amf0_value::of(true)},
                                          {"encoder", amf0_value::of("micro_bench")}}));
  for (auto _ : state) benchmark::DoNotOptimize(read_amf0_all(bytes));
  state.SetBytesProcessed(state.iterations() * static_cast<int64_t>(bytes.size()));
}
BENCHMARK(parse_amf0_metadata);

}  // namespace
}  // namespace campush::bench

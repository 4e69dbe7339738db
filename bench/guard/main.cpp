#include <fmt/format.h>

#include <array>
#include <cstdlib>
#include <string_view>

#include "bench/micro/sample_frames.h"
#include "rtmp/protocol/chunk_writer.h"
#include "rtmp/rtmp_encoder.h"
#include "rtmp/send_queue.h"

using namespace campush;

namespace {

constexpr size_t slice_sizes[] = {40000, 12000, 9000, 11000, 8000, 10000, 9500, 12500, 7000, 11500};
constexpr uint32_t chunk_size = 60000;
#ifdef __clang__
constexpr const char* compiler = "clang " __clang_version__;
#else
constexpr const char* compiler = "g++ " __VERSION__;
#endif

message_header header_of(const flv_tag& tag) {
  message_header header;
  header.type = message_type::video;
  header.chunk_stream_id = chunk_stream::video;
  header.timestamp_ms = static_cast<uint32_t>(tag.dts.time_since_epoch().count() / 1000);
  header.message_stream_id = 1;
  return header;
}

}  // namespace

/// Packages, queues and chunks as many pictures as it is told, over memory: no clock, no thread, no chance, so that an instruction
/// counter gives the same number every time. Prints the bytes gathered, so that nothing is left out as unused.
int main(int count, char** arguments) {
  if (count == 2 && std::string_view(arguments[1]) == "--compiler") {
    fmt::print("{}\n", compiler);
    return 0;
  }
  const unsigned long pictures = count == 2 ? std::strtoul(arguments[1], nullptr, 10) : 0;
  if (pictures == 0) {
    fmt::print(stderr, "usage: frame_path PICTURES | --compiler\n");
    return 2;
  }
  std::vector<std::vector<uint8_t>> slices;
  for (const size_t size : slice_sizes) slices.push_back(bench::sample_keyframe(size));
  rtmp_encoder encoder("frame_path");
  stream_description description;
  description.video = video_description{};
  encoder.set_description(description);
  send_queue queue(queue_limits{}, video_dialect::enhanced);
  queue.begin({}, std::chrono::seconds(1));
  std::array<byte_view, 64> views;
  uint64_t gathered = 0;
  time_point at{};
  for (unsigned long i = 0; i < pictures; ++i, at += std::chrono::milliseconds(40)) {
    if (!queue.push(encoder.encode(bench::sample_frame(slices[i % slices.size()], at)), at)) return 1;
    const tag_ptr& tag = *queue.front();
    const chunked_message message(header_of(*tag), tag->head(video_dialect::enhanced), tag->body, chunk_size);
    const size_t used = message.gather(views.data(), views.size());
    for (size_t view = 0; view < used; ++view) gathered += views[view].size();
    queue.pop();
  }
  fmt::print("{}\n", gathered);
  return 0;
}

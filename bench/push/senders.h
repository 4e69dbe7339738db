#pragma once

#include <string>

#include "bench/push/clip.h"
#include "bench/push/drain.h"

namespace campush::bench {

/// How many, and for how long.
struct load {
  uint32_t sessions = 1;
  uint32_t streams = 1;  ///< sessions are dealt to streams in turn
  wire_kind wire = wire_kind::plain;
  duration warm_up = std::chrono::seconds(3), window = std::chrono::seconds(10);
};

/// Times in microseconds: of frames from capture to the kernel, or of repeated events.
struct latency_figures {
  uint64_t count = 0, p50_us = 0, p99_us = 0, max_us = 0;
};
latency_figures summarize(const std::vector<uint64_t>& times_us);

/// What one sender used in the window.
struct sender_figures {
  duration cpu{};
  uint64_t bytes = 0;  ///< received, so counted the same way for every sender
  uint64_t frames = 0, sent = 0, dropped = 0, allocations = 0;
  latency_figures latency;
  uint64_t pss_bytes = 0;  ///< ffmpeg: of one process
  double cpu_s_per_gbit() const noexcept {
    return bytes == 0 ? 0 : static_cast<double>(cpu.count()) / 1e6 / (static_cast<double>(bytes) * 8 / 1e9);
  }
};

/// (a) the classes of the agent over real TCP. With `listens` it also times each frame, which costs a little CPU.
enum class probing : uint8_t { off, on };
[[nodiscard]] result<sender_figures> push_with_campush(const clip& played, const load& wanted, drain_process& drain,
                                                       probing listens);
/// (b) the same bytes, chunked before the clock starts, by one thread with one blocking send, or one SSL_write, a frame and socket.
[[nodiscard]] result<sender_figures> push_with_bare_writer(const clip& played, const load& wanted, drain_process& drain,
                                                           probing listens);
/// (c) one `ffmpeg -re -c copy` a session, from the clip as an FLV file.
[[nodiscard]] result<sender_figures> push_with_ffmpeg(const std::string& flv_path, const load& wanted,
                                                      drain_process& drain);

}  // namespace campush::bench

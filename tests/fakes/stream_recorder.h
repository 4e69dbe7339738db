#pragma once

#include <memory>
#include <optional>
#include <string>

#include "net/byte_stream.h"

namespace campush {

/// Reads a byte_stream until would_block whenever it can, keeps what came and how it ended.
/// Thread: the stream's.
class stream_recorder final : public byte_stream_events {
 public:
  stream_recorder() = default;
  explicit stream_recorder(std::unique_ptr<byte_stream> attached) { attach(std::move(attached)); }
  ~stream_recorder() override {
    if (stream) stream->set_events(nullptr);
  }
  void attach(std::unique_ptr<byte_stream> attached) {
    stream = std::move(attached);
    stream->set_events(this);
  }

  io_outcome write(std::string_view text) {
    const byte_view view = byte_view::of_text(text);
    return stream->write_some(&view, 1);
  }
  /// Writes `chunk` again and again until the stream takes no more; returns the bytes taken.
  uint64_t write_until_full(const std::string& chunk) {
    uint64_t taken = 0;
    for (;;) {
      const io_outcome outcome = write(chunk);
      taken += outcome.bytes;
      if (outcome.status != io_status::ok || outcome.bytes < chunk.size()) return taken;
    }
  }
  void read_all() {
    uint8_t buffer[16 * 1024];
    for (;;) {
      const io_outcome outcome = stream->read_some(buffer, sizeof buffer);
      if (keep_bytes) received.append(reinterpret_cast<const char*>(buffer), outcome.bytes);
      received_bytes += outcome.bytes;
      if (outcome.status == io_status::closed) is_closed = true;
      if (outcome.status == io_status::failed) failure = outcome.failure;
      if (outcome.status != io_status::ok) return;
    }
  }

  void on_readable() override {
    ++readable_events;
    if (is_reading) read_all();
  }
  void on_writable() override { ++writable_events; }

  std::unique_ptr<byte_stream> stream;
  std::string received;
  uint64_t received_bytes = 0;
  std::optional<error_code> failure;
  bool is_closed = false;
  bool is_reading = true;
  bool keep_bytes = true;
  int readable_events = 0;
  int writable_events = 0;
};

}  // namespace campush

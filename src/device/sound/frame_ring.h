#pragma once

#include <atomic>
#include <optional>
#include <vector>

#include "media/media_frame.h"

namespace campush {

/// Copies of frames from one thread to another: bounded bytes, no lock, no allocation after construction.
/// Shape: push() copies a frame in, front() shows the oldest in place until pop(). A frame that does not fit is refused.
///   Frames without payload come through as they are: marks between frames.
/// Thread: push() on one thread, front() and pop() on one other.
class frame_ring {
 public:
  /// `capacity` is rounded up to a power of two.
  explicit frame_ring(size_t capacity);

  bool push(const media_frame& frame) noexcept;
  std::optional<media_frame> front() noexcept;
  /// Only after a front() that had one.
  void pop() noexcept;

 private:
  struct record {
    uint32_t bytes = 0;  ///< of the payload
    bool is_padding = false;
    codec_id codec = codec_id::none;
    time_point dts{}, capture_time{};
  };
  static constexpr size_t unit = alignof(record);

  record* at(size_t position) noexcept;
  static size_t size_of(size_t payload) noexcept;

  std::vector<record> m_storage;  ///< of records for their alignment: payloads stand between them
  const size_t m_capacity;
  std::atomic<size_t> m_head{0};  ///< written by the reader
  std::atomic<size_t> m_tail{0};  ///< written by the writer
};

}  // namespace campush

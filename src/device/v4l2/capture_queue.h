#pragma once

#include <array>
#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "device/v4l2/v4l2_negotiation.h"

namespace campush {

/// The memory that driver and program share, and which of it has been given back.
/// Shape: it lives until the last lease of it ends, so that a picture in use outlasts the device.
/// Thread: give_back() any-thread, all else the thread of the queue.
class buffer_memory {
 public:
  struct plane {
    uint8_t* data = nullptr;
    uint32_t length = 0;
    int dma = -1;  ///< descriptor of memory in a heap
  };
  struct buffer {
    uint32_t plane_count = 0;
    std::array<plane, capture_format::max_planes> planes{};
  };
  static constexpr uint32_t max_buffers = 32;  ///< bits of m_returned; also the kernel's limit (VIDEO_MAX_FRAME)

  explicit buffer_memory(video_device_calls& calls) noexcept : m_calls(calls) {}
  ~buffer_memory();
  buffer_memory(const buffer_memory&) = delete;
  buffer_memory& operator=(const buffer_memory&) = delete;

  /// The queue hands the buffer to the driver again before it next takes one.
  void give_back(uint32_t index) noexcept { m_returned.fetch_or(1u << index, std::memory_order_release); }

 private:
  friend class capture_queue;
  video_device_calls& m_calls;
  std::vector<buffer> m_buffers;
  std::atomic<uint32_t> m_returned{0};
};

/// One filled buffer, taken out of the driver until it is given back.
struct captured_buffer {
  struct plane {
    uint8_t* data = nullptr;
    uint32_t used = 0;
  };
  uint32_t index = 0;
  uint32_t plane_count = 0;
  std::array<plane, capture_format::max_planes> planes{};
  uint32_t sequence = 0;
  int64_t stamp_us = 0;
  bool has_monotonic_stamp = false;
  bool is_damaged = false;  ///< the driver's error flag, nothing in it, or more than fits
  bool is_full = false;     ///< as long as the format allows: its first plane is as long as can be
  bool is_last = false;     ///< the driver ends its stream with it
};

/// Buffers between driver and program: those of the driver (MMAP), else pages of this program (USERPTR), else memory of a heap (DMABUF),
/// or read() where the driver takes none of them.
/// Shape: start(), then take() and give_back() (of memory()) as they come, restart() after a fault, stop().
/// Errors: an errno each, 0 for none; take() has EAGAIN for "nothing yet", EBADMSG for a buffer that the driver was not given.
/// Thread: one thread. Allocates in start() alone.
class capture_queue {
 public:
  explicit capture_queue(const v4l2_node& node) noexcept : m_node(node) {}
  ~capture_queue() { stop(); }
  capture_queue(const capture_queue&) = delete;
  capture_queue& operator=(const capture_queue&) = delete;

  struct memory_wish {
    buffer_origin origin = buffer_origin::automatic;
    std::string dma_heap{};
  };
  [[nodiscard]] result<void> start(const capture_format& format, uint32_t buffers, const memory_wish& wish);
  void stop() noexcept;
  /// The driver forgets what it has and starts again with the buffers that are not leased.
  [[nodiscard]] int restart() noexcept;
  [[nodiscard]] int take(captured_buffer& out) noexcept;
  /// Hands the driver what has been given back.
  [[nodiscard]] int requeue_returned() noexcept;

  bool is_started() const noexcept { return m_memory != nullptr; }
  bool uses_read() const noexcept { return m_origin == buffer_origin::read_calls; }
  /// Where the buffers lie: never automatic once it is started.
  buffer_origin origin() const noexcept { return m_origin; }
  const std::shared_ptr<buffer_memory>& memory() const noexcept { return m_memory; }
  /// Buffers that the driver can fill.
  uint32_t queued() const noexcept;
  uint32_t buffer_count() const noexcept { return m_count; }

 private:
  result<void> start_with(const capture_format& format, uint32_t buffers, const std::string& heap);
  result<void> request(uint32_t buffers);
  result<void> map(uint32_t index);
  result<void> allocate(const capture_format& format, const std::string& heap);
  result<void> start_reading(const capture_format& format, uint32_t buffers);
  int enqueue(uint32_t index) noexcept;
  int enqueue_all() noexcept;
  int take_streamed(captured_buffer& out) noexcept;
  int take_read(captured_buffer& out) noexcept;
  void sync(uint32_t index, bool begins) noexcept;
  void free_driver_buffers() noexcept;

  const v4l2_node& m_node;
  std::shared_ptr<buffer_memory> m_memory;
  uint32_t m_count = 0;
  uint32_t m_picture_size = 0;  ///< of the first plane, as agreed on; 0: unknown
  uint32_t m_with_driver = 0;   ///< bits, as m_returned; with read(): free buffers
  buffer_origin m_origin = buffer_origin::driver;
  bool m_is_streaming = false;
};

}  // namespace campush

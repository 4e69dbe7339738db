#include "device/v4l2/capture_queue.h"

#include <linux/videodev2.h>
#include <sys/mman.h>

#include <algorithm>
#include <cerrno>

namespace campush {

namespace {

/// A buffer descriptor with room for planes, as the driver wants it.
struct driver_buffer {
  v4l2_buffer words{};
  std::array<v4l2_plane, VIDEO_MAX_PLANES> planes{};

  driver_buffer(const v4l2_node& node, uint32_t index) noexcept {
    words.type = node.buffer_type();
    words.memory = V4L2_MEMORY_MMAP;
    words.index = index;
    if (!node.capabilities().is_multiplanar) return;
    words.m.planes = planes.data();
    words.length = VIDEO_MAX_PLANES;
  }
};

/// struct timeval has the width of time_t, which the kernel reads off the number of the call: both widths of 32-bit ARM are right.
int64_t stamp_us(const timeval& stamp) noexcept {
  constexpr int64_t us_per_second = 1'000'000, most_seconds = INT64_MAX / us_per_second / 4;
  const auto seconds = static_cast<int64_t>(stamp.tv_sec);
  if (seconds < 0 || seconds > most_seconds) return 0;
  return seconds * us_per_second + static_cast<int64_t>(stamp.tv_usec);
}

}  // namespace

buffer_memory::~buffer_memory() {
  if (!m_heap.empty()) return;
  for (const buffer& entry : m_buffers) {
    for (uint32_t i = 0; i < entry.plane_count; ++i) m_calls.munmap(entry.planes[i].data, entry.planes[i].length);
  }
}

result<void> capture_queue::start(const capture_format& format, uint32_t buffers) {
  stop();
  m_picture_size = format.sizes[0];
  m_memory = std::make_shared<buffer_memory>(m_node.calls());
  auto started = m_node.capabilities().can_stream ? start_streaming(buffers) : start_reading(format, buffers);
  if (!started && started.error().code == error_code::unsupported && m_node.capabilities().can_read &&
      !m_is_streaming) {
    // Some drivers announce streaming and refuse to share memory.
    free_driver_buffers();
    m_memory = std::make_shared<buffer_memory>(m_node.calls());
    started = start_reading(format, buffers);
  }
  if (!started) stop();
  return started;
}

result<void> capture_queue::start_streaming(uint32_t buffers) {
  m_uses_read = false;
  v4l2_requestbuffers request{};
  request.count = std::min(buffers, buffer_memory::max_buffers);
  request.type = m_node.buffer_type();
  request.memory = V4L2_MEMORY_MMAP;
  int reason = m_node.call(VIDIOC_REQBUFS, &request);
  if (reason == ENOMEM && request.count > 2) {
    request.count = 2;
    reason = m_node.call(VIDIOC_REQBUFS, &request);
  }
  if (reason != 0) return tl::unexpected<error>(m_node.error_of(reason, "VIDIOC_REQBUFS"));
  if (request.count == 0 || request.count > buffer_memory::max_buffers) {
    return fail(error_code::limit_reached,
                m_node.path() + ": the driver has " + std::to_string(request.count) + " buffers");
  }
  m_memory->m_buffers.reserve(request.count);
  for (uint32_t index = 0; index < request.count; ++index) {
    if (auto mapped = map(index); !mapped) return mapped;
  }
  m_count = request.count;
  if (reason = enqueue_all(); reason != 0) return tl::unexpected<error>(m_node.error_of(reason, "VIDIOC_QBUF"));
  int type = static_cast<int>(m_node.buffer_type());
  m_is_streaming = true;
  if (reason = m_node.call(VIDIOC_STREAMON, &type); reason != 0) {
    return tl::unexpected<error>(m_node.error_of(reason, "VIDIOC_STREAMON"));
  }
  return {};
}

result<void> capture_queue::map(uint32_t index) {
  driver_buffer answer(m_node, index);
  if (const int reason = m_node.call(VIDIOC_QUERYBUF, &answer.words); reason != 0) {
    return tl::unexpected<error>(m_node.error_of(reason, "VIDIOC_QUERYBUF"));
  }
  const bool is_multiplanar = m_node.capabilities().is_multiplanar;
  const uint32_t planes = is_multiplanar ? answer.words.length : 1;
  if (planes == 0 || planes > capture_format::max_planes) {
    return fail(error_code::unsupported, m_node.path() + ": buffers of " + std::to_string(planes) + " planes");
  }
  m_memory->m_buffers.emplace_back();
  buffer_memory::buffer& out = m_memory->m_buffers.back();
  for (uint32_t plane = 0; plane < planes; ++plane) {
    const uint32_t length = is_multiplanar ? answer.planes[plane].length : answer.words.length;
    const uint32_t offset = is_multiplanar ? answer.planes[plane].m.mem_offset : answer.words.m.offset;
    void* const memory = length != 0 ? m_node.calls().mmap(length, m_node.descriptor(), offset) : MAP_FAILED;
    if (memory == MAP_FAILED) {
      return tl::unexpected<error>(m_node.error_of(length != 0 ? errno : EINVAL, "mmap"));
    }
    out.planes[plane] = {static_cast<uint8_t*>(memory), length};
    out.plane_count = plane + 1;
  }
  return {};
}

result<void> capture_queue::start_reading(const capture_format& format, uint32_t buffers) {
  constexpr uint32_t least_coded_buffer = 512u << 10;
  const bool is_coded = format.format.codec != codec_id::none || format.format.raw == pixel_format::mjpeg;
  const uint32_t size = std::max(format.sizes[0], is_coded ? least_coded_buffer : 1);
  m_uses_read = true;
  m_count = std::min(buffers, buffer_memory::max_buffers);
  m_memory->m_heap.assign(m_count, std::vector<uint8_t>(size));
  for (auto& bytes : m_memory->m_heap) {
    buffer_memory::buffer entry;
    entry.plane_count = 1;
    entry.planes[0] = {bytes.data(), size};
    m_memory->m_buffers.push_back(entry);
  }
  m_with_driver = m_count == 32 ? UINT32_MAX : (1u << m_count) - 1;
  return {};
}

void capture_queue::stop() noexcept {
  if (m_is_streaming) {
    int type = static_cast<int>(m_node.buffer_type());
    m_node.call(VIDIOC_STREAMOFF, &type);
    m_is_streaming = false;
  }
  free_driver_buffers();
}

/// What is mapped goes first: drivers before Linux 4.20 free no buffer that is.
void capture_queue::free_driver_buffers() noexcept {
  const bool had_buffers = m_memory != nullptr && !m_uses_read;
  m_memory.reset();
  m_count = m_with_driver = 0;
  if (!had_buffers || !m_node.is_open()) return;
  v4l2_requestbuffers none{};
  none.type = m_node.buffer_type();
  none.memory = V4L2_MEMORY_MMAP;
  m_node.call(VIDIOC_REQBUFS, &none);
}

int capture_queue::restart() noexcept {
  if (m_uses_read) return 0;
  int type = static_cast<int>(m_node.buffer_type());
  if (const int reason = m_node.call(VIDIOC_STREAMOFF, &type); reason != 0) return reason;
  if (const int reason = enqueue_all(); reason != 0) return reason;
  return m_node.call(VIDIOC_STREAMON, &type);
}

/// After VIDIOC_STREAMOFF no buffer is with the driver, whatever it had: those that are leased stay out.
int capture_queue::enqueue_all() noexcept {
  const uint32_t all = m_count == 32 ? UINT32_MAX : (1u << m_count) - 1;
  const uint32_t leased = m_is_streaming ? all & ~m_with_driver : 0;
  const uint32_t ours = (all & ~leased) | (leased & m_memory->m_returned.exchange(0, std::memory_order_acquire));
  m_with_driver = 0;
  for (uint32_t index = 0; index < m_count; ++index) {
    if ((ours >> index & 1) == 0) continue;
    if (const int reason = enqueue(index); reason != 0) return reason;
  }
  return 0;
}

int capture_queue::enqueue(uint32_t index) noexcept {
  if (!m_uses_read) {
    driver_buffer wish(m_node, index);
    if (m_node.capabilities().is_multiplanar) {
      const buffer_memory::buffer& entry = m_memory->m_buffers[index];
      wish.words.length = entry.plane_count;
      for (uint32_t plane = 0; plane < entry.plane_count; ++plane) {
        wish.planes[plane].length = entry.planes[plane].length;
      }
    }
    if (const int reason = m_node.call(VIDIOC_QBUF, &wish.words); reason != 0) return reason;
  }
  m_with_driver |= 1u << index;
  return 0;
}

int capture_queue::requeue_returned() noexcept {
  uint32_t returned = m_memory->m_returned.exchange(0, std::memory_order_acquire) & ~m_with_driver;
  for (uint32_t index = 0; returned != 0; ++index, returned >>= 1) {
    if ((returned & 1) == 0 || index >= m_count) continue;
    if (const int reason = enqueue(index); reason != 0) {
      m_memory->m_returned.fetch_or(returned << index, std::memory_order_relaxed);
      return reason;
    }
  }
  return 0;
}

uint32_t capture_queue::queued() const noexcept {
  uint32_t count = 0;
  for (uint32_t bits = m_with_driver; bits != 0; bits &= bits - 1) ++count;
  return count;
}

int capture_queue::take(captured_buffer& out) noexcept {
  return m_uses_read ? take_read(out) : take_streamed(out);
}

int capture_queue::take_streamed(captured_buffer& out) noexcept {
  driver_buffer answer(m_node, 0);
  if (const int reason = m_node.call(VIDIOC_DQBUF, &answer.words); reason != 0) return reason;
  const v4l2_buffer& words = answer.words;
  if (words.index >= m_count || (m_with_driver >> words.index & 1) == 0) return EBADMSG;
  m_with_driver &= ~(1u << words.index);
  const buffer_memory::buffer& entry = m_memory->m_buffers[words.index];
  const bool is_multiplanar = m_node.capabilities().is_multiplanar;
  out = {};
  out.index = words.index;
  out.plane_count = entry.plane_count;
  out.sequence = words.sequence;
  out.stamp_us = stamp_us(words.timestamp);
  out.has_monotonic_stamp = (words.flags & V4L2_BUF_FLAG_TIMESTAMP_MASK) == V4L2_BUF_FLAG_TIMESTAMP_MONOTONIC;
  out.is_damaged = (words.flags & V4L2_BUF_FLAG_ERROR) != 0;
  out.is_last = (words.flags & V4L2_BUF_FLAG_LAST) != 0;
  for (uint32_t plane = 0; plane < entry.plane_count; ++plane) {
    const uint32_t used = is_multiplanar ? answer.planes[plane].bytesused : words.bytesused;
    const uint32_t skipped = is_multiplanar ? answer.planes[plane].data_offset : 0;
    const bool is_possible = used > skipped && used <= entry.planes[plane].length;
    out.is_damaged = out.is_damaged || !is_possible;
    if (is_possible) out.planes[plane] = {entry.planes[plane].data + skipped, used - skipped};
  }
  // Memory comes in whole pages, so a full buffer may be shorter than what is mapped.
  const uint32_t room = m_picture_size != 0 ? std::min(m_picture_size, entry.planes[0].length) : entry.planes[0].length;
  out.is_full = !out.is_damaged && out.planes[0].used >= room;
  return 0;
}

int capture_queue::take_read(captured_buffer& out) noexcept {
  if (m_with_driver == 0) return EAGAIN;
  uint32_t index = 0;
  while ((m_with_driver >> index & 1) == 0) ++index;
  const buffer_memory::plane& memory = m_memory->m_buffers[index].planes[0];
  const ssize_t got = m_node.calls().read(m_node.descriptor(), memory.data, memory.length);
  // Nothing is lost by a read that was interrupted: the next poll says whether there is something.
  if (got < 0) return errno == EINTR ? EAGAIN : errno != 0 ? errno : EIO;
  if (got == 0) return EPIPE;
  m_with_driver &= ~(1u << index);
  out = {};
  out.index = index;
  out.plane_count = 1;
  out.planes[0] = {memory.data, static_cast<uint32_t>(got)};
  return 0;
}

}  // namespace campush

#include "device/v4l2/capture_queue.h"

#include <linux/videodev2.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <optional>

namespace campush {

namespace {

/// Beyond a raw picture of 8192 x 8192 with 16 bits.
constexpr uint32_t largest_plane = 1u << 28;
constexpr buffer_origin origins_by_preference[] = {buffer_origin::driver, buffer_origin::process,
                                                   buffer_origin::dma_heap, buffer_origin::read_calls};

uint32_t kernel_memory(buffer_origin origin) noexcept {
  if (origin == buffer_origin::process) return V4L2_MEMORY_USERPTR;
  return origin == buffer_origin::dma_heap ? V4L2_MEMORY_DMABUF : V4L2_MEMORY_MMAP;
}

/// Drivers share whole pages with a program.
uint32_t in_whole_pages(uint32_t size) noexcept {
  const auto page = static_cast<uint32_t>(::sysconf(_SC_PAGESIZE));
  return (size + page - 1) / page * page;
}

/// A buffer descriptor with room for planes, as the driver wants it.
struct driver_buffer {
  v4l2_buffer words{};
  std::array<v4l2_plane, VIDEO_MAX_PLANES> planes{};

  driver_buffer(const v4l2_node& node, buffer_origin origin, uint32_t index) noexcept {
    words.type = node.buffer_type();
    words.memory = kernel_memory(origin);
    words.index = index;
    if (!node.capabilities().is_multiplanar) return;
    words.m.planes = planes.data();
    words.length = VIDEO_MAX_PLANES;
  }
};

/// Says where a plane lies; `place` is that of a buffer or that of a plane of one.
template <class Place>
void locate(Place& place, buffer_origin origin, const buffer_memory::plane& memory) noexcept {
  if (origin == buffer_origin::process) {
    place.m.userptr = reinterpret_cast<unsigned long>(memory.data);
  } else if (origin == buffer_origin::dma_heap) {
    place.m.fd = memory.dma;
  }
  place.length = memory.length;
}

/// struct timeval has the width of time_t, which the kernel reads off the number of the call: both widths of 32-bit ARM are right.
int64_t stamp_us(const timeval& stamp) noexcept {
  constexpr int64_t us_per_second = 1'000'000, most_seconds = INT64_MAX / us_per_second / 4;
  const auto seconds = static_cast<int64_t>(stamp.tv_sec);
  if (seconds < 0 || seconds > most_seconds) return 0;
  return seconds * us_per_second + static_cast<int64_t>(stamp.tv_usec);
}

}  // namespace

buffer_memory::~buffer_memory() {
  for (const buffer& entry : m_buffers) {
    for (uint32_t i = 0; i < entry.plane_count; ++i) {
      m_calls.munmap(entry.planes[i].data, entry.planes[i].length);
      if (entry.planes[i].dma >= 0) m_calls.close(entry.planes[i].dma);
    }
  }
}

result<void> capture_queue::start(const capture_format& format, uint32_t buffers, const memory_wish& wish) {
  stop();
  m_picture_size = format.sizes[0];
  const node_capabilities& has = m_node.capabilities();
  std::optional<error> first;
  for (const buffer_origin origin : origins_by_preference) {
    const bool is_offered = origin == buffer_origin::read_calls ? has.can_read : has.can_stream;
    const bool is_wanted = wish.origin == buffer_origin::automatic || wish.origin == origin;
    if (!is_offered || !is_wanted) continue;
    m_origin = origin;
    m_memory = std::make_shared<buffer_memory>(m_node.calls());
    auto started = start_with(format, buffers, wish.dma_heap);
    if (started) return started;
    // Some drivers announce streaming and refuse to share memory of one kind or all.
    const bool may_take_another = started.error().code == error_code::unsupported && !m_is_streaming;
    if (!first) first = std::move(started.error());
    stop();
    if (!may_take_another) break;
  }
  if (first) return tl::unexpected<error>(std::move(*first));
  return fail(error_code::unsupported, m_node.path() + ": its driver has no buffers of the kind " +
                                           buffer_origin_name(wish.origin) + ", read() alone");
}

result<void> capture_queue::start_with(const capture_format& format, uint32_t buffers, const std::string& heap) {
  if (uses_read()) return start_reading(format, buffers);
  if (auto requested = request(buffers); !requested) return requested;
  m_memory->m_buffers.reserve(m_count);
  for (uint32_t index = 0; index < m_count; ++index) {
    auto there = m_origin == buffer_origin::driver ? map(index) : allocate(format, heap);
    if (!there) return there;
  }
  if (const int reason = enqueue_all(); reason != 0) {
    return tl::unexpected<error>(m_node.error_of(reason, "VIDIOC_QBUF"));
  }
  int type = static_cast<int>(m_node.buffer_type());
  m_is_streaming = true;
  if (const int reason = m_node.call(VIDIOC_STREAMON, &type); reason != 0) {
    return tl::unexpected<error>(m_node.error_of(reason, "VIDIOC_STREAMON"));
  }
  return {};
}

result<void> capture_queue::request(uint32_t buffers) {
  v4l2_requestbuffers wish{};
  wish.count = std::min(buffers, buffer_memory::max_buffers);
  wish.type = m_node.buffer_type();
  wish.memory = kernel_memory(m_origin);
  int reason = m_node.call(VIDIOC_REQBUFS, &wish);
  if (reason == ENOMEM && wish.count > 2) {
    wish.count = 2;
    reason = m_node.call(VIDIOC_REQBUFS, &wish);
  }
  if (reason != 0) {
    const std::string kind = buffer_origin_name(m_origin);
    return tl::unexpected<error>(m_node.error_of(reason, "VIDIOC_REQBUFS (" + kind + ")"));
  }
  if (wish.count == 0 || wish.count > buffer_memory::max_buffers) {
    return fail(error_code::limit_reached,
                m_node.path() + ": the driver has " + std::to_string(wish.count) + " buffers");
  }
  m_count = wish.count;
  return {};
}

result<void> capture_queue::map(uint32_t index) {
  driver_buffer answer(m_node, m_origin, index);
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
    out.planes[plane] = {static_cast<uint8_t*>(memory), length, -1};
    out.plane_count = plane + 1;
  }
  return {};
}

/// A buffer of this program's, as long as the format says.
result<void> capture_queue::allocate(const capture_format& format, const std::string& heap) {
  m_memory->m_buffers.emplace_back();
  buffer_memory::buffer& out = m_memory->m_buffers.back();
  video_device_calls& calls = m_node.calls();
  for (uint32_t plane = 0; plane < format.plane_count; ++plane) {
    if (format.sizes[plane] == 0 || format.sizes[plane] > largest_plane) {
      return fail(error_code::unsupported, m_node.path() + ": the driver does not say how long its buffers are");
    }
    const uint32_t length = in_whole_pages(format.sizes[plane]);
    const bool is_imported = m_origin == buffer_origin::dma_heap;
    const int dma = is_imported ? calls.allocate_dma(heap.c_str(), length) : -1;
    if (is_imported && dma < 0) {
      return fail(error_code::unsupported, error_from_errno(errno, m_node.path() + ": memory of " + heap).message);
    }
    void* const memory = calls.mmap(length, dma, 0);
    if (memory == MAP_FAILED) {
      const int reason = errno;
      if (dma >= 0) calls.close(dma);
      return tl::unexpected<error>(m_node.error_of(reason, "mmap"));
    }
    out.planes[plane] = {static_cast<uint8_t*>(memory), length, dma};
    out.plane_count = plane + 1;
  }
  return {};
}

result<void> capture_queue::start_reading(const capture_format& format, uint32_t buffers) {
  constexpr uint32_t least_coded_buffer = 512u << 10;
  const bool is_coded = format.format.codec != codec_id::none || format.format.raw == pixel_format::mjpeg;
  capture_format room = format;
  room.plane_count = 1;
  room.sizes[0] = std::max(format.sizes[0], is_coded ? least_coded_buffer : 1);
  const uint32_t count = std::min(buffers, buffer_memory::max_buffers);
  m_memory->m_buffers.reserve(count);
  for (uint32_t index = 0; index < count; ++index) {
    if (auto there = allocate(room, {}); !there) return there;
  }
  m_count = count;
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
  const bool had_buffers = m_memory != nullptr && !uses_read();
  m_memory.reset();
  m_count = m_with_driver = 0;
  if (!had_buffers || !m_node.is_open()) return;
  v4l2_requestbuffers none{};
  none.type = m_node.buffer_type();
  none.memory = kernel_memory(m_origin);
  m_node.call(VIDIOC_REQBUFS, &none);
}

int capture_queue::restart() noexcept {
  if (uses_read()) return 0;
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
  if (!uses_read()) {
    driver_buffer wish(m_node, m_origin, index);
    const buffer_memory::buffer& entry = m_memory->m_buffers[index];
    if (m_node.capabilities().is_multiplanar) {
      wish.words.length = entry.plane_count;
      for (uint32_t plane = 0; plane < entry.plane_count; ++plane)
        locate(wish.planes[plane], m_origin, entry.planes[plane]);
    } else if (m_origin != buffer_origin::driver) {
      locate(wish.words, m_origin, entry.planes[0]);
    }
    sync(index, false);
    if (const int reason = m_node.call(VIDIOC_QBUF, &wish.words); reason != 0) return reason;
  }
  m_with_driver |= 1u << index;
  return 0;
}

/// Memory of a heap may be cached apart from what the device sees. Where the kernel cannot tell, there is nothing to be done.
void capture_queue::sync(uint32_t index, bool begins) noexcept {
  if (m_origin != buffer_origin::dma_heap) return;
  const buffer_memory::buffer& entry = m_memory->m_buffers[index];
  for (uint32_t plane = 0; plane < entry.plane_count; ++plane) m_node.calls().sync_dma(entry.planes[plane].dma, begins);
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
  return uses_read() ? take_read(out) : take_streamed(out);
}

int capture_queue::take_streamed(captured_buffer& out) noexcept {
  driver_buffer answer(m_node, m_origin, 0);
  if (const int reason = m_node.call(VIDIOC_DQBUF, &answer.words); reason != 0) return reason;
  const v4l2_buffer& words = answer.words;
  if (words.index >= m_count || (m_with_driver >> words.index & 1) == 0) return EBADMSG;
  m_with_driver &= ~(1u << words.index);
  sync(words.index, true);
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

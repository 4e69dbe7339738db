#include "fakes/fake_v4l2.h"

#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace campush {

namespace {

template <size_t N>
void write_text(uint8_t (&to)[N], const std::string& text) {
  std::memcpy(to, text.data(), std::min(N - 1, text.size()));
}

constexpr uint32_t offset_of_buffer = 1u << 20, offset_of_plane = 1u << 16;

/// As drivers map their buffers, however long a picture is.
constexpr uint32_t in_whole_pages(uint32_t size) noexcept {
  return (size + 4095) & ~4095u;
}

}  // namespace

fake_v4l2::~fake_v4l2() {
  for (auto& [descriptor, unused] : m_handles) ::close(descriptor);
}

void fake_v4l2::fail(unsigned long request, int errno_value, int times, int skip) {
  const std::lock_guard<std::mutex> hold(m_mutex);
  m_faults.push_back({request, errno_value, times, skip});
}

bool fake_v4l2::is_failing(unsigned long request) {
  ++m_counts[request];
  for (fault& entry : m_faults) {
    if (entry.request != request || entry.times == 0) continue;
    if (entry.skip > 0) {
      --entry.skip;
      continue;
    }
    --entry.times;
    errno = entry.errno_value;
    return true;
  }
  return false;
}

int fake_v4l2::count(unsigned long request) const {
  const std::lock_guard<std::mutex> hold(m_mutex);
  const auto found = m_counts.find(request);
  return found != m_counts.end() ? found->second : 0;
}

size_t fake_v4l2::open_descriptors() const {
  const std::lock_guard<std::mutex> hold(m_mutex);
  return m_handles.size();
}

size_t fake_v4l2::mappings() const {
  const std::lock_guard<std::mutex> hold(m_mutex);
  return m_mappings.size();
}

size_t fake_v4l2::queued_buffers() const {
  const std::lock_guard<std::mutex> hold(m_mutex);
  size_t total = 0;
  for (const auto& [descriptor, of] : m_handles) total += of.queued.size();
  return total;
}

size_t fake_v4l2::done_buffers() const {
  const std::lock_guard<std::mutex> hold(m_mutex);
  size_t total = 0;
  for (const auto& [descriptor, of] : m_handles) total += of.done.size();
  return total;
}

bool fake_v4l2::is_streaming() const {
  const std::lock_guard<std::mutex> hold(m_mutex);
  return std::any_of(m_handles.begin(), m_handles.end(), [](const auto& entry) { return entry.second.is_streaming; });
}

std::vector<std::pair<uint32_t, int32_t>> fake_v4l2::written_controls() const {
  const std::lock_guard<std::mutex> hold(m_mutex);
  return m_written;
}

/// The eventfd is readable exactly while there is something to take, or the device is gone.
void fake_v4l2::signal(int descriptor, const handle& of) {
  uint64_t value = 0;
  while (::read(descriptor, &value, sizeof value) > 0) {
  }
  if (of.done.empty() && of.to_read.empty() && !of.is_gone) return;
  value = 1;
  if (::write(descriptor, &value, sizeof value) < 0) return;
}

bool fake_v4l2::deliver(const filling& content, const std::string& path) {
  const std::lock_guard<std::mutex> hold(m_mutex);
  for (auto& [descriptor, of] : m_handles) {
    if (of.path != path) continue;
    if ((m_nodes[path].capabilities & V4L2_CAP_STREAMING) == 0) {
      of.to_read.push_back(content.bytes);
      signal(descriptor, of);
      return true;
    }
    if (!of.is_streaming) continue;
    const uint32_t sequence = content.sequence.value_or(of.sequence);
    of.sequence = sequence + 1;
    if (of.queued.empty()) return false;
    done_buffer done;
    done.real_index = of.queued.front();
    of.queued.pop_front();
    driver_buffer& buffer = of.buffers[done.real_index];
    buffer.is_queued = false;
    for (size_t plane = 0; plane < buffer.planes.size(); ++plane) {
      const bool is_given = plane == 0 || plane - 1 < content.others.size();
      const std::vector<uint8_t> nothing;
      const std::vector<uint8_t>& bytes = !is_given ? nothing : plane == 0 ? content.bytes : content.others[plane - 1];
      driver_plane& into = buffer.planes[plane];
      uint8_t* const memory = into.foreign != nullptr ? into.foreign : into.memory.data();
      std::copy_n(bytes.begin(), std::min(bytes.size(), into.memory.size()), memory);
      done.used.push_back(static_cast<uint32_t>(bytes.size()));
    }
    if (content.bytesused) done.used[0] = *content.bytesused;
    done.data_offset = content.data_offset.value_or(0);
    done.index = content.index.value_or(done.real_index);
    done.sequence = sequence;
    done.flags = content.flags | content.timestamp_flags.value_or(m_nodes[path].timestamp_flags);
    done.stamp_us = content.stamp_us;
    of.done.push_back(std::move(done));
    signal(descriptor, of);
    return true;
  }
  return false;
}

void fake_v4l2::unplug(const std::string& path) {
  const std::lock_guard<std::mutex> hold(m_mutex);
  m_nodes[path].is_plugged = false;
  for (auto& [descriptor, of] : m_handles) {
    if (of.path != path) continue;
    of.is_gone = true;
    of.done.clear();
    signal(descriptor, of);
  }
}

int fake_v4l2::open(const char* path) noexcept {
  const std::lock_guard<std::mutex> hold(m_mutex);
  if (is_failing(call_open)) return -1;
  const auto found = m_nodes.find(path);
  if (found == m_nodes.end() || !found->second.is_plugged) {
    errno = ENOENT;
    return -1;
  }
  const int descriptor = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (descriptor >= 0) m_handles[descriptor].path = path;
  return descriptor;
}

int fake_v4l2::close(int descriptor) noexcept {
  const std::lock_guard<std::mutex> hold(m_mutex);
  ++m_counts[call_close];
  if (const auto heap = m_dma.find(descriptor); heap != m_dma.end()) {
    m_closed_dma[heap->second.bytes.data()] = std::move(heap->second.bytes);
    m_dma.erase(heap);
    return ::close(descriptor);
  }
  const auto found = m_handles.find(descriptor);
  if (found == m_handles.end()) {
    errno = EBADF;
    return -1;
  }
  for (driver_buffer& buffer : found->second.buffers) {
    for (driver_plane& plane : buffer.planes) {
      if (!plane.is_mapped) continue;
      m_mappings[plane.memory.data()] = nullptr;
      m_orphans.push_back(std::move(plane.memory));
    }
  }
  m_handles.erase(found);
  return ::close(descriptor);
}

int fake_v4l2::ioctl(int descriptor, unsigned long request, void* argument) noexcept {
  const std::lock_guard<std::mutex> hold(m_mutex);
  if (is_failing(request)) return -1;
  const auto found = m_handles.find(descriptor);
  if (found == m_handles.end()) {
    errno = EBADF;
    return -1;
  }
  const int reason = found->second.is_gone ? ENODEV : answer(found->second, request, argument);
  if (!found->second.is_gone) signal(descriptor, found->second);
  if (reason == 0) return 0;
  errno = reason;
  return -1;
}

int fake_v4l2::answer(handle& of, unsigned long request, void* argument) {
  fake_node& model = m_nodes[of.path];
  switch (request) {
    case VIDIOC_QUERYCAP: {
      auto& out = *static_cast<v4l2_capability*>(argument);
      write_text(out.card, model.card);
      write_text(out.driver, model.driver);
      write_text(out.bus_info, model.bus);
      out.capabilities = model.has_device_caps ? V4L2_CAP_DEVICE_CAPS | V4L2_CAP_META_CAPTURE : model.capabilities;
      out.device_caps = model.has_device_caps ? model.capabilities : 0;
      return 0;
    }
    case VIDIOC_REQBUFS:
    case VIDIOC_QUERYBUF:
    case VIDIOC_QBUF:
    case VIDIOC_DQBUF:
    case VIDIOC_STREAMON:
    case VIDIOC_STREAMOFF: return answer_buffers(of, model, request, argument);
    case VIDIOC_QUERYCTRL:
    case VIDIOC_G_CTRL:
    case VIDIOC_S_CTRL:
    case VIDIOC_S_EXT_CTRLS: return answer_controls(model, request, argument);
    default: return answer_formats(model, request, argument);
  }
}

int fake_v4l2::answer_buffers(handle& of, fake_node& model, unsigned long request, void* argument) {
  switch (request) {
    case VIDIOC_REQBUFS: {
      auto& wish = *static_cast<v4l2_requestbuffers*>(argument);
      if ((model.capabilities & V4L2_CAP_STREAMING) == 0) return EINVAL;
      for (const driver_buffer& buffer : of.buffers) {
        for (const driver_plane& plane : buffer.planes) {
          if (plane.is_mapped) return EBUSY;
        }
      }
      if ((model.memories >> wish.memory & 1) == 0) return EINVAL;
      if (wish.count != 0) wish.count = std::clamp(wish.count, model.least_buffers, model.most_buffers);
      request_buffers(of, model, wish.count, wish.memory);
      return 0;
    }
    case VIDIOC_QUERYBUF: {
      auto& words = *static_cast<v4l2_buffer*>(argument);
      if (words.index >= of.buffers.size()) return EINVAL;
      const uint32_t offset = words.index * offset_of_buffer;
      words.length = in_whole_pages(model.sizes[0]);
      words.m.offset = model.is_multiplanar() ? words.m.offset : offset;
      if (!model.is_multiplanar()) return 0;
      words.length = model.plane_count;
      for (uint32_t plane = 0; plane < model.plane_count; ++plane) {
        words.m.planes[plane].length = in_whole_pages(model.sizes[plane]);
        words.m.planes[plane].m.mem_offset = offset + plane * offset_of_plane;
      }
      return 0;
    }
    case VIDIOC_QBUF: return enqueue(of, model, *static_cast<v4l2_buffer*>(argument));
    case VIDIOC_DQBUF: return dequeue(of, model, *static_cast<v4l2_buffer*>(argument));
    case VIDIOC_STREAMON:
      of.is_streaming = true;
      of.sequence = 0;
      return 0;
    default:
      of.is_streaming = false;
      of.queued.clear();
      of.done.clear();
      for (driver_buffer& buffer : of.buffers) buffer.is_queued = false;
      return 0;
  }
}

void fake_v4l2::request_buffers(handle& of, const fake_node& model, uint32_t count, uint32_t memory) {
  of.buffers.clear();
  of.queued.clear();
  of.memory = memory;
  for (uint32_t i = 0; i < count; ++i) {
    driver_buffer buffer;
    for (uint32_t plane = 0; plane < model.plane_count; ++plane) {
      buffer.planes.push_back({std::vector<uint8_t>(in_whole_pages(model.sizes[plane])), false, nullptr});
    }
    of.buffers.push_back(std::move(buffer));
  }
}

int fake_v4l2::enqueue(handle& of, const fake_node& model, const v4l2_buffer& words) {
  if (words.memory != of.memory || words.index >= of.buffers.size() || of.buffers[words.index].is_queued) return EINVAL;
  const bool is_done = std::any_of(of.done.begin(), of.done.end(),
                                   [&words](const done_buffer& entry) { return entry.real_index == words.index; });
  if (is_done) return EINVAL;
  std::vector<driver_plane>& planes = of.buffers[words.index].planes;
  if (model.is_multiplanar() && words.length < planes.size()) return EINVAL;
  for (size_t plane = 0; plane < planes.size(); ++plane) {
    const int reason =
        model.is_multiplanar() ? accept(of, planes[plane], words.m.planes[plane]) : accept(of, planes[plane], words);
    if (reason != 0) return reason;
  }
  of.buffers[words.index].is_queued = true;
  of.queued.push_back(words.index);
  return 0;
}

/// Memory that the program brings has to be its own, whole pages and long enough, and not in its hands any more.
template <class Place>
int fake_v4l2::accept(handle& of, driver_plane& plane, const Place& place) {
  if (of.memory == V4L2_MEMORY_MMAP) return 0;
  if (place.length < plane.memory.size()) return EINVAL;
  if (of.memory == V4L2_MEMORY_USERPTR) {
    const auto found = m_own.find(reinterpret_cast<void*>(place.m.userptr));
    if (found == m_own.end() || found->second.size() < plane.memory.size()) return EFAULT;
    plane.foreign = found->second.data();
    return 0;
  }
  const auto found = m_dma.find(place.m.fd);
  if (found == m_dma.end() || found->second.is_in_access) return EINVAL;
  plane.foreign = found->second.bytes.data();
  return 0;
}

int fake_v4l2::dequeue(handle& of, fake_node& model, v4l2_buffer& words) {
  if (!of.is_streaming) return EINVAL;
  if (of.done.empty()) return EAGAIN;
  const done_buffer done = of.done.front();
  of.done.pop_front();
  words.index = done.index;
  words.flags = done.flags;
  words.sequence = done.sequence;
  words.timestamp.tv_sec = static_cast<time_t>(done.stamp_us / 1'000'000);
  words.timestamp.tv_usec = static_cast<suseconds_t>(done.stamp_us % 1'000'000);
  words.bytesused = done.used[0];
  if (!model.is_multiplanar()) return 0;
  for (size_t plane = 0; plane < done.used.size(); ++plane) {
    words.m.planes[plane].bytesused = done.used[plane];
    words.m.planes[plane].data_offset = done.data_offset;
  }
  return 0;
}

void* fake_v4l2::mmap(size_t length, int descriptor, uint32_t offset) noexcept {
  const std::lock_guard<std::mutex> hold(m_mutex);
  if (is_failing(call_mmap)) return MAP_FAILED;
  if (descriptor < 0) {
    std::vector<uint8_t> bytes(length);
    void* const memory = bytes.data();
    m_own[memory] = std::move(bytes);
    m_mappings[memory] = nullptr;
    return memory;
  }
  if (const auto heap = m_dma.find(descriptor); heap != m_dma.end()) {
    m_mappings[heap->second.bytes.data()] = nullptr;
    return heap->second.bytes.data();
  }
  handle& of = m_handles.at(descriptor);
  const size_t index = offset / offset_of_buffer, plane = offset % offset_of_buffer / offset_of_plane;
  if (index >= of.buffers.size() || plane >= of.buffers[index].planes.size() ||
      length != of.buffers[index].planes[plane].memory.size()) {
    errno = EINVAL;
    return MAP_FAILED;
  }
  driver_plane& mapped = of.buffers[index].planes[plane];
  mapped.is_mapped = true;
  m_mappings[mapped.memory.data()] = &mapped;
  return mapped.memory.data();
}

int fake_v4l2::munmap(void* memory, size_t) noexcept {
  const std::lock_guard<std::mutex> hold(m_mutex);
  ++m_counts[call_munmap];
  const auto found = m_mappings.find(memory);
  if (found == m_mappings.end()) {
    errno = EINVAL;
    return -1;
  }
  if (found->second != nullptr) found->second->is_mapped = false;
  m_orphans.erase(std::remove_if(m_orphans.begin(), m_orphans.end(),
                                 [memory](const std::vector<uint8_t>& bytes) { return bytes.data() == memory; }),
                  m_orphans.end());
  m_mappings.erase(found);
  m_own.erase(memory);
  return 0;
}

int fake_v4l2::allocate_dma(const char*, size_t length) noexcept {
  const std::lock_guard<std::mutex> hold(m_mutex);
  if (is_failing(call_allocate)) return -1;
  const int descriptor = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (descriptor >= 0) m_dma[descriptor].bytes.resize(length);
  return descriptor;
}

int fake_v4l2::sync_dma(int descriptor, bool begins) noexcept {
  const std::lock_guard<std::mutex> hold(m_mutex);
  if (is_failing(call_sync)) return -1;
  heap_memory& memory = m_dma.at(descriptor);
  if (memory.is_in_access != begins) m_open_accesses += begins ? 1 : -1;
  memory.is_in_access = begins;
  return 0;
}

size_t fake_v4l2::dma_descriptors() const {
  const std::lock_guard<std::mutex> hold(m_mutex);
  return m_dma.size();
}

int fake_v4l2::poll(pollfd* watched, nfds_t count, int timeout_ms) noexcept {
  {
    const std::lock_guard<std::mutex> hold(m_mutex);
    if (is_failing(call_poll)) return -1;
    if (m_poll_events != 0) timeout_ms = 0;
  }
  int ready = ::poll(watched, count, timeout_ms);
  const std::lock_guard<std::mutex> hold(m_mutex);
  for (nfds_t i = 0; i < count; ++i) {
    const auto found = m_handles.find(watched[i].fd);
    if (found == m_handles.end()) continue;
    const bool was_ready = watched[i].revents != 0;
    watched[i].revents = static_cast<short>(watched[i].revents | m_poll_events);
    if (found->second.is_gone) watched[i].revents = POLLERR | POLLHUP;
    if (!was_ready && watched[i].revents != 0) ++ready;
  }
  return ready;
}

ssize_t fake_v4l2::read(int descriptor, void* memory, size_t size) noexcept {
  const std::lock_guard<std::mutex> hold(m_mutex);
  if (is_failing(call_read)) return -1;
  handle& of = m_handles.at(descriptor);
  if (of.is_gone || of.to_read.empty()) {
    errno = of.is_gone ? ENODEV : EAGAIN;
    return -1;
  }
  const std::vector<uint8_t> bytes = std::move(of.to_read.front());
  of.to_read.pop_front();
  signal(descriptor, of);
  std::memcpy(memory, bytes.data(), std::min(size, bytes.size()));
  return static_cast<ssize_t>(std::min(size, bytes.size()));
}

}  // namespace campush

#pragma once

#include <linux/videodev2.h>

#include <array>
#include <deque>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "device/v4l2/video_device_calls.h"
#include "util/byte_view.h"

namespace campush {

/// How one node of the fake driver is made. Changed by a test before the node is opened.
struct fake_node {
  struct size_offer {
    uint32_t width = 0, height = 0;
    std::vector<v4l2_fract> intervals;
  };
  struct format_offer {
    uint32_t fourcc = 0;
    std::string description;
    uint32_t flags = 0;
    std::vector<size_offer> sizes;
    std::optional<v4l2_frmsize_stepwise> range;
  };
  struct control_offer {
    std::string name;
    uint32_t type = V4L2_CTRL_TYPE_INTEGER;
    int32_t minimum = 0, maximum = 0, step = 1, value = 0;
    uint32_t flags = 0;
  };

  std::string card = "Fake camera", driver = "fake", bus = "usb-fake-1";
  uint32_t capabilities = V4L2_CAP_VIDEO_CAPTURE | V4L2_CAP_STREAMING;
  bool has_device_caps = true;
  std::vector<format_offer> formats;
  bool can_enumerate = true;
  uint32_t fourcc = V4L2_PIX_FMT_H264, width = 640, height = 360;
  uint32_t answered_fourcc = 0;  ///< S_FMT answers with it, whatever was asked; 0: with what was asked
  uint32_t plane_count = 1;      ///< multi-planar nodes
  std::array<uint32_t, 3> sizes{64u << 10, 0, 0}, strides{};
  uint32_t padding = 0;  ///< buffers are so much longer than their format says
  uint32_t field = V4L2_FIELD_NONE, quantization = V4L2_QUANTIZATION_DEFAULT, colorspace = V4L2_COLORSPACE_REC709;
  bool has_rate = true;
  v4l2_fract interval{1, 25};
  uint32_t least_buffers = 2, most_buffers = 32;
  uint32_t timestamp_flags = V4L2_BUF_FLAG_TIMESTAMP_MONOTONIC;
  std::map<uint32_t, control_offer> controls;
  uint32_t memories = 1u << V4L2_MEMORY_MMAP;  ///< kinds of memory that its buffers may have
  bool has_ext_controls = true;
  bool is_plugged = true;

  bool is_multiplanar() const {
    const uint32_t single = V4L2_CAP_VIDEO_CAPTURE | V4L2_CAP_VIDEO_M2M;
    const uint32_t multi = V4L2_CAP_VIDEO_CAPTURE_MPLANE | V4L2_CAP_VIDEO_M2M_MPLANE;
    return (capabilities & multi) != 0 && (capabilities & single) == 0;
  }
  uint32_t type() const { return is_multiplanar() ? V4L2_BUF_TYPE_VIDEO_CAPTURE_MPLANE : V4L2_BUF_TYPE_VIDEO_CAPTURE; }
};

/// A video driver that does what a test says, on real descriptors (eventfd), so that threads can wait for it.
/// Shape: nodes by path; fail() makes calls fail; deliver() fills the next buffer that is queued. What is open, mapped and queued can be
///   counted: all of it is to be 0 when everything is closed.
/// Thread: any-thread.
class fake_v4l2 final : public video_device_calls {
 public:
  /// Calls that are no ioctl, for fail() and count().
  enum pseudo_request : unsigned long {
    call_open = 1,
    call_close,
    call_mmap,
    call_munmap,
    call_poll,
    call_read,
    call_allocate,
    call_sync
  };

  fake_v4l2() = default;
  ~fake_v4l2() override;
  /// The first is /dev/video0.
  fake_node& node(const std::string& path = "/dev/video0") { return m_nodes[path]; }

  /// After `skip` calls that are good, the next `times` fail.
  void fail(unsigned long request, int errno_value, int times = 1, int skip = 0);
  void forgive() { m_faults.clear(); }

  struct filling {
    std::vector<uint8_t> bytes;                  ///< of the first plane
    std::vector<std::vector<uint8_t>> others{};  ///< of further planes
    uint32_t flags = 0;
    std::optional<uint32_t> sequence{}, bytesused{}, index{}, data_offset{};
    std::optional<uint32_t> timestamp_flags{};
    int64_t stamp_us = 0;
  };
  /// False: no buffer is queued (the sequence goes on), or nothing streams.
  bool deliver(const filling& content, const std::string& path = "/dev/video0");
  /// The nodes vanish under whoever has them open.
  void unplug(const std::string& path = "/dev/video0");
  void replug(const std::string& path = "/dev/video0") { node(path).is_plugged = true; }
  /// Beside POLLIN: what poll() says of the open descriptors of all nodes.
  void set_poll_events(short revents) { m_poll_events = revents; }

  int count(unsigned long request) const;
  size_t open_descriptors() const;
  size_t mappings() const;
  /// Descriptors of heap memory that nobody has closed.
  size_t dma_descriptors() const;
  /// The processor's accesses to heap memory that have begun and not ended.
  int open_accesses() const { return m_open_accesses; }
  size_t queued_buffers() const;
  size_t done_buffers() const;  ///< filled and not yet taken
  bool is_streaming() const;
  int32_t control(uint32_t id, const std::string& path = "/dev/video0") { return node(path).controls.at(id).value; }
  /// Every value that was written, in order.
  std::vector<std::pair<uint32_t, int32_t>> written_controls() const;

  int open(const char* path) noexcept override;
  int close(int descriptor) noexcept override;
  int ioctl(int descriptor, unsigned long request, void* argument) noexcept override;
  void* mmap(size_t length, int descriptor, uint32_t offset) noexcept override;
  int munmap(void* memory, size_t length) noexcept override;
  int poll(pollfd* watched, nfds_t count, int timeout_ms) noexcept override;
  ssize_t read(int descriptor, void* memory, size_t size) noexcept override;
  int allocate_dma(const char* heap, size_t length) noexcept override;
  int sync_dma(int descriptor, bool begins) noexcept override;

 private:
  struct driver_plane {
    std::vector<uint8_t> memory;
    bool is_mapped = false;
    uint8_t* foreign = nullptr;  ///< of the program, once it is queued
  };
  struct heap_memory {
    std::vector<uint8_t> bytes;
    bool is_in_access = false;
  };
  struct driver_buffer {
    std::vector<driver_plane> planes;
    bool is_queued = false;
  };
  struct done_buffer {
    uint32_t index = 0, real_index = 0, sequence = 0, flags = 0;
    std::vector<uint32_t> used;
    uint32_t data_offset = 0;
    int64_t stamp_us = 0;
  };
  struct handle {
    std::string path;
    std::vector<driver_buffer> buffers;
    std::deque<uint32_t> queued;
    std::deque<done_buffer> done;
    std::deque<std::vector<uint8_t>> to_read;
    bool is_streaming = false, is_gone = false;
    uint32_t sequence = 0, memory = V4L2_MEMORY_MMAP;
  };
  struct fault {
    unsigned long request = 0;
    int errno_value = 0, times = 0, skip = 0;
  };

  bool is_failing(unsigned long request);
  int answer(handle& of, unsigned long request, void* argument);
  int answer_formats(fake_node& model, unsigned long request, void* argument);
  int answer_buffers(handle& of, fake_node& model, unsigned long request, void* argument);
  int answer_controls(fake_node& model, unsigned long request, void* argument);
  void describe(const fake_node& model, v4l2_format& format) const;
  int apply_format(fake_node& model, v4l2_format& format, bool is_trial);
  void request_buffers(handle& of, const fake_node& model, uint32_t count, uint32_t memory);
  int enqueue(handle& of, const fake_node& model, const v4l2_buffer& words);
  template <class Place>
  int accept(handle& of, driver_plane& plane, const Place& place);
  int dequeue(handle& of, fake_node& model, v4l2_buffer& words);
  void signal(int descriptor, const handle& of);

  mutable std::mutex m_mutex;
  std::map<std::string, fake_node> m_nodes;
  std::map<int, handle> m_handles;
  std::map<void*, driver_plane*> m_mappings;
  std::vector<std::vector<uint8_t>> m_orphans;  ///< memory that is still mapped after its descriptor was closed
  std::map<void*, std::vector<uint8_t>> m_own;  ///< memory of the program alone
  std::map<int, heap_memory> m_dma;
  std::map<void*, std::vector<uint8_t>> m_closed_dma;  ///< may still be mapped
  int m_open_accesses = 0;
  std::vector<fault> m_faults;
  std::map<unsigned long, int> m_counts;
  std::vector<std::pair<uint32_t, int32_t>> m_written;
  short m_poll_events = 0;
};

}  // namespace campush

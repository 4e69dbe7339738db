#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "device/v4l2/video_device_calls.h"
#include "util/result.h"

namespace campush {

/// The node that a path (/dev/v4l/by-id/…) leads to now; the path itself where it leads nowhere.
std::string canonical_node(const std::string& path);

/// What VIDIOC_QUERYCAP says of the node itself (device_caps), not of all nodes of its driver.
struct node_capabilities {
  std::string driver, card, bus;
  uint32_t flags = 0;
  bool can_capture = false;     ///< delivers pictures
  bool is_multiplanar = false;  ///< by the multi-planar calls alone
  bool can_stream = false;      ///< buffers shared with the driver
  bool can_read = false;        ///< read()
  bool is_memory_to_memory = false;
};

/// One open video node.
/// Errors: error_of() has the words; open() refuses what is no camera, with what it is instead.
/// Thread: one thread.
class v4l2_node {
 public:
  enum class accepted_kind : uint8_t { camera, any_video_node };

  explicit v4l2_node(video_device_calls& calls) noexcept : m_calls(calls) {}
  ~v4l2_node() { close(); }
  v4l2_node(const v4l2_node&) = delete;
  v4l2_node& operator=(const v4l2_node&) = delete;

  [[nodiscard]] result<void> open(const std::string& path, accepted_kind kind = accepted_kind::camera);
  void close() noexcept;
  bool is_open() const noexcept { return m_descriptor >= 0; }

  /// 0 or an errno. Interrupted calls are made again.
  int call(unsigned long request, void* argument) const noexcept;
  /// V4L2_BUF_TYPE_VIDEO_CAPTURE or its multi-planar kin.
  uint32_t buffer_type() const noexcept;
  /// "/dev/video0: <action>: <what is wrong, and what helps>".
  error error_of(int errno_value, std::string_view action) const;

  int descriptor() const noexcept { return m_descriptor; }
  const std::string& path() const noexcept { return m_path; }
  const node_capabilities& capabilities() const noexcept { return m_capabilities; }
  video_device_calls& calls() const noexcept { return m_calls; }

 private:
  result<void> query();
  result<void> refuse_other_than_camera() const;

  video_device_calls& m_calls;
  std::string m_path;
  int m_descriptor = -1;
  node_capabilities m_capabilities;
};

/// "H264"; bytes that are no letters become '?', trailing blanks go.
std::string fourcc_text(uint32_t fourcc);
/// Text of a fixed array that a driver filled: ends at the first zero byte or at the end, without control bytes.
std::string driver_text(const void* characters, size_t size);

}  // namespace campush

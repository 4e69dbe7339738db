#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "device/camera_config.h"
#include "device/v4l2/v4l2_node.h"

namespace campush {

/// The encoder inside a camera device, by the controls V4L2_CID_MPEG_VIDEO_*.
/// Shape: apply() before the stream starts; the others while it runs. Every control is optional: what a driver lacks or refuses is said
///   once in the life of this object and costs nothing else.
/// Thread: that of the node.
/// Source: kernel documentation, "Codec Control Reference".
class encoder_controls {
 public:
  explicit encoder_controls(const v4l2_node& node) noexcept : m_node(node) {}

  void apply(const encoder_config& wanted);
  bool has_keyframe_request() const noexcept { return m_has_keyframe_request; }
  bool has_bitrate() const noexcept { return m_has_bitrate; }
  /// 0 or an errno: EINVAL and ENOTTY for what the driver does not have, others for what did not succeed this time.
  int request_keyframe() noexcept;
  int set_bitrate(uint32_t kbps) noexcept;

 private:
  struct control_range {
    uint32_t type = 0;
    int64_t minimum = 0, maximum = 0, step = 1;
  };
  std::optional<control_range> find(uint32_t id) const noexcept;
  /// 0 or an errno.
  int write(uint32_t id, int32_t value) const noexcept;
  bool set(uint32_t id, const char* what, int64_t value);
  void set_menu(uint32_t id, const char* what, int64_t value, const std::string& text);
  void apply_profile(const encoder_config& wanted);
  void say_missing(uint32_t id, const char* what, std::string_view why);

  const v4l2_node& m_node;
  bool m_has_keyframe_request = false, m_has_bitrate = false;
  std::string m_said;  ///< what has been said to be missing: " bitrate gop"
};

}  // namespace campush

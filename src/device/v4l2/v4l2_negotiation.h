#pragma once

#include <array>
#include <vector>

#include "device/v4l2/v4l2_formats.h"
#include "device/v4l2/v4l2_node.h"

namespace campush {

/// What is asked of a camera. 0: as the driver has it.
struct capture_request {
  std::vector<uint32_t> fourccs;  ///< the preferred first; one of them it must be
  uint32_t width = 0, height = 0;
  double frame_rate = 0;
  buffer_origin memory = buffer_origin::automatic;
  std::string dma_heap{};
};

/// What the driver agreed to.
struct capture_format {
  static constexpr uint32_t max_planes = 3;
  known_format format;
  uint32_t width = 0, height = 0;
  uint32_t plane_count = 1;  ///< planes with memory of their own
  std::array<uint32_t, max_planes> strides{}, sizes{};
  double frame_rate = 0;  ///< 0: the driver does not say
  bool is_full_range = false;
};

/// Sets format, size and rate: the nearest that the driver has, with a warning where it is not what was asked for.
/// Errors: unsupported (none of the formats is offered, with those that are; the driver answers with another one; a size or plane that
///   cannot be), busy (somebody else has set the device to something else and uses it), others of error_of().
/// Thread: that of the node.
[[nodiscard]] result<capture_format> negotiate(const v4l2_node& node, const capture_request& request);

}  // namespace campush

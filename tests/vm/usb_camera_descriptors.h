#pragma once

#include <cstdint>

#include "vm/access_unit_file.h"

namespace campush::vm {

/// What the camera tells the host about itself.
struct camera_traits {
  bool is_h265 = false;
  uint16_t width = 640, height = 360;
  uint32_t frame_rate = 25;
};

/// A payload of the video endpoint, header included: one transfer of the host's driver.
constexpr uint32_t camera_payload_size = 16384;
constexpr uint8_t camera_endpoint = 0x81;

/// Descriptors (USB 2.0 chapter 9, UVC 1.1 with its frame-based payload): one video stream over a bulk endpoint, since the kernel's
/// virtual host controller has no isochronous transfers.
bytes device_descriptor();
bytes qualifier_descriptor();
bytes configuration_descriptor(const camera_traits& traits);
/// Language list (index 0) or a name; empty for an unknown index.
bytes string_descriptor(uint8_t index);
/// The answer to GET_CUR, GET_MIN, GET_MAX and GET_DEF of the probe and commit controls: there is nothing to negotiate.
bytes stream_settings(const camera_traits& traits);

}  // namespace campush::vm

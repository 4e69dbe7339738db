#pragma once

#include <array>
#include <cstdint>
#include <memory>

#include "util/byte_view.h"
#include "util/clock.h"

namespace campush {

/// How the bytes of a raw picture lie in memory; the names are V4L2's. mjpeg is compressed: one JPEG image in planes[0].
enum class pixel_format : uint8_t { none, yuv420, nv12, nv21, yuyv, uyvy, yuv422p, rgb24, bgr24, grey, mjpeg };
const char* pixel_format_name(pixel_format format) noexcept;

struct picture_shape {
  pixel_format format = pixel_format::none;
  uint32_t width = 0, height = 0;
  bool is_full_range = false;  ///< 0 … 255 instead of 16 … 235 (JPEG)
  friend bool operator==(const picture_shape& left, const picture_shape& right) noexcept {
    return left.format == right.format && left.width == right.width && left.height == right.height &&
           left.is_full_range == right.is_full_range;
  }
};

/// One raw picture, borrowed from whoever owns its memory (a driver's buffer, a decoder).
/// Shape: planes and strides as the format has them (yuv420: Y, U, V; nv12: Y, UV; packed formats: one), each plane at least
///   stride × its rows long: who makes a raw_picture has checked that.
/// Units: strides in bytes; captured_at on the monotonic clock.
struct raw_picture {
  picture_shape shape;
  std::array<byte_view, 3> planes{};
  std::array<uint32_t, 3> strides{};
  time_point captured_at{};
};

/// A picture and the memory it stands in: the last holder to let go gives the buffer back. Thread: any-thread.
using picture_lease = std::shared_ptr<const raw_picture>;

}  // namespace campush

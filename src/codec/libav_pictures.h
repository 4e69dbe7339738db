#pragma once

#include <array>

#include "codec/libav_handles.h"
#include "codec/picture.h"
#include "util/result.h"

namespace campush {

/// Largest side and area of a picture that anything here takes.
inline constexpr uint32_t longest_side = 16384;
inline constexpr uint64_t largest_area = 64u << 20;

/// AV_PIX_FMT_NONE for formats that are no raw pictures. The range stands beside it, in picture_shape.
AVPixelFormat libav_format(pixel_format format) noexcept;

/// Errors: invalid_argument for a raw picture that cannot be: no or absurd dimensions, a plane shorter than its rows.
[[nodiscard]] result<void> check_picture(const raw_picture& picture);

/// Converts and scales pictures of any shape into frames of one size and format, limited range.
/// Shape: the frame belongs to the scaler and is overwritten by the next call, unless someone else holds a reference to it. Nothing is
///   allocated while the shape of what comes stays. No byte outside the planes is read, wherever they end.
/// Errors: invalid_argument (check_picture, or swscale knows no way); io_failed without memory.
/// Thread: one thread.
class libav_scaler {
 public:
  libav_scaler(uint32_t width, uint32_t height, AVPixelFormat format)
      : m_width(width), m_height(height), m_format(format) {}
  [[nodiscard]] result<AVFrame*> scale(const raw_picture& picture);

 private:
  result<void> set_input(const picture_shape& shape);
  result<void> prepare_frame();
  result<const uint8_t*> readable_plane(const raw_picture& picture, size_t plane);

  struct padded_plane {
    libav_ptr<uint8_t> memory;
    size_t size = 0;
  };

  const uint32_t m_width, m_height;
  const AVPixelFormat m_format;
  picture_shape m_input;
  libav_ptr<SwsContext> m_context;
  libav_ptr<AVFrame> m_frame;
  std::array<padded_plane, 3> m_padded;
};

}  // namespace campush

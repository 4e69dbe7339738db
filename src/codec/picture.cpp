#include "codec/picture.h"

namespace campush {

const char* pixel_format_name(pixel_format format) noexcept {
  switch (format) {
    case pixel_format::none: return "none";
    case pixel_format::yuv420: return "yuv420";
    case pixel_format::nv12: return "nv12";
    case pixel_format::nv21: return "nv21";
    case pixel_format::yuyv: return "yuyv";
    case pixel_format::uyvy: return "uyvy";
    case pixel_format::yuv422p: return "yuv422p";
    case pixel_format::rgb24: return "rgb24";
    case pixel_format::bgr24: return "bgr24";
    case pixel_format::grey: return "grey";
    case pixel_format::mjpeg: return "mjpeg";
  }
  return "unknown";
}

}  // namespace campush

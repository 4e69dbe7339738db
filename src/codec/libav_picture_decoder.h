#pragma once

#include <vector>

#include "codec/libav_pictures.h"
#include "codec/picture_decoder.h"

namespace campush {

/// The dimensions that a JPEG image states, found without decoding it.
struct jpeg_size {
  uint32_t width = 0, height = 0;
};
/// Errors: malformed: no JPEG, none of the baseline process that cameras use (a progressive image costs the time of hundreds), cut off.
[[nodiscard]] result<jpeg_size> find_jpeg_size(byte_view image);

/// A picture_decoder on FFmpeg's mjpeg, which brings its own Huffman tables where the image has none.
/// Shape: 4:2:0, 4:2:2 and grey are given as they are, all other samplings as 4:2:0. Thread: as picture_decoder.
class libav_picture_decoder final : public picture_decoder {
 public:
  static result<std::unique_ptr<picture_decoder>> make();
  result<picture_lease> decode(byte_view image, time_point captured_at) override;

 private:
  libav_picture_decoder() = default;
  result<void> open();
  result<libav_ptr<AVFrame>> decode_frame(byte_view image);
  result<libav_ptr<AVFrame>> as_known_format(libav_ptr<AVFrame> frame);

  libav_ptr<AVCodecContext> m_context;
  libav_ptr<AVPacket> m_packet;
  std::vector<uint8_t> m_padded;
};

}  // namespace campush

#pragma once

#include "codec/picture.h"
#include "util/result.h"

namespace campush {

/// Decodes the JPEG images of an MJPEG camera (also those without Huffman tables, as webcams send them).
/// Shape: the picture stands in the decoder's own memory; it lives as long as the lease does.
/// Errors: malformed for a damaged image (the next one may be good), too_big over 64 megapixels.
/// Thread: one thread at a time.
class picture_decoder {
 public:
  virtual ~picture_decoder() = default;
  [[nodiscard]] virtual result<picture_lease> decode(byte_view image, time_point captured_at) = 0;
};

}  // namespace campush

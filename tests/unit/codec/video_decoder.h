#pragma once

#include <vector>

#include "codec/libav_handles.h"
#include "media/media_source.h"

namespace campush {

/// What a player sees of access units: FFmpeg's decoder. Thread: one thread.
class video_decoder {
 public:
  explicit video_decoder(codec_id codec);
  struct decoded {
    uint32_t width = 0, height = 0;
    std::vector<uint8_t> luma;  ///< without padding
  };
  /// The pictures that come out with this unit.
  std::vector<decoded> decode(byte_view unit);
  std::vector<decoded> finish();
  int failures() const noexcept { return m_failures; }

 private:
  std::vector<decoded> receive();

  libav_ptr<AVCodecContext> m_context;
  int m_failures = 0;
};

}  // namespace campush

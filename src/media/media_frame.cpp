#include "media/media_frame.h"

namespace campush {

const char* codec_name(codec_id codec) noexcept {
  switch (codec) {
    case codec_id::none: return "none";
    case codec_id::h264: return "h264";
    case codec_id::h265: return "h265";
    case codec_id::aac: return "aac";
    case codec_id::g711a: return "g711a";
    case codec_id::g711u: return "g711u";
    case codec_id::opus: return "opus";
  }
  return "none";
}

}  // namespace campush

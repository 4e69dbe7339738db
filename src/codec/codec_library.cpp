#include "codec/codec_library.h"

namespace campush {

namespace {

/// Stands for the libraries where this build has none.
class no_codec_library final : public codec_library {
 public:
  result<std::unique_ptr<video_encoder>> make_video_encoder(const video_encoder_options&) override { return refuse(); }
  result<std::unique_ptr<audio_encoder>> make_audio_encoder(const audio_encoder_options&) override { return refuse(); }
  result<std::unique_ptr<picture_decoder>> make_picture_decoder() override { return refuse(); }

 private:
  static tl::unexpected<error> refuse() {
    return fail(
        error_code::unsupported,
        "encoders are not in this build: build with CAMPUSH_WITH_LIBAV=ON (Debian: libavcodec-dev libswscale-dev)");
  }
};

}  // namespace

codec_library& default_codec_library() {
  static no_codec_library none;
  return none;
}

bool has_codec_library() noexcept {
  return false;
}

}  // namespace campush

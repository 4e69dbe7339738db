#include "codec/libav_audio_encoder.h"
#include "codec/libav_log.h"
#include "codec/libav_picture_decoder.h"
#include "codec/libav_video_encoder.h"
#include "codec/module_entry.h"

namespace campush {

namespace {

class libav_library final : public codec_library {
 public:
  result<std::unique_ptr<video_encoder>> make_video_encoder(const video_encoder_options& options) override {
    return libav_video_encoder::make(options);
  }
  result<std::unique_ptr<audio_encoder>> make_audio_encoder(const audio_encoder_options& options) override {
    return libav_audio_encoder::make(options);
  }
  result<std::unique_ptr<picture_decoder>> make_picture_decoder() override { return libav_picture_decoder::make(); }
  bool has_encoder(codec_id codec) override {
    video_encoder_options options;
    options.codec = codec;
    const auto kinds = encoders_for(options);
    return kinds && !kinds->back()->is_hardware;
  }
};

codec_library* open_library(const codec_host& host) {
  lead_libav_log_to(host);
  return new libav_library;
}

}  // namespace

}  // namespace campush

extern "C" [[gnu::visibility("default")]] const campush::codec_module campush_codec_module = {CAMPUSH_CODEC_BUILD_ID,
                                                                                              &campush::open_library};

#include "codec/codec_library.h"

#include "codec/module_loader.h"

namespace campush {

namespace {

/// Stands for the module until the first call, which loads it, and after a load that failed.
class lazy_codec_library final : public codec_library {
 public:
  result<std::unique_ptr<video_encoder>> make_video_encoder(const video_encoder_options& options) override {
    const auto loaded = load_codec_module();
    if (!loaded) return tl::unexpected<error>(loaded.error());
    return (*loaded)->make_video_encoder(options);
  }
  result<std::unique_ptr<audio_encoder>> make_audio_encoder(const audio_encoder_options& options) override {
    const auto loaded = load_codec_module();
    if (!loaded) return tl::unexpected<error>(loaded.error());
    return (*loaded)->make_audio_encoder(options);
  }
  result<std::unique_ptr<picture_decoder>> make_picture_decoder() override {
    const auto loaded = load_codec_module();
    if (!loaded) return tl::unexpected<error>(loaded.error());
    return (*loaded)->make_picture_decoder();
  }
  bool has_encoder(codec_id codec) override {
    const auto loaded = load_codec_module();
    return loaded && (*loaded)->has_encoder(codec);
  }
};

}  // namespace

codec_library& default_codec_library() {
  static codec_library& library = *new lazy_codec_library;
  return library;
}

bool has_codec_library() noexcept {
  return CAMPUSH_HAS_LIBAV != 0;
}

}  // namespace campush

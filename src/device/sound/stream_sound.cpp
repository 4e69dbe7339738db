#include "device/sound/stream_sound.h"

#include <filesystem>

#include "device/alsa/alsa_source.h"
#include "device/sound/tone_source.h"
#include "device/vendor/vendor_audio_source.h"

namespace campush {

namespace {

/// What a maker may need besides the audio section it is asked with.
struct sound_origin {
  stream_config stream;
  const clock& time;
  std::shared_ptr<hal_library_cache> plugins;
};

using made_sound = result<std::unique_ptr<media_source>>;

made_sound make_alsa(const sound_origin& origin, const audio_config& asked) {
  return make_alsa_source(asked, origin.time);
}
/// A plug-in has the formats that it has: it is asked for what is configured, whatever was announced.
made_sound make_vendor(const sound_origin& origin, const audio_config&) {
  return std::make_unique<vendor_audio_source>(origin.stream, origin.time, origin.plugins);
}
made_sound make_test(const sound_origin& origin, const audio_config& asked) {
  return std::make_unique<tone_source>(asked, origin.stream.source.tone_hz, origin.time, default_codec_library());
}

struct sound_kind {
  const char* type;
  made_sound (*make)(const sound_origin&, const audio_config&);
};
constexpr sound_kind kinds[] = {{"alsa", make_alsa}, {"vendor", make_vendor}, {"test", make_test}};

/// The tone of the test pattern is muted where it is made; other sound gives way to silence.
bool has_own_sound(const stream_config& stream) {
  const source_config& source = stream.source;
  if (source.type == source_type::file) return !source.audio_path.empty() && !stream.audio.is_muted;
  const bool is_of_pattern = stream.audio.type.empty() || stream.audio.type == "test";
  return source.type == source_type::test && is_of_pattern;
}

/// An audio channel of a plug-in is one microphone, by whatever name, device and options its streams have the plug-in for their pictures.
std::string identity(const source_config& source) {
  std::error_code ignored;
  const std::filesystem::path file = std::filesystem::canonical(source.library, ignored);
  return file.empty() ? source.library : file.string();
}

/// A plug-in that is not loaded yet may have sound.
bool is_without_sound(const source_config& source, hal_library_cache& plugins) {
  const auto library = plugins.loaded(source.library);
  return library && library->report().audio.empty();
}

}  // namespace

std::unique_ptr<media_source> sound_beside(const camera_config& camera, const stream_config& stream, const clock& time,
                                           microphone_hub& microphones,
                                           const std::shared_ptr<hal_library_cache>& plugins) {
  audio_config audio = stream.audio;
  if (!audio.enabled || has_own_sound(stream)) return nullptr;
  const bool is_of_plugin = audio.type.empty() && stream.source.type == source_type::vendor;
  // A microphone that is muted is never made: any kind will do, so that all streams share one.
  if (audio.is_muted && !is_of_plugin) audio.type = "test";
  if (audio.type.empty()) {
    // What a plug-in brings is taken, and not stood in for: it may have no sound at all.
    if (!is_of_plugin || is_without_sound(stream.source, *plugins)) return nullptr;
    audio.type = "vendor";
    audio.fills_with_silence = false;
  }
  for (const sound_kind& kind : kinds) {
    if (audio.type != kind.type) continue;
    const sound_maker maker = [make = kind.make, origin = sound_origin{stream, time, plugins}](
                                  const audio_config& asked) { return make(origin, asked); };
    const std::string origin = audio.type == "vendor" ? identity(stream.source) : std::string();
    return microphones.find(camera.camera_id, audio, origin, maker, time)->feed();
  }
  return nullptr;
}

}  // namespace campush

#include "device/alsa/alsa_device.h"
#include "device/alsa/alsa_source.h"

namespace campush {

result<std::unique_ptr<media_source>> make_alsa_source(const audio_config& config, const clock& time) {
  return std::make_unique<alsa_source>(config, time, default_codec_library(), std::make_unique<alsa_device>());
}

}  // namespace campush

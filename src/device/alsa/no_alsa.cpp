#include "device/alsa/alsa_source.h"
#include "device/device_report.h"

namespace campush {

result<std::unique_ptr<media_source>> make_alsa_source(const audio_config& config, const clock&) {
  return fail(error_code::unsupported,
              "microphone " + config.device +
                  ": ALSA is not in this build: build with CAMPUSH_WITH_ALSA=ON (Debian: libasound2-dev)");
}

std::vector<microphone_report> list_microphones() {
  return {};
}

}  // namespace campush

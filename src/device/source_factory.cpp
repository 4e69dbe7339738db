#include "device/camera_manager.h"
#include "device/file_source.h"
#include "device/raw/raw_source.h"
#include "device/sound/stream_sound.h"
#include "device/test/test_source.h"
#include "device/v4l2/v4l2_factory.h"
#include "device/vendor/vendor_source.h"

namespace campush {

namespace {

/// What streams share, so that a device is opened and encoded once.
struct device_hubs {
  std::shared_ptr<raw_camera_hub> cameras = std::make_shared<raw_camera_hub>();
  std::shared_ptr<hal_library_cache> plugins = hal_library_cache::of_process();
  std::shared_ptr<microphone_hub> microphones = std::make_shared<microphone_hub>();
};

using made_source = std::unique_ptr<media_source>;

made_source make_file(const device_hubs&, const camera_config&, const stream_config& config, const clock& time) {
  return std::make_unique<file_source>(config, time);
}
made_source make_v4l2(const device_hubs& hubs, const camera_config& camera, const stream_config& config,
                      const clock& time) {
  return make_v4l2_source(camera, config, time, hubs.cameras, make_raw_source);
}
made_source make_test(const device_hubs&, const camera_config& camera, const stream_config& config, const clock& time) {
  return std::make_unique<test_source>(camera, config, time, default_codec_library());
}
made_source make_vendor(const device_hubs& hubs, const camera_config&, const stream_config& config, const clock& time) {
  return std::make_unique<vendor_source>(config, time, hubs.plugins);
}

/// What this build can read.
struct source_entry {
  source_type type;
  made_source (*make)(const device_hubs&, const camera_config&, const stream_config&, const clock&);
};
constexpr source_entry sources[] = {
    {source_type::file, &make_file},
    {source_type::v4l2, &make_v4l2},
    {source_type::test, &make_test},
    {source_type::vendor, &make_vendor},
};

}  // namespace

source_factory default_source_factory() {
  return [hubs = device_hubs()](const camera_config& camera, const stream_config& config,
                                const clock& time) -> result<made_source> {
    if (config.source.type == source_type::vendor && config.source.library.empty()) {
      return fail(error_code::unsupported, "source type vendor needs the key \"library\"");
    }
    for (const source_entry& entry : sources) {
      if (entry.type != config.source.type) continue;
      return join_sources(entry.make(hubs, camera, config, time),
                          sound_beside(camera, config, time, *hubs.microphones, hubs.plugins), time);
    }
    return fail(error_code::unsupported,
                std::string("source type ") + source_type_name(config.source.type) + " is not in this build");
  };
}

}  // namespace campush

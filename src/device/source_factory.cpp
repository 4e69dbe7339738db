#include "device/camera_manager.h"
#include "device/file_source.h"
#include "device/raw/raw_source.h"
#include "device/test/test_source.h"
#include "device/v4l2/v4l2_factory.h"

namespace campush {

namespace {

using source_maker = std::unique_ptr<media_source> (*)(const camera_config&, const stream_config&, const clock&);

template <class Source>
std::unique_ptr<media_source> make_source(const camera_config&, const stream_config& config, const clock& time) {
  return std::make_unique<Source>(config, time);
}

std::unique_ptr<media_source> make_test_source(const camera_config& camera, const stream_config& config,
                                               const clock& time) {
  return std::make_unique<test_source>(camera, config, time, default_codec_library());
}

/// What this build can read.
struct source_entry {
  source_type type;
  source_maker make;
};
constexpr source_entry sources[] = {
    {source_type::file, &make_source<file_source>},
    {source_type::test, &make_test_source},
};

}  // namespace

source_factory default_source_factory() {
  // The streams of one camera find each other there.
  auto cameras = std::make_shared<raw_camera_hub>();
  return [cameras](const camera_config& camera, const stream_config& config,
                   const clock& time) -> result<std::unique_ptr<media_source>> {
    if (config.source.type == source_type::v4l2)
      return make_v4l2_source(camera, config, time, cameras, make_raw_source);
    for (const source_entry& entry : sources) {
      if (entry.type == config.source.type) return entry.make(camera, config, time);
    }
    return fail(error_code::unsupported,
                std::string("source type ") + source_type_name(config.source.type) + " is not in this build");
  };
}

}  // namespace campush

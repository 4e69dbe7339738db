#pragma once

#include <functional>
#include <memory>

#include "device/v4l2/raw_camera.h"
#include "media/media_source.h"

namespace campush {

/// Who delivers the coded pictures of a stream on a V4L2 device.
enum class v4l2_delivery : uint8_t {
  coded_by_device,  ///< its buffers hold access units: handed on as they are
  raw_pictures      ///< encoded in this process
};

/// What the device is to be used for. A configured pixel_format decides; without one the device's own codec is taken where it offers that of
/// the encoder section, unless several streams of the camera share the device and this build can encode what it has raw.
/// Errors: those of opening the node; unsupported for a device that offers neither, with what it has.
[[nodiscard]] result<v4l2_delivery> choose_delivery(const camera_config& camera, const stream_config& stream,
                                                    video_device_calls& calls);

using encoding_source_maker = std::function<std::unique_ptr<media_source>(std::unique_ptr<picture_feed> feed,
                                                                          const stream_config&, const clock&)>;

/// The pictures of one stream of a V4L2 device, whichever way they come. The way is chosen at each open(), because the device may be missing
/// before, or come back as another one. While it is closed return_descriptor() tells that the node may be there again.
/// Shape: `encode` makes the source for raw pictures of their feed; it is never empty.
/// Thread: as media_source.
std::unique_ptr<media_source> make_v4l2_source(const camera_config& camera, const stream_config& stream,
                                               const clock& time, std::shared_ptr<raw_camera_hub> cameras,
                                               encoding_source_maker encode);

}  // namespace campush

#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "codec/codec_library.h"
#include "device/camera_config.h"
#include "device/picture_feed.h"
#include "device/v4l2/v4l2_device.h"

namespace campush {

/// What a camera with raw pictures is opened with: for all its streams on one device together.
struct raw_camera_settings {
  uint32_t camera_id = 0;
  std::string device;
  std::vector<uint32_t> fourccs;  ///< the preferred first
  uint32_t width = 0, height = 0;
  double frame_rate = 0;
  buffer_origin memory = buffer_origin::automatic;
  std::string dma_heap;
  friend bool operator==(const raw_camera_settings&, const raw_camera_settings&);
};
/// Size and rate of the source sections where one has them, else of the largest and the fastest encoder section.
raw_camera_settings raw_settings(const camera_config& camera, const std::string& device);

class raw_session;

/// One device with raw pictures and the streams that take them.
/// Shape: the first feed that is opened opens the device and starts its thread (cam{n}_raw); the last that is closed ends both. Feeds that
///   a failure has ended are closed one by one; the first that is opened again begins anew. Of the formats that the device offers the one is
///   taken that comes closest to the size, then to the rate, then costs least to encode.
/// Errors: of feeds: those of v4l2_device and of the decoder for MJPEG, cancelled after interrupt().
/// Thread: feed() and counters() any-thread; feeds as picture_feed.
class raw_camera : public std::enable_shared_from_this<raw_camera> {
 public:
  raw_camera(raw_camera_settings settings, const clock& time, video_device_calls& calls, codec_library& library);
  ~raw_camera();
  raw_camera(const raw_camera&) = delete;
  raw_camera& operator=(const raw_camera&) = delete;

  std::unique_ptr<picture_feed> feed();
  const raw_camera_settings& settings() const noexcept { return m_settings; }
  const device_counters& counters() const noexcept { return m_counters; }

 private:
  friend class raw_feed;
  /// The session that runs, or a new one.
  result<std::shared_ptr<raw_session>> join();

  const raw_camera_settings m_settings;
  const clock& m_time;
  video_device_calls& m_calls;
  codec_library& m_library;
  device_counters m_counters;
  std::mutex m_mutex;
  std::weak_ptr<raw_session> m_session;  // guarded by m_mutex
};

/// The raw cameras of this process, by camera and device, as long as somebody uses them.
/// Thread: any-thread.
class raw_camera_hub {
 public:
  explicit raw_camera_hub(video_device_calls& calls = system_video_calls(),
                          codec_library& library = default_codec_library())
      : m_calls(calls), m_library(library) {}
  /// The same for equal settings; others replace what nobody uses any more.
  std::shared_ptr<raw_camera> camera(const raw_camera_settings& settings, const clock& time);
  video_device_calls& calls() const noexcept { return m_calls; }

 private:
  video_device_calls& m_calls;
  codec_library& m_library;
  std::mutex m_mutex;
  std::map<std::pair<uint32_t, std::string>, std::weak_ptr<raw_camera>> m_cameras;  // guarded by m_mutex
};

}  // namespace campush

#pragma once

#include <string>
#include <vector>

#include "device/camera_instance.h"
#include "rtmp/multi_session_manager.h"
#include "server/rtmp_server.h"

namespace campush::test {

inline constexpr uint32_t camera_count = 4, streams_per_camera = 2, destination_count = 2;

/// The same numbers in every run of one seed.
class seeded_random {
 public:
  explicit seeded_random(uint64_t seed) : m_state(seed) {}
  /// From `low` to `high`, both included.
  uint64_t between(uint64_t low, uint64_t high) {
    uint64_t bits = m_state += 0x9e3779b97f4a7c15u;
    bits = (bits ^ (bits >> 30)) * 0xbf58476d1ce4e5b9u;
    bits = (bits ^ (bits >> 27)) * 0x94d049bb133111ebu;
    return low + (bits ^ (bits >> 31)) % (high - low + 1);
  }

 private:
  uint64_t m_state;
};

/// Camera n with streams main and sub from the clip whose pictures are small and carry their number.
inline camera_config tiny_camera(uint32_t camera_id) {
  camera_config camera;
  camera.camera_id = camera_id;
  camera.enabled = true;
  camera.name = "cam" + std::to_string(camera_id);
  for (uint32_t i = 0; i < streams_per_camera; ++i) {
    stream_config stream;
    stream.stream_id = i;
    stream.name = i == 0 ? "main" : "sub";
    stream.source.type = source_type::file;
    stream.source.video_path = CAMPUSH_TEST_DATA "/tiny.h264";
    if (i == 0) stream.source.audio_path = CAMPUSH_TEST_DATA "/tiny.aac";
    stream.audio.enabled = i == 0;
    camera.streams.push_back(stream);
  }
  return camera;
}

/// Attaches cameras to a manager as the agent does.
inline stream_attachment attach_to(multi_session_manager& sessions) {
  stream_attachment attachment;
  attachment.attach = [&sessions](const camera_config& camera, const stream_config& stream,
                                  std::shared_ptr<stream_control> control) -> stream_observer& {
    const stream_key key{camera.camera_id, stream.stream_id};
    stream_observer& observer = sessions.open_stream(key, stream.name);
    sessions.set_stream_control(key, std::move(control));
    return observer;
  };
  attachment.detach = [&sessions](const camera_config& camera, const stream_config& stream) {
    sessions.set_stream_control({camera.camera_id, stream.stream_id}, nullptr);
  };
  return attachment;
}

/// What all servers saw of the pictures, live and ended streams together.
struct picture_totals {
  uint64_t publishes = 0, pictures = 0, missing_references = 0, backward_steps = 0;
  void add(const rtmp_server& server) {
    for (const rtmp_stream_stats& stream : server.streams()) {
      ++publishes;
      pictures += stream.pictures.pictures();
      missing_references += stream.pictures.missing_references();
      backward_steps += stream.video.backward_steps + stream.audio.backward_steps;
    }
  }
};

}  // namespace campush::test

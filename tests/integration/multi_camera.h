#pragma once

#include <string>
#include <vector>

#include "device/camera_instance.h"
#include "fakes/seeded_random.h"
#include "rtmp/multi_session_manager.h"
#include "server/rtmp_server.h"

namespace campush::test {

inline constexpr uint32_t camera_count = 4, streams_per_camera = 2, destination_count = 2;

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

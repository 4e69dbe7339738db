#pragma once

#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "device/camera_config.h"
#include "media/annexb.h"
#include "media/media_source.h"

namespace campush {

inline std::string clip(const std::string& name) {
  return std::string(CAMPUSH_TEST_DATA) + "/" + name;
}

inline std::vector<uint8_t> read_bytes(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

/// A folder that goes away with all it holds.
class scratch_folder {
 public:
  scratch_folder() {
    std::string pattern = "/tmp/campush_device_XXXXXX";
    const char* made = ::mkdtemp(pattern.data());
    m_path = made == nullptr ? std::string() : std::string(made);
  }
  ~scratch_folder() {
    for (const std::string& file : m_files) std::remove(file.c_str());
    ::rmdir(m_path.c_str());
  }
  scratch_folder(const scratch_folder&) = delete;
  scratch_folder& operator=(const scratch_folder&) = delete;

  std::string path(const std::string& name) {
    m_files.push_back(m_path + "/" + name);
    return m_files.back();
  }
  std::string write(const std::string& name, const std::vector<uint8_t>& bytes) {
    const std::string target = path(name);
    std::ofstream(target, std::ios::binary)
        .write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
    return target;
  }
  std::string write_text(const std::string& name, const std::string& text) {
    return write(name, {text.begin(), text.end()});
  }

 private:
  std::string m_path;
  std::vector<std::string> m_files;
};

inline stream_config file_stream(const std::string& video, const std::string& audio, bool is_looped = true,
                                 double frame_rate = 0) {
  stream_config config;
  config.source.video_path = video;
  config.source.audio_path = audio;
  config.source.is_looped = is_looped;
  config.encoder.frame_rate = frame_rate;
  return config;
}

struct kept_frame {
  media_frame frame;  ///< its payload is gone
  std::vector<uint8_t> bytes;
  time_point delivered_at{};
};

class recording_sink final : public frame_sink {
 public:
  void on_frame(const media_frame& frame) override {
    frames.push_back({frame, frame.payload.to_vector(), now});
    frames.back().frame.payload = {};
  }
  std::vector<kept_frame> of(track_kind track) const {
    std::vector<kept_frame> out;
    for (const kept_frame& kept : frames) {
      if (kept.frame.track() == track) out.push_back(kept);
    }
    return out;
  }

  time_point now{};
  std::vector<kept_frame> frames;
};

/// The mark that tools/make_clips puts into each picture.
struct picture_mark {
  bool is_present = false, is_keyframe = false, is_disposable = false;
  uint32_t number = 0;
  uint8_t references = 0;
};

inline picture_mark mark_of(codec_id codec, byte_view access_unit) {
  const uint8_t sei = codec == codec_id::h264 ? 0x06 : 0x4e;
  const size_t header_bytes = codec == codec_id::h264 ? 1 : 2;
  annexb_cursor cursor(access_unit);
  nal_unit unit;
  while (cursor.next(unit)) {
    if (unit[0] != sei || unit.subview(header_bytes + 2, 14) != byte_view::of_text("campush pictur")) continue;
    std::vector<uint8_t> plain;
    int zeros = 0;
    for (const uint8_t byte : unit) {
      const bool is_escape = zeros >= 2 && byte == 3;
      if (!is_escape) plain.push_back(byte);
      zeros = byte == 0 ? zeros + 1 : 0;
    }
    const uint8_t* fields = plain.data() + header_bytes + 2 + 16;
    const uint32_t number =
        uint32_t{fields[0]} << 24 | uint32_t{fields[1]} << 16 | uint32_t{fields[2]} << 8 | fields[3];
    return {true, (fields[4] & 1) != 0, (fields[4] & 2) != 0, number, fields[5]};
  }
  return {};
}

}  // namespace campush

#include "bench/push/clip.h"

#include <algorithm>
#include <cstdio>
#include <memory>

#include "rtmp/protocol/chunk_writer.h"
#include "rtmp/rtmp_encoder.h"
#include "util/byte_writer.h"

namespace campush::bench {

namespace {

constexpr uint32_t sample_rate = 48000, samples_per_sound = 1024, sound_bytes = 170;
constexpr uint32_t keyframe_weight = 6;
constexpr uint8_t start_code[] = {0, 0, 0, 1};
// 1920x1080, High@4.0, with the timing of 25 pictures a second.
constexpr uint8_t sequence_set[] = {0x67, 0x64, 0x00, 0x28, 0xac, 0xb2, 0x00, 0xf0, 0x04, 0x4f, 0xcb, 0x80, 0x88, 0x00,
                                    0x00, 0x03, 0x00, 0x08, 0x00, 0x00, 0x03, 0x01, 0x90, 0x78, 0xc1, 0x92, 0x40};
constexpr uint8_t picture_set[] = {0x68, 0xeb, 0xc3, 0xcb, 0x22, 0xc0};
constexpr uint8_t key_slice[] = {0x65, 0x88, 0x84};
constexpr uint8_t inter_slice[] = {0x41, 0x9a, 0x24};
constexpr uint8_t aac_config[] = {0x11, 0x90};

/// Numerical Recipes' generator: the same clip on every machine.
class noise {
 public:
  uint32_t next() noexcept { return (m_state = m_state * 1664525 + 1013904223) >> 8; }

 private:
  uint32_t m_state = 1;
};

void append(std::vector<uint8_t>& out, byte_view bytes) {
  out.insert(out.end(), bytes.begin(), bytes.end());
}

/// Random bytes in which no start code can be found (H.264 7.4.1.1).
void append_slice_data(std::vector<uint8_t>& out, size_t count, noise& random) {
  size_t zeros = 0;
  for (size_t i = 0; i < count; ++i) {
    auto byte = static_cast<uint8_t>(random.next());
    if (zeros >= 2 && byte <= 3) byte |= 4;
    zeros = byte == 0 ? zeros + 1 : 0;
    out.push_back(byte);
  }
  out.push_back(0x80);
}

struct file_closer {
  void operator()(std::FILE* file) const noexcept { std::fclose(file); }
};

result<void> write_file(const std::string& path, const std::vector<uint8_t>& bytes) {
  const std::unique_ptr<std::FILE, file_closer> file(std::fopen(path.c_str(), "wb"));
  if (!file) return tl::unexpected<error>(error_from_errno(errno, path));
  if (std::fwrite(bytes.data(), 1, bytes.size(), file.get()) != bytes.size() || std::fflush(file.get()) != 0) {
    return tl::unexpected<error>(error_from_errno(errno, path));
  }
  return {};
}

void append_flv_tag(std::vector<uint8_t>& out, const flv_tag& tag, uint32_t time_ms) {
  constexpr uint8_t audio_type = 8, video_type = 9, script_type = 18;
  constexpr uint32_t header_bytes = 11;
  const bool is_metadata = tag.kind == tag_kind::metadata;
  const byte_view head = tag.head(video_dialect::legacy);
  const byte_view body = is_metadata ? tag.body.subview(flv_set_data_frame_bytes) : tag.body;
  const auto size = static_cast<uint32_t>(head.size() + body.size());
  byte_writer writer(out);
  writer.write_u8(is_metadata ? script_type : tag.is_video_track() ? video_type : audio_type);
  writer.write_u24(size);
  writer.write_u24(time_ms & 0xffffff);
  writer.write_u8(static_cast<uint8_t>(time_ms >> 24));
  writer.write_u24(0);
  writer.write_bytes(head);
  writer.write_bytes(body);
  writer.write_u32(size + header_bytes);
}

}  // namespace

clip::clip(const clip_options& options) : m_options(options) {
  add_pictures();
  m_description.video =
      video_description{codec_id::h264, 1920, 1080, static_cast<double>(options.frame_rate), options.kbps};
  if (!options.has_audio) return;
  add_sounds();
  m_description.audio = audio_description{codec_id::aac, sample_rate, 2, 64, byte_view(aac_config).to_vector()};
}

void clip::add_pictures() {
  const uint32_t gop = m_options.frame_rate * m_options.gop_seconds;
  const uint64_t gop_bytes = uint64_t{m_options.kbps} * 1000 / 8 * m_options.gop_seconds;
  const auto unit = static_cast<uint32_t>(gop_bytes / (gop - 1 + keyframe_weight));
  noise random;
  for (uint32_t i = 0; i < m_options.frame_rate * m_options.seconds; ++i) {
    clip_frame picture;
    picture.is_keyframe = i % gop == 0;
    picture.dts = duration(int64_t{i} * 1000000 / m_options.frame_rate);
    if (picture.is_keyframe) {
      for (const byte_view set : {byte_view(sequence_set), byte_view(picture_set)}) {
        append(picture.bytes, start_code);
        append(picture.bytes, set);
      }
    }
    append(picture.bytes, start_code);
    append(picture.bytes, picture.is_keyframe ? byte_view(key_slice) : byte_view(inter_slice));
    const uint32_t mean = picture.is_keyframe ? unit * keyframe_weight : unit;
    append_slice_data(picture.bytes, mean * 5 / 6 + random.next() % (mean / 3), random);
    m_frames.push_back(std::move(picture));
  }
}

void clip::add_sounds() {
  noise random;
  const uint64_t count = uint64_t{sample_rate} * m_options.seconds / samples_per_sound;
  for (uint64_t i = 0; i < count; ++i) {
    clip_frame sound;
    sound.codec = codec_id::aac;
    sound.dts = duration(static_cast<int64_t>(i * samples_per_sound * 1000000 / sample_rate));
    sound.bytes = {0x21, 0x10, 0x04, 0x60};
    while (sound.bytes.size() < sound_bytes) sound.bytes.push_back(static_cast<uint8_t>(random.next() | 1));
    m_frames.push_back(std::move(sound));
  }
  std::stable_sort(m_frames.begin(), m_frames.end(),
                   [](const clip_frame& left, const clip_frame& right) { return left.dts < right.dts; });
}

result<void> clip::write_annexb(const std::string& path) const {
  std::vector<uint8_t> bytes;
  for (const clip_frame& frame : m_frames) {
    if (is_video(frame.codec)) append(bytes, frame.bytes);
  }
  return write_file(path, bytes);
}

result<void> clip::write_adts(const std::string& path) const {
  constexpr size_t header_bytes = 7;
  std::vector<uint8_t> bytes;
  for (const clip_frame& frame : m_frames) {
    if (frame.codec != codec_id::aac) continue;
    const auto size = static_cast<uint32_t>(frame.bytes.size() + header_bytes);
    byte_writer writer(bytes);
    writer.write_u24(0xfff14c);  // MPEG-4, no CRC, AAC-LC, 48 kHz
    writer.write_u8(static_cast<uint8_t>(0x80 | size >> 11));
    writer.write_u8(static_cast<uint8_t>(size >> 3));
    writer.write_u8(static_cast<uint8_t>((size & 7) << 5 | 0x1f));
    writer.write_u8(0xfc);
    writer.write_bytes(frame.bytes);
  }
  return write_file(path, bytes);
}

result<void> clip::write_flv(const std::string& path) const {
  const uint8_t tracks = m_description.audio ? 5 : 1;
  std::vector<uint8_t> bytes = {'F', 'L', 'V', 1, tracks, 0, 0, 0, 9, 0, 0, 0, 0};
  rtmp_encoder packager("push_bench");
  packager.set_description(m_description);
  bool has_headers = false;
  const time_point begin{};
  for (const clip_frame& frame : m_frames) {
    const auto tag = packager.encode(frame_at(frame, begin, begin));
    if (!tag) continue;
    if (!has_headers) {
      const auto headers = packager.headers();
      for (const tag_ptr& each : {headers->metadata[0], headers->video_header, headers->audio_header}) {
        if (each) append_flv_tag(bytes, *each, 0);
      }
      has_headers = true;
    }
    append_flv_tag(bytes, *tag, static_cast<uint32_t>((tag->dts - begin).count() / 1000));
  }
  return write_file(path, bytes);
}

std::vector<std::vector<uint8_t>> clip::chunked(uint32_t chunk_size) const {
  std::vector<std::vector<uint8_t>> all;
  rtmp_encoder packager("push_bench");
  packager.set_description(m_description);
  for (const clip_frame& frame : m_frames) {
    const auto tag = packager.encode(frame_at(frame, {}, {}));
    if (!tag) continue;
    message_header header;
    header.type = tag->is_video_track() ? message_type::video : message_type::audio;
    header.chunk_stream_id = tag->is_video_track() ? chunk_stream::video : chunk_stream::audio;
    header.timestamp_ms = static_cast<uint32_t>((tag->dts - time_point{}).count() / 1000);
    header.message_stream_id = 1;
    std::vector<uint8_t> payload = tag->head(video_dialect::legacy).to_vector();
    append(payload, tag->body);
    append_chunked(all.emplace_back(), header, payload, chunk_size);
  }
  return all;
}

media_frame frame_at(const clip_frame& frame, time_point begin, time_point capture_time) {
  media_frame out;
  out.codec = frame.codec;
  out.dts = out.pts = begin + frame.dts;
  out.capture_time = capture_time;
  out.is_keyframe = frame.is_keyframe;
  out.payload = frame.bytes;
  return out;
}

}  // namespace campush::bench

#include "device/clip_index.h"

#include <algorithm>
#include <cctype>
#include <cmath>
#include <functional>
#include <optional>
#include <string_view>

#include "media/aac.h"
#include "media/annexb.h"
#include "media/codec_config.h"
#include "media/g711.h"
#include "media/picture_timing.h"

namespace campush {

namespace {

constexpr size_t sniffed_bytes = 64u << 10;
constexpr size_t window_bytes = 256u << 10;
constexpr size_t max_units = 10'000'000;
constexpr int64_t us_per_second = 1'000'000;

struct named_codec {
  std::string_view suffix;
  codec_id codec;
};
constexpr named_codec video_names[] = {
    {".h264", codec_id::h264}, {".264", codec_id::h264}, {".avc", codec_id::h264},
    {".h265", codec_id::h265}, {".265", codec_id::h265}, {".hevc", codec_id::h265},
};
constexpr named_codec audio_names[] = {
    {".aac", codec_id::aac},
    {".alaw", codec_id::g711a},
    {".ulaw", codec_id::g711u},
};

/// What people hand over by mistake.
struct container_mark {
  size_t offset;
  std::string_view mark;
  const char* name;
};
constexpr container_mark containers[] = {
    {4, "ftyp", "MP4 or MOV"}, {0, "\x1a\x45\xdf\xa3", "Matroska or WebM"},
    {0, "RIFF", "AVI or WAV"}, {0, "FLV\x01", "FLV"},
    {0, "OggS", "Ogg"},
};

template <size_t N>
std::optional<codec_id> codec_by_name(const named_codec (&names)[N], const std::string& path) {
  std::string lower = path.substr(path.find_last_of('.') == std::string::npos ? path.size() : path.find_last_of('.'));
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](unsigned char letter) { return static_cast<char>(std::tolower(letter)); });
  for (const named_codec& name : names) {
    if (name.suffix == lower) return name.codec;
  }
  return std::nullopt;
}

error about(const clip_file& file, error_code code, std::string_view text) {
  return {code, file.path() + ": " + std::string(text)};
}

result<byte_view> read_head(clip_file& file) {
  auto head = file.read(0, static_cast<size_t>(std::min<uint64_t>(file.size(), sniffed_bytes)));
  if (!head) return head;
  for (const container_mark& container : containers) {
    if (head->subview(container.offset, container.mark.size()) != byte_view::of_text(container.mark)) continue;
    return tl::unexpected<error>(
        about(file, error_code::unsupported,
              std::string("a file of type ") + container.name +
                  "; campush plays elementary streams (Annex-B H.264 or H.265, ADTS, raw G.711)"));
  }
  return head;
}

/// The parameter sets tell the two apart: an H.265 VPS or SPS begins with 40 01 or 42 01, and an H.264 SPS is type 7, which
/// in H.265 would be a layer above 31.
std::optional<codec_id> codec_by_content(byte_view head) {
  annexb_cursor cursor(head);
  nal_unit unit;
  while (cursor.next(unit)) {
    if (unit.size() < 4) continue;
    if ((unit[0] == 0x40 || unit[0] == 0x42) && unit[1] == 0x01) return codec_id::h265;
    if (unit[0] < 0x80 && h264_nal_type(unit[0]) == h264_nal::sps) return codec_id::h264;
  }
  return std::nullopt;
}

result<codec_id> video_codec_of(clip_file& file) {
  const auto head = read_head(file);
  if (!head) return tl::unexpected<error>(head.error());
  const auto named = codec_by_name(video_names, file.path());
  const auto held = codec_by_content(*head);
  if (!named && !held) {
    return tl::unexpected<error>(
        about(file, error_code::malformed, "neither H.264 nor H.265 with start codes (Annex B)"));
  }
  if (named && held && *named != *held) {
    const bool holds_h264 = *held == codec_id::h264;
    return tl::unexpected<error>(
        about(file, error_code::malformed,
              holds_h264 ? "named like H.265 but holds H.264" : "named like H.264 but holds H.265"));
  }
  return named ? *named : *held;
}

/// Cuts the file into access units; they follow each other without a gap up to its end, which is how their places are known.
class unit_walk {
 public:
  unit_walk(clip_file& file, codec_id codec, const std::atomic<bool>& is_cancelled)
      : m_file(file), m_codec(codec), m_is_cancelled(is_cancelled) {}

  /// Calls `take` for each unit until it returns false. Returns the bytes of all units walked over.
  result<uint64_t> run(const std::function<bool(byte_view unit, uint64_t bytes_before)>& take) {
    access_unit_splitter splitter(m_codec);
    uint64_t unit_bytes = 0;
    for (uint64_t at = 0; at < m_file.size(); at += window_bytes) {
      if (m_is_cancelled.load()) return fail(error_code::cancelled, m_file.path() + ": opening was cancelled");
      const uint64_t left = m_file.size() - at;
      const auto window = m_file.read(at, static_cast<size_t>(std::min<uint64_t>(left, window_bytes)));
      if (!window) return tl::unexpected<error>(window.error());
      if (auto appended = splitter.append(*window); !appended) {
        return tl::unexpected<error>(wrap(std::move(appended.error()), m_file.path()));
      }
      if (left <= window_bytes) splitter.finish();
      byte_view unit;
      while (splitter.next(unit)) {
        if (!take(unit, unit_bytes)) return unit_bytes;
        unit_bytes += unit.size();
      }
    }
    return unit_bytes;
  }

 private:
  clip_file& m_file;
  const codec_id m_codec;
  const std::atomic<bool>& m_is_cancelled;
};

/// First pass: parameter sets, and how deep pictures are reordered.
result<void> learn(unit_walk& walk, codec_config& config, picture_timing& timing) {
  bool has_keyframe = false;
  const auto walked = walk.run([&](byte_view unit, uint64_t) {
    annexb_cursor cursor(unit);
    nal_unit nal;
    while (cursor.next(nal)) config.feed(nal);
    has_keyframe = has_keyframe || inspect_access_unit(config.codec(), unit).is_keyframe;
    if (has_keyframe) timing.learn(unit);
    return !(has_keyframe && config.is_complete() && timing.has_learned());
  });
  if (!walked) return tl::unexpected<error>(walked.error());
  return {};
}

/// Second pass: every picture from the first keyframe on.
result<void> collect(unit_walk& walk, const clip_file& file, const codec_config& config, picture_timing& timing,
                     video_index& index) {
  bool is_too_long = false;
  const auto walked = walk.run([&](byte_view unit, uint64_t bytes_before) {
    const access_unit_info info = inspect_access_unit(index.codec, unit, config.highest_temporal_id());
    if (!info.has_picture || (index.units.empty() && !info.is_keyframe)) return true;
    const auto times = timing.next(unit);
    if (!times) return true;
    is_too_long = index.units.size() == max_units;
    if (is_too_long) return false;
    const auto composition = static_cast<uint16_t>(std::min<uint32_t>(times->composition, UINT16_MAX));
    index.units.push_back({static_cast<uint32_t>(bytes_before), static_cast<uint32_t>(unit.size()), composition,
                           info.is_keyframe, info.is_disposable});
    index.bytes += unit.size();
    return true;
  });
  if (!walked) return tl::unexpected<error>(walked.error());
  if (is_too_long) return tl::unexpected<error>(about(file, error_code::too_big, "more than 10 million pictures"));
  const auto dropped_before_first = static_cast<uint32_t>(file.size() - *walked);
  for (video_unit& unit : index.units) unit.offset += dropped_before_first;
  return {};
}

/// Finds ADTS frames one after the other.
class adts_walk {
 public:
  adts_walk(clip_file& file, const std::atomic<bool>& is_cancelled) : m_file(file), m_is_cancelled(is_cancelled) {}

  /// The next frame at or after the last one; nothing at the end of the file.
  result<std::optional<audio_unit>> next() {
    while (m_at + shortest_header < m_file.size()) {
      if (m_is_cancelled.load()) return fail(error_code::cancelled, m_file.path() + ": opening was cancelled");
      if (auto filled = fill(); !filled) return tl::unexpected<error>(filled.error());
      const auto header = frame_at(m_at);
      if (!header || !is_followed_by_another(*header)) {
        ++m_at;
        if (!m_first && m_at > longest_foreign_head) break;
        continue;
      }
      if (!m_first) m_first = *header;
      const uint64_t begin = m_at + header->header_bytes;
      m_at += header->frame_bytes;
      return std::optional<audio_unit>(
          audio_unit{static_cast<uint32_t>(begin), static_cast<uint16_t>(header->frame_bytes - header->header_bytes)});
    }
    return std::optional<audio_unit>();
  }
  const std::optional<adts_header>& first() const noexcept { return m_first; }

 private:
  static constexpr uint64_t shortest_header = 7;
  static constexpr size_t longest_frame = 8191;
  /// Tags with a cover picture come before the sound in files made for players.
  static constexpr uint64_t longest_foreign_head = 1u << 20;

  result<void> fill() {
    const uint64_t end = m_window_begin + m_window.size();
    const bool has_enough =
        m_at >= m_window_begin && (end == m_file.size() || m_at + longest_frame + shortest_header <= end);
    if (has_enough && !m_window.empty()) return {};
    const auto count = static_cast<size_t>(std::min<uint64_t>(m_file.size() - m_at, window_bytes));
    const auto window = m_file.read(m_at, count);
    if (!window) return tl::unexpected<error>(window.error());
    m_window = *window;
    m_window_begin = m_at;
    return {};
  }
  std::optional<adts_header> frame_at(uint64_t at) const {
    const byte_view bytes = m_window.subview(static_cast<size_t>(at - m_window_begin));
    if (bytes.size() < shortest_header || bytes[0] != 0xff) return std::nullopt;
    const auto header = parse_adts_header(bytes);
    if (!header) return std::nullopt;
    const bool is_other = m_first && (header->sample_rate_index != m_first->sample_rate_index ||
                                      header->channel_config != m_first->channel_config ||
                                      header->audio_object_type != m_first->audio_object_type);
    if (is_other) return std::nullopt;
    return *header;
  }
  /// Twelve set bits happen by chance; a second header where the first one says does not.
  bool is_followed_by_another(const adts_header& header) const {
    const uint64_t end = m_at + header.frame_bytes;
    if (end > m_file.size()) return false;
    return m_file.size() - end < shortest_header || frame_at(end).has_value();
  }

  clip_file& m_file;
  const std::atomic<bool>& m_is_cancelled;
  std::optional<adts_header> m_first;
  uint64_t m_at = 0, m_window_begin = 0;
  byte_view m_window;
};

result<audio_index> index_adts(clip_file& file, const std::atomic<bool>& is_cancelled) {
  audio_index index;
  adts_walk walk(file, is_cancelled);
  uint64_t bytes = 0;
  while (true) {
    const auto unit = walk.next();
    if (!unit) return tl::unexpected<error>(unit.error());
    if (!*unit) break;
    if (index.units.size() == max_units) {
      return tl::unexpected<error>(about(file, error_code::too_big, "more than 10 million audio frames"));
    }
    index.units.push_back(**unit);
    bytes += (*unit)->size;
  }
  if (!walk.first())
    return tl::unexpected<error>(about(file, error_code::malformed, "holds no AAC frames with ADTS headers"));
  const adts_header& header = *walk.first();
  if (header.channel_config == 0) {
    return tl::unexpected<error>(
        about(file, error_code::unsupported, "AAC whose channels stand in a program config element"));
  }
  constexpr uint8_t seven_point_one = 7;
  const uint32_t channels = header.channel_config == seven_point_one ? 8 : header.channel_config;
  index.frame_count = static_cast<int64_t>(index.units.size());
  index.frame = {int64_t{aac_samples_per_frame} * us_per_second, header.sample_rate};
  const double length_s = static_cast<double>(index.frame.times(index.frame_count).whole_us()) / 1e6;
  const auto kbps = static_cast<uint32_t>(std::lround(static_cast<double>(bytes) * 8 / 1000 / length_s));
  index.description = {codec_id::aac, header.sample_rate, channels, kbps, make_audio_specific_config(header)};
  return index;
}

result<audio_index> index_g711(const clip_file& file, codec_id codec) {
  audio_index index;
  index.frame_count = static_cast<int64_t>(file.size() / g711_samples_per_frame);
  if (index.frame_count == 0) {
    return tl::unexpected<error>(about(file, error_code::truncated, "holds less than one frame of 20 ms"));
  }
  index.frame = {int64_t{g711_samples_per_frame} * us_per_second / g711_sample_rate, 1};
  index.description = {codec, g711_sample_rate, 1, g711_sample_rate * 8 / 1000, {}};
  return index;
}

}  // namespace

audio_unit audio_index::unit(int64_t index) const noexcept {
  if (!units.empty()) return units[static_cast<size_t>(index)];
  return {static_cast<uint32_t>(index * g711_samples_per_frame), g711_samples_per_frame};
}

result<video_index> index_video(clip_file& file, const std::atomic<bool>& is_cancelled) {
  const auto codec = video_codec_of(file);
  if (!codec) return tl::unexpected<error>(codec.error());
  video_index index;
  index.codec = *codec;
  codec_config config(*codec);
  picture_timing timing(*codec);
  unit_walk walk(file, *codec, is_cancelled);
  if (auto learned = learn(walk, config, timing); !learned) return tl::unexpected<error>(learned.error());
  if (!config.is_complete()) {
    return tl::unexpected<error>(about(file, error_code::malformed, "holds no complete set of parameter sets"));
  }
  if (auto collected = collect(walk, file, config, timing, index); !collected)
    return tl::unexpected<error>(collected.error());
  if (index.units.empty()) return tl::unexpected<error>(about(file, error_code::malformed, "holds no keyframe"));
  index.units.shrink_to_fit();
  index.width = config.width();
  index.height = config.height();
  index.frame_rate = config.frame_rate();
  index.delay = timing.delay();
  return index;
}

result<audio_index> index_audio(clip_file& file, const std::atomic<bool>& is_cancelled) {
  const auto head = read_head(file);
  if (!head) return tl::unexpected<error>(head.error());
  auto codec = codec_by_name(audio_names, file.path());
  if (!codec && head->size() > 1 && (*head)[0] == 0xff && ((*head)[1] & 0xf0) == 0xf0) codec = codec_id::aac;
  if (!codec) {
    return tl::unexpected<error>(
        about(file, error_code::unsupported, "an unknown kind of sound file (.aac, .alaw or .ulaw)"));
  }
  return *codec == codec_id::aac ? index_adts(file, is_cancelled) : index_g711(file, *codec);
}

}  // namespace campush

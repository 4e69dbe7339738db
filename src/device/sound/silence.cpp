#include "device/sound/silence.h"

#include <algorithm>
#include <array>

#include "media/aac.h"
#include "media/g711.h"
#include "media/opus.h"

namespace campush {

namespace {

/// ISO 14496-3 4.4.2: a raw data block with one channel element and the end mark; no scale factor band is in use (max_sfb 0), so that all
/// lines are zero. The same for every rate of AAC-LC.
constexpr uint8_t aac_mono[] = {0x00, 0xc8, 0x00, 0x07};
constexpr uint8_t aac_stereo[] = {0x21, 0x00, 0x03, 0x20, 0x64, 0x1c};
/// RFC 6716: CELT, full band, 20 ms, one frame, whose first symbol is the flag for silence.
constexpr uint8_t opus_mono[] = {0xf8, 0xff, 0xfe}, opus_stereo[] = {0xfc, 0xff, 0xfe};
constexpr uint32_t opus_samples = 960;
constexpr uint32_t longest_opus_packet = 5'760;

template <uint8_t Code>
constexpr std::array<uint8_t, g711_samples_per_frame> repeated() {
  std::array<uint8_t, g711_samples_per_frame> out{};
  for (auto& byte : out) byte = Code;
  return out;
}
constexpr auto a_law = repeated<g711a_silence>(), mu_law = repeated<g711u_silence>();

constexpr std::array<uint32_t, 13> aac_rates = {96'000, 88'200, 64'000, 48'000, 44'100, 32'000, 24'000,
                                                22'050, 16'000, 12'000, 11'025, 8'000,  7'350};

/// RFC 6716 3.1: of one frame, by the upper five bits of the first byte.
constexpr std::array<uint16_t, 32> opus_frame_samples = {480, 960, 1920, 2880, 480, 960, 1920, 2880,  // SILK
                                                         480, 960, 1920, 2880, 480, 960, 480,  960,   // and hybrid
                                                         120, 240, 480,  960,  120, 240, 480,  960,   // CELT
                                                         120, 240, 480,  960,  120, 240, 480,  960};
constexpr uint8_t opus_count_follows = 3;

uint32_t opus_packet_samples(byte_view packet) noexcept {
  if (packet.empty()) return opus_samples;
  const auto code = static_cast<uint8_t>(packet[0] & 3U);
  uint32_t frames = code == 0 ? 1 : 2;
  if (code == opus_count_follows) frames = packet.size() > 1 ? packet[1] & 0x3fU : 1;
  return std::min(frames * opus_frame_samples[packet[0] >> 3U], longest_opus_packet);
}

std::vector<uint8_t> aac_config(uint32_t rate, uint32_t channels) {
  const auto* const found = std::find(aac_rates.begin(), aac_rates.end(), rate);
  if (found == aac_rates.end()) return {};
  adts_header header;
  header.sample_rate_index = static_cast<uint8_t>(found - aac_rates.begin());
  header.channel_config = static_cast<uint8_t>(channels);
  return make_audio_specific_config(header);
}

}  // namespace

std::optional<silent_frame> silence_of(const audio_description& sound) noexcept {
  const bool is_stereo = sound.channels == 2;
  switch (sound.codec) {
    case codec_id::aac:
      if (sound.channels == 0 || sound.channels > 2 || sound.sample_rate == 0) return std::nullopt;
      return silent_frame{is_stereo ? byte_view(aac_stereo) : byte_view(aac_mono), aac_samples_per_frame,
                          sound.sample_rate};
    case codec_id::opus:
      if (sound.channels == 0 || sound.channels > 2) return std::nullopt;
      return silent_frame{is_stereo ? byte_view(opus_stereo) : byte_view(opus_mono), opus_samples, opus_sample_rate};
    case codec_id::g711a:
    case codec_id::g711u:
      if (sound.channels > 1) return std::nullopt;
      return silent_frame{sound.codec == codec_id::g711a ? byte_view(a_law.data(), a_law.size())
                                                         : byte_view(mu_law.data(), mu_law.size()),
                          g711_samples_per_frame, sound.sample_rate == 0 ? g711_sample_rate : sound.sample_rate};
    default: return std::nullopt;
  }
}

uint32_t samples_of(const media_frame& frame, const silent_frame& silence) noexcept {
  switch (frame.codec) {
    case codec_id::g711a:
    case codec_id::g711u: return static_cast<uint32_t>(std::min<size_t>(frame.payload.size(), silence.rate));
    case codec_id::opus: return opus_packet_samples(frame.payload);
    default: return silence.samples;
  }
}

audio_description expected_sound(const audio_config& config) {
  audio_description out;
  out.codec = config.codec;
  out.bitrate_kbps = config.bitrate_kbps;
  out.channels = config.channels == 2 ? 2 : 1;
  switch (config.codec) {
    case codec_id::g711a:
    case codec_id::g711u:
      out.sample_rate = g711_sample_rate;
      out.channels = 1;
      out.bitrate_kbps = 64;
      break;
    case codec_id::opus:
      out.sample_rate = opus_sample_rate;
      out.config = make_opus_head(out.channels);
      break;
    default:
      out.sample_rate = config.sample_rate == 0 ? 48'000 : config.sample_rate;
      out.config = aac_config(out.sample_rate, out.channels);
      break;
  }
  return out;
}

bool is_same_sound(const audio_description& left, const audio_description& right) {
  if (left.codec != right.codec || left.channels != right.channels) return false;
  if (left.codec == codec_id::opus) return true;
  if (left.sample_rate != right.sample_rate) return false;
  if (left.codec != codec_id::aac || left.config == right.config) return true;
  const auto one = parse_audio_specific_config(left.config), other = parse_audio_specific_config(right.config);
  return one && other && one->audio_object_type == other->audio_object_type && one->sample_rate == other->sample_rate &&
         one->channels == other->channels;
}

}  // namespace campush

#include "media/aac.h"

#include <array>

#include "media/bit_reader.h"

namespace campush {
namespace {

constexpr std::array<uint32_t, 13> sample_rates{96000, 88200, 64000, 48000, 44100, 32000, 24000,
                                                22050, 16000, 12000, 11025, 8000,  7350};
/// ISO 14496-3 table 1.19; 0 is a layout given elsewhere or reserved.
constexpr std::array<uint8_t, 16> channel_counts{0, 1, 2, 3, 4, 5, 6, 8, 0, 0, 0, 7, 8, 24, 8, 0};
constexpr uint32_t adts_header_bytes = 7, crc_bytes = 2;

uint32_t read_object_type(bit_reader& reader) noexcept {
  constexpr uint32_t escape = 31;
  const uint32_t type = reader.read_bits(5);
  return type == escape ? 32 + reader.read_bits(6) : type;
}

/// 0 for a reserved index.
uint32_t read_sample_rate(bit_reader& reader) noexcept {
  constexpr uint32_t explicit_rate = 15;
  const uint32_t index = reader.read_bits(4);
  if (index == explicit_rate) return reader.read_bits(24);
  return index < sample_rates.size() ? sample_rates[index] : 0;
}

}  // namespace

result<adts_header> parse_adts_header(byte_view bytes) {
  if (bytes.size() < adts_header_bytes) return fail(error_code::truncated, "ADTS header ends early");
  bit_reader reader(bytes.subview(0, adts_header_bytes), emulation_bytes::kept);
  if (reader.read_bits(12) != 0xfff) return fail(error_code::malformed, "no ADTS sync word");
  reader.read_flag();
  if (reader.read_bits(2) != 0) return fail(error_code::malformed, "ADTS layer is not 0");
  adts_header header;
  header.header_bytes = reader.read_flag() ? adts_header_bytes : adts_header_bytes + crc_bytes;
  header.audio_object_type = static_cast<uint8_t>(reader.read_bits(2) + 1);
  header.sample_rate_index = static_cast<uint8_t>(reader.read_bits(4));
  reader.read_flag();
  header.channel_config = static_cast<uint8_t>(reader.read_bits(3));
  reader.skip_bits(4);
  header.frame_bytes = reader.read_bits(13);
  reader.skip_bits(11);
  const uint32_t raw_blocks = reader.read_bits(2) + 1;
  if (header.sample_rate_index >= sample_rates.size()) return fail(error_code::malformed, "reserved ADTS sample rate");
  if (header.frame_bytes <= header.header_bytes) return fail(error_code::malformed, "ADTS frame without content");
  if (raw_blocks != 1) return fail(error_code::malformed, "ADTS frame with several raw blocks");
  header.sample_rate = sample_rates[header.sample_rate_index];
  return header;
}

std::vector<uint8_t> make_audio_specific_config(const adts_header& header) {
  const unsigned bits = (header.audio_object_type & 0x1fu) << 11 | (header.sample_rate_index & 0xfu) << 7 |
                        (header.channel_config & 0xfu) << 3;
  return {static_cast<uint8_t>(bits >> 8), static_cast<uint8_t>(bits)};
}

result<audio_specific_config> parse_audio_specific_config(byte_view bytes) {
  constexpr uint32_t sbr = 5, ps = 29;
  bit_reader reader(bytes, emulation_bytes::kept);
  uint32_t type = read_object_type(reader);
  audio_specific_config config;
  config.sample_rate = read_sample_rate(reader);
  config.channels = channel_counts[reader.read_bits(4)];
  if (type == sbr || type == ps) {
    read_sample_rate(reader);
    type = read_object_type(reader);
  }
  config.audio_object_type = static_cast<uint8_t>(type);
  if (auto status = reader.status("AudioSpecificConfig"); !status) return tl::unexpected<error>(status.error());
  if (type == 0 || config.sample_rate == 0)
    return fail(error_code::malformed, "AudioSpecificConfig without type or rate");
  return config;
}

}  // namespace campush

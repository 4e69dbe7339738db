#pragma once

#include "util/byte_view.h"
#include "util/result.h"

namespace campush {

/// Samples of one AAC-LC frame (frameLengthFlag 0).
inline constexpr uint32_t aac_samples_per_frame = 1024;

/// The fields of an ADTS header (ISO 13818-7 6.2). frame_bytes counts the header too; header_bytes is 7, or 9 with CRC.
struct adts_header {
  uint8_t audio_object_type = 2;
  uint8_t sample_rate_index = 0;
  uint8_t channel_config = 0;
  uint32_t sample_rate = 0, header_bytes = 7, frame_bytes = 0;
};

/// Errors: truncated (fewer than 7 bytes), malformed (no sync word, reserved rate, frame without content, more than
///   one raw block).
/// Thread: any-thread.
[[nodiscard]] result<adts_header> parse_adts_header(byte_view bytes);

/// AudioSpecificConfig, always 2 bytes for the rates of the index table (ISO 14496-3 1.6.2.1).
std::vector<uint8_t> make_audio_specific_config(const adts_header& header);

/// With SBR or PS signalled these are the values of the core, so that aac_samples_per_frame at sample_rate is the time
/// of a frame. channels is 0 when the layout stands elsewhere (channelConfiguration 0).
struct audio_specific_config {
  uint8_t audio_object_type = 0;
  uint32_t sample_rate = 0, channels = 0;
};
/// Accepts explicit rates, SBR/PS signalling and trailers (ffmpeg writes 5 bytes). Errors: truncated, malformed.
[[nodiscard]] result<audio_specific_config> parse_audio_specific_config(byte_view bytes);

}  // namespace campush

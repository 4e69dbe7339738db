#include "device/vendor/hal_format.h"

#include <cstddef>

#include "device/vendor/hal_unit.h"

namespace campush {

namespace {

constexpr uint32_t longest_side = 16384;
constexpr uint32_t highest_sample_rate = 192000, most_audio_channels = 8;
constexpr size_t least_format_size = offsetof(campush_hal_format, codec) + sizeof(campush_hal_format::codec);

std::string number(uint64_t value) {
  return std::to_string(value);
}

}  // namespace

result<hal_opened> check_format(const campush_hal_format& format, const plugin_channel_report& channel) {
  if (format.size < least_format_size || format.size > sizeof format) {
    return fail(error_code::malformed, "open left a size of " + number(format.size) + " in the format, allowed are " +
                                           number(least_format_size) + " to " + number(sizeof format));
  }
  hal_opened opened;
  for (const codec_id offered : channel.codecs) opened.codecs |= hal_of_codec(offered);
  const auto codec = codec_of_hal(format.codec);
  if (!codec || (format.codec & opened.codecs) == 0) {
    return fail(error_code::malformed, "open says codec " + number(format.codec) + ", the channel was described with " +
                                           number(opened.codecs));
  }
  if (format.width > longest_side || format.height > longest_side) {
    return fail(error_code::malformed, "open says " + number(format.width) + "x" + number(format.height) +
                                           ", at most 16384 samples a side are allowed");
  }
  const bool is_sound = channel.kind == track_kind::audio;
  const bool is_rate_sane = format.sample_rate > 0 && format.sample_rate <= highest_sample_rate;
  const bool are_channels_sane = format.audio_channels > 0 && format.audio_channels <= most_audio_channels;
  if (is_sound && (!is_rate_sane || !are_channels_sane)) {
    return fail(error_code::malformed, "open says " + number(format.sample_rate) + " Hz, " +
                                           number(format.audio_channels) +
                                           " channels; allowed are 1 to 192000, 1 to 8");
  }
  if (format.config_bytes > sizeof format.config) {
    return fail(error_code::malformed,
                "open says " + number(format.config_bytes) + " bytes of configuration, at most 64 are allowed");
  }
  opened.codec = *codec;
  opened.width = format.width;
  opened.height = format.height;
  opened.bitrate_kbps = format.bitrate_kbps;
  opened.frame_rate = format.frame_rate / 1000.0;
  opened.sample_rate = format.sample_rate;
  opened.audio_channels = format.audio_channels;
  opened.config.assign(format.config, format.config + format.config_bytes);
  opened.min_bitrate_kbps = channel.min_bitrate_kbps;
  opened.max_bitrate_kbps = channel.max_bitrate_kbps;
  return opened;
}

}  // namespace campush

#include "device/vendor/vendor_audio_source.h"

#include "media/aac.h"

namespace campush {

namespace {

/// samplingFrequencyIndex, ISO 14496-3 table 1.18.
constexpr uint32_t aac_rates[] = {96000, 88200, 64000, 48000, 44100, 32000, 24000,
                                  22050, 16000, 12000, 11025, 8000,  7350};

hal_channel_request make_request(const stream_config& config) {
  hal_channel_request request;
  request.path = config.source.library;
  request.kind = track_kind::audio;
  request.channel = config.audio.channel;
  request.device = config.audio.device.empty() ? config.source.device : config.audio.device;
  request.options = config.source.options;
  request.values.codec = hal_of_codec(config.audio.codec);
  request.values.sample_rate = config.audio.sample_rate;
  request.values.bitrate_kbps = config.audio.bitrate_kbps;
  request.values.audio_channels = config.audio.channels;
  return request;
}

result<std::vector<uint8_t>> decoder_config(const hal_opened& opened) {
  if (opened.codec != codec_id::aac) return std::vector<uint8_t>();
  if (!opened.config.empty()) {
    const auto parsed = parse_audio_specific_config(opened.config);
    if (!parsed) return tl::unexpected<error>(wrap(parsed.error(), "its AudioSpecificConfig"));
    return opened.config;
  }
  adts_header header;
  for (const uint32_t rate : aac_rates) {
    if (rate == opened.sample_rate) {
      // 8 speakers are configuration 7 (table 1.19); the others are as many as their number.
      header.channel_config = static_cast<uint8_t>(opened.audio_channels == 8 ? 7 : opened.audio_channels);
      return make_audio_specific_config(header);
    }
    ++header.sample_rate_index;
  }
  return fail(error_code::malformed, std::to_string(opened.sample_rate) + " Hz is not a rate of AAC");
}

/// An ADTS header begins with twelve ones, which no raw frame of sound does: they would be an end mark.
byte_view without_adts_header(byte_view payload) {
  const auto header = parse_adts_header(payload);
  if (!header || header->frame_bytes != payload.size()) return payload;
  return payload.subview(header->header_bytes);
}

}  // namespace

vendor_audio_source::vendor_audio_source(const stream_config& config, const clock& time,
                                         std::shared_ptr<hal_library_cache> plugins)
    : m_channel(make_request(config), time, std::move(plugins)) {}

result<stream_description> vendor_audio_source::open() {
  auto opened = m_channel.open();
  if (!opened) return tl::unexpected<error>(std::move(opened.error()));
  auto config = decoder_config(*opened);
  if (!config) {
    m_channel.close();
    return tl::unexpected<error>(wrap(std::move(config.error()), m_channel.request().name()));
  }
  m_codec = opened->codec;
  stream_description description;
  description.audio = audio_description{opened->codec, opened->sample_rate, opened->audio_channels,
                                        opened->bitrate_kbps, std::move(*config)};
  return description;
}

result<step_outcome> vendor_audio_source::step(time_point now, frame_sink& sink) {
  const auto next = m_channel.next(now);
  if (!next) return tl::unexpected<error>(next.error());
  if (*next == nullptr) return step_outcome::idle;
  const checked_unit& unit = **next;
  const hal_channel::unit_return lease{m_channel};
  media_frame frame;
  frame.codec = unit.codec;
  const unit_clock::unit_times times = m_channel.times().map(unit.pts_us, unit.pts_us, now);
  frame.dts = frame.pts = times.dts;
  frame.capture_time = times.captured;
  frame.payload = unit.codec == codec_id::aac ? without_adts_header(unit.payload) : unit.payload;
  // A header for a description that is another codec's would mislead every player.
  if (unit.codec == m_codec && !frame.payload.empty()) sink.on_frame(frame);
  return step_outcome::delivered;
}

}  // namespace campush

#include "codec/libav_audio_encoder.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>

#include "codec/libav_log.h"
#include "media/g711.h"

namespace campush {

namespace {

constexpr int64_t us_per_second = 1'000'000;
/// Blocks that are where the ones before say they are, within this, add nothing.
constexpr duration close_enough = std::chrono::microseconds(20);
/// Converted at a time, so that buffers have one size for ever.
constexpr uint32_t most_frames = 1024;
constexpr uint32_t lowest_rate = 8000, highest_rate = 192'000, most_channels = 2;

struct audio_kind {
  codec_id codec;
  const char* names[2];  ///< best first
  AVSampleFormat format[2];
  uint32_t kbps_mono, kbps_stereo;
};
constexpr audio_kind kinds[] = {
    {codec_id::aac, {"aac", nullptr}, {AV_SAMPLE_FMT_FLTP, AV_SAMPLE_FMT_FLTP}, 64, 128},
    {codec_id::opus, {"libopus", "opus"}, {AV_SAMPLE_FMT_S16, AV_SAMPLE_FMT_FLTP}, 48, 96},
    {codec_id::g711a, {"pcm_alaw", nullptr}, {AV_SAMPLE_FMT_S16, AV_SAMPLE_FMT_S16}, 64, 128},
    {codec_id::g711u, {"pcm_mulaw", nullptr}, {AV_SAMPLE_FMT_S16, AV_SAMPLE_FMT_S16}, 64, 128},
};
constexpr uint32_t aac_rates[] = {8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000, 64000, 88200, 96000};
constexpr uint32_t libopus_rates[] = {8000, 12000, 16000, 24000, 48000};
constexpr uint32_t opus_rates[] = {48000};

const audio_kind* find_kind(codec_id codec) noexcept {
  for (const audio_kind& kind : kinds) {
    if (kind.codec == codec) return &kind;
  }
  return nullptr;
}

bool is_g711(codec_id codec) noexcept {
  return codec == codec_id::g711a || codec == codec_id::g711u;
}

template <size_t Count>
uint32_t nearest(const uint32_t (&rates)[Count], uint32_t rate) noexcept {
  const auto distance = [rate](uint32_t other) { return other > rate ? other - rate : rate - other; };
  return *std::min_element(rates, rates + Count,
                           [&](uint32_t left, uint32_t right) { return distance(left) < distance(right); });
}

uint32_t encoded_rate(codec_id codec, bool is_first_choice, uint32_t rate) noexcept {
  if (codec == codec_id::aac) return nearest(aac_rates, rate);
  if (codec == codec_id::opus) return is_first_choice ? nearest(libopus_rates, rate) : nearest(opus_rates, rate);
  return g711_sample_rate;
}

void set_channels(AVCodecContext& context, uint32_t channels) noexcept {
#if CAMPUSH_HAS_CHANNEL_LAYOUT
  av_channel_layout_default(&context.ch_layout, static_cast<int>(channels));
#else
  context.channels = static_cast<int>(channels);
  context.channel_layout = static_cast<uint64_t>(av_get_default_channel_layout(context.channels));
#endif
}

int channels_of(const AVCodecContext& context) noexcept {
#if CAMPUSH_HAS_CHANNEL_LAYOUT
  return context.ch_layout.nb_channels;
#else
  return context.channels;
#endif
}

/// A frame of memory for `samples` of the encoder's own form.
libav_ptr<AVFrame> make_frame(const AVCodecContext& context, int samples) {
  libav_ptr<AVFrame> frame(av_frame_alloc());
  if (!frame) return frame;
  frame->format = context.sample_fmt;
  frame->sample_rate = context.sample_rate;
  frame->nb_samples = samples;
#if CAMPUSH_HAS_CHANNEL_LAYOUT
  if (av_channel_layout_copy(&frame->ch_layout, &context.ch_layout) < 0) return nullptr;
#else
  frame->channels = context.channels;
  frame->channel_layout = context.channel_layout;
#endif
  return av_frame_get_buffer(frame.get(), 0) == 0 ? std::move(frame) : nullptr;
}

tl::unexpected<error> out_of_memory() {
  return fail(error_code::io_failed, "no memory for sound");
}

}  // namespace

size_t sample_times::slot_of(uint64_t number) const noexcept {
  return static_cast<size_t>(number % m_anchors.size());
}

time_point sample_times::after(const anchor& from, int64_t sample) const noexcept {
  return from.time + duration((sample - from.sample) * us_per_second / m_rate);
}

void sample_times::add(int64_t first_sample, time_point captured_at) noexcept {
  if (m_count > 0) {
    const duration off = captured_at - after(m_anchors[slot_of(m_count - 1)], first_sample);
    if (std::abs(off.count()) <= close_enough.count()) return;
  }
  m_anchors[slot_of(m_count++)] = {first_sample, captured_at};
}

time_point sample_times::time_of(int64_t sample) const noexcept {
  const uint64_t known = std::min<uint64_t>(m_count, m_anchors.size());
  if (known == 0) return {};
  for (uint64_t back = 1; back <= known; ++back) {
    const anchor& candidate = m_anchors[slot_of(m_count - back)];
    if (candidate.sample <= sample || back == known) return after(candidate, sample);
  }
  return {};
}

result<std::unique_ptr<audio_encoder>> libav_audio_encoder::make(const audio_encoder_options& options) {
  const bool is_possible = find_kind(options.codec) != nullptr && options.channels >= 1 &&
                           options.channels <= most_channels && options.sample_rate >= lowest_rate &&
                           options.sample_rate <= highest_rate && options.bitrate_kbps <= 1000;
  if (!is_possible) {
    return fail(error_code::invalid_argument, std::string("no encoder takes ") + codec_name(options.codec) + " of " +
                                                  std::to_string(options.channels) + " channels at " +
                                                  std::to_string(options.sample_rate) + " Hz and " +
                                                  std::to_string(options.bitrate_kbps) + " kbit/s");
  }
  std::unique_ptr<libav_audio_encoder> made(new libav_audio_encoder(options));
  if (auto opened = made->open(); !opened) return tl::unexpected<error>(std::move(opened.error()));
  return std::unique_ptr<audio_encoder>(std::move(made));
}

result<void> libav_audio_encoder::open() {
  const audio_kind& kind = *find_kind(m_options.codec);
  const AVCodec* codec = avcodec_find_encoder_by_name(kind.names[0]);
  const bool is_first_choice = codec != nullptr;
  if (!is_first_choice && kind.names[1] != nullptr) codec = avcodec_find_encoder_by_name(kind.names[1]);
  m_context.reset(codec != nullptr ? avcodec_alloc_context3(codec) : nullptr);
  if (!m_context)
    return fail(error_code::not_found, std::string("FFmpeg was built without an encoder of ") + codec_name(kind.codec));
  const uint32_t channels = is_g711(kind.codec) ? 1 : m_options.channels;
  const uint32_t unsaid = channels == 1 ? kind.kbps_mono : kind.kbps_stereo;
  set_channels(*m_context, channels);
  m_context->sample_fmt = kind.format[is_first_choice ? 0 : 1];
  m_context->sample_rate = static_cast<int>(encoded_rate(kind.codec, is_first_choice, m_options.sample_rate));
  m_context->bit_rate = int64_t{m_options.bitrate_kbps > 0 ? m_options.bitrate_kbps : unsaid} * 1000;
  m_context->time_base = {1, m_context->sample_rate};
  m_context->flags |= AV_CODEC_FLAG_GLOBAL_HEADER;
  m_context->strict_std_compliance = FF_COMPLIANCE_EXPERIMENTAL;  // What FFmpeg calls its own Opus encoder.
  m_context->thread_count = 1;
  forget_libav_words();
  if (const int opened = avcodec_open2(m_context.get(), codec, nullptr); opened < 0) {
    return tl::unexpected<error>(libav_error(opened, codec->name));
  }
  return open_resampler();
}

/// From what is captured to what the encoder takes; also where only the form of a sample differs.
result<void> libav_audio_encoder::open_resampler() {
  const int rate = m_context->sample_rate;
  SwrContext* made = nullptr;
#if CAMPUSH_HAS_CHANNEL_LAYOUT
  AVChannelLayout captured;
  av_channel_layout_default(&captured, static_cast<int>(m_options.channels));
  swr_alloc_set_opts2(&made, &m_context->ch_layout, m_context->sample_fmt, rate, &captured, AV_SAMPLE_FMT_S16,
                      static_cast<int>(m_options.sample_rate), 0, nullptr);
#else
  made = swr_alloc_set_opts(nullptr, static_cast<int64_t>(m_context->channel_layout), m_context->sample_fmt, rate,
                            av_get_default_channel_layout(static_cast<int>(m_options.channels)), AV_SAMPLE_FMT_S16,
                            static_cast<int>(m_options.sample_rate), 0, nullptr);
#endif
  m_resampler.reset(made);
  if (!m_resampler || swr_init(m_resampler.get()) < 0) return out_of_memory();
  const int frame_size = m_context->frame_size > 0 ? m_context->frame_size : static_cast<int>(g711_samples_per_frame);
  const int most_out = static_cast<int>(int64_t{most_frames} * rate / m_options.sample_rate) + 256;
  m_converted = make_frame(*m_context, most_out);
  m_frame = make_frame(*m_context, frame_size);
  m_fifo.reset(av_audio_fifo_alloc(m_context->sample_fmt, channels_of(*m_context), most_out + frame_size));
  m_packet.reset(av_packet_alloc());
  return m_converted && m_frame && m_fifo && m_packet ? result<void>() : out_of_memory();
}

result<void> libav_audio_encoder::encode(const sound_block& block, frame_sink& sink) {
  if (!m_context) return fail(error_code::io_failed, "this encoder has failed before");
  if (block.samples == nullptr && block.frames > 0)
    return fail(error_code::invalid_argument, "a block without samples");
  m_times.add(m_samples_in, block.captured_at);
  for (uint32_t done = 0; done < block.frames;) {
    const uint32_t count = std::min(most_frames, block.frames - done);
    const size_t first = size_t{done} * m_options.channels;
    if (auto converted = convert(block.samples + first, count); !converted) return converted;
    if (auto encoded = encode_ready(sink); !encoded) return encoded;
    done += count;
  }
  m_samples_in += block.frames;
  return {};
}

result<void> libav_audio_encoder::convert(const int16_t* samples, uint32_t frames) {
  const auto* in = reinterpret_cast<const uint8_t*>(samples);
  const int count = swr_convert(m_resampler.get(), m_converted->extended_data, m_converted->nb_samples, &in,
                                static_cast<int>(frames));
  const bool is_stored =
      count >= 0 &&
      av_audio_fifo_write(m_fifo.get(), reinterpret_cast<void**>(m_converted->extended_data), count) == count;
  return is_stored ? result<void>() : out_of_memory();
}

result<void> libav_audio_encoder::encode_ready(frame_sink& sink) {
  while (av_audio_fifo_size(m_fifo.get()) >= m_frame->nb_samples) {
    if (av_frame_make_writable(m_frame.get()) < 0) return out_of_memory();
    av_audio_fifo_read(m_fifo.get(), reinterpret_cast<void**>(m_frame->extended_data), m_frame->nb_samples);
    m_frame->pts = m_samples_encoded;
    m_samples_encoded += m_frame->nb_samples;
    forget_libav_words();
    const int sent = avcodec_send_frame(m_context.get(), m_frame.get());
    if (sent < 0) {
      const error failure = libav_error(sent, name());
      m_context.reset();
      return tl::unexpected<error>(failure);
    }
    if (auto received = receive(sink); !received) return received;
  }
  return {};
}

/// The encoder's delay stands in the time stamps: what is heard when this frame is played was captured then.
result<void> libav_audio_encoder::receive(frame_sink& sink) {
  while (avcodec_receive_packet(m_context.get(), m_packet.get()) >= 0) {
    const int64_t captured = m_packet->pts * m_options.sample_rate / m_context->sample_rate;
    media_frame frame;
    frame.codec = m_options.codec;
    frame.dts = frame.pts = frame.capture_time = m_times.time_of(captured);
    frame.payload = byte_view(m_packet->data, static_cast<size_t>(std::max(m_packet->size, 0)));
    if (!frame.payload.empty()) sink.on_frame(frame);
    av_packet_unref(m_packet.get());
  }
  return {};
}

const char* libav_audio_encoder::name() const noexcept {
  return m_context ? m_context->codec->name : "";
}

audio_description libav_audio_encoder::description() const {
  audio_description out;
  out.codec = m_options.codec;
  if (!m_context) return out;
  out.sample_rate = static_cast<uint32_t>(m_context->sample_rate);
  out.channels = static_cast<uint32_t>(channels_of(*m_context));
  out.bitrate_kbps = static_cast<uint32_t>(m_context->bit_rate / 1000);
  // Beyond the two bytes of AAC-LC, FFmpeg says that there is no SBR.
  const int wanted = out.codec == codec_id::aac ? std::min(m_context->extradata_size, 2) : m_context->extradata_size;
  if (!is_g711(out.codec) && wanted > 0) out.config.assign(m_context->extradata, m_context->extradata + wanted);
  return out;
}

}  // namespace campush

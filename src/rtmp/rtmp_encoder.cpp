#include "rtmp/rtmp_encoder.h"

#include <algorithm>
#include <atomic>
#include <cstring>
#include <optional>

#include "media/aac.h"
#include "media/codec_config.h"
#include "media/opus.h"
#include "rtmp/access_unit_packer.h"
#include "rtmp/flv_metadata.h"

namespace campush {
namespace {

using std::chrono::milliseconds;

constexpr size_t max_message_payload = 0xffffff;
constexpr size_t max_body_bytes = max_message_payload - sizeof(flv_tag::tag_head::bytes);
// Each 3-byte start code grows to a 4-byte length; a picture of more units is packed a second time into a larger block.
constexpr size_t usual_growth = 64;
constexpr std::array<uint32_t, 13> aac_rates{96000, 88200, 64000, 48000, 44100, 32000, 24000,
                                             22050, 16000, 12000, 11025, 8000,  7350};

time_point whole_ms(time_point exact) noexcept {
  return std::chrono::round<milliseconds>(exact);
}

bool is_same(const stream_description& left, const stream_description& right) noexcept {
  if (left.video.has_value() != right.video.has_value() || left.audio.has_value() != right.audio.has_value())
    return false;
  if (left.video) {
    const video_description &a = *left.video, &b = *right.video;
    if (a.codec != b.codec || a.width != b.width || a.height != b.height || a.frame_rate != b.frame_rate ||
        a.bitrate_kbps != b.bitrate_kbps) {
      return false;
    }
  }
  if (!left.audio) return true;
  const audio_description &a = *left.audio, &b = *right.audio;
  return a.codec == b.codec && a.sample_rate == b.sample_rate && a.channels == b.channels &&
         a.bitrate_kbps == b.bitrate_kbps && a.config == b.config;
}

/// The configuration that the source did not give, from what it did: AAC-LC. Empty when that cannot be said in two bytes.
std::vector<uint8_t> config_from_rate(const audio_description& audio) {
  const auto* found = std::find(aac_rates.begin(), aac_rates.end(), audio.sample_rate);
  if (found == aac_rates.end() || audio.channels == 0 || audio.channels > 7) return {};
  adts_header header;
  header.sample_rate_index = static_cast<uint8_t>(found - aac_rates.begin());
  header.channel_config = static_cast<uint8_t>(audio.channels);
  return make_audio_specific_config(header);
}

/// Fills what the source left open, the configuration winning over the description. Nothing for sound that cannot be sent.
std::optional<audio_description> completed(audio_description audio) {
  if (audio.codec == codec_id::g711a || audio.codec == codec_id::g711u) {
    if (audio.sample_rate == 0) audio.sample_rate = 8000;
    if (audio.channels == 0) audio.channels = 1;
    audio.config.clear();
    return audio;
  }
  if (audio.codec == codec_id::opus) {
    if (audio.sample_rate == 0) audio.sample_rate = opus_sample_rate;
    if (audio.channels == 0) audio.channels = 1;
    if (audio.config.empty()) audio.config = make_opus_head(audio.channels);
    return audio;
  }
  if (audio.codec != codec_id::aac) return std::nullopt;
  if (audio.config.empty()) audio.config = config_from_rate(audio);
  if (audio.config.empty()) return std::nullopt;
  if (const auto parsed = parse_audio_specific_config(audio.config)) {
    if (parsed->sample_rate != 0) audio.sample_rate = parsed->sample_rate;
    if (parsed->channels != 0) audio.channels = parsed->channels;
  }
  return audio;
}

bool has_same_tags(const stream_headers& left, const stream_headers& right) noexcept {
  return left.metadata == right.metadata && left.video_header == right.video_header &&
         left.audio_header == right.audio_header && left.video_codec == right.video_codec &&
         left.audio_codec == right.audio_codec;
}

struct atomic_counters {
  std::atomic<uint64_t> frames_in{0}, tags_out{0}, frames_without_headers{0}, frames_malformed{0},
      parameter_set_changes{0};
};

void add_one(std::atomic<uint64_t>& counter) noexcept {
  counter.fetch_add(1, std::memory_order_relaxed);
}

}  // namespace

struct rtmp_encoder::state {
  explicit state(std::string name) : encoder_name(std::move(name)) {}

  const std::string encoder_name;
  tag_pool pool;
  atomic_counters counters;

  std::optional<stream_description> described;
  std::optional<video_description> video;
  std::optional<audio_description> audio;
  std::optional<codec_config> config;
  std::shared_ptr<const stream_headers> headers;
  uint32_t sent_version = 0;  ///< of `config`, in `headers`; 0 before its first headers
  bool is_description_new = false;

  std::shared_ptr<flv_tag> encode_video(const media_frame& frame);
  std::shared_ptr<flv_tag> encode_audio(const media_frame& frame);
  std::shared_ptr<flv_tag> pack(const media_frame& frame, packed_access_unit& packed);
  void stamp(flv_tag& tag, const media_frame& frame) const noexcept;

  bool bring_headers_up_to_date();
  std::shared_ptr<stream_headers> make_headers();
  tag_ptr make_header_tag(tag_kind kind, codec_id codec, byte_view body, const tag_ptr& before);
  flv_metadata metadata_facts() const;
};

rtmp_encoder::rtmp_encoder(std::string encoder_name) : m_state(std::make_unique<state>(std::move(encoder_name))) {}
rtmp_encoder::~rtmp_encoder() = default;

void rtmp_encoder::set_description(const stream_description& description) {
  state& self = *m_state;
  if (self.described && is_same(*self.described, description)) return;
  self.described = description;
  self.video = description.video;
  if (self.video && !is_video(self.video->codec)) self.video.reset();
  self.audio = description.audio ? completed(*description.audio) : std::nullopt;
  if (!self.video) {
    self.config.reset();
  } else if (!self.config || self.config->codec() != self.video->codec) {
    self.config.emplace(self.video->codec);
    self.sent_version = 0;
  }
  self.is_description_new = true;
  self.bring_headers_up_to_date();
}

std::shared_ptr<flv_tag> rtmp_encoder::encode(const media_frame& frame) {
  add_one(m_state->counters.frames_in);
  std::shared_ptr<flv_tag> tag =
      frame.track() == track_kind::video ? m_state->encode_video(frame) : m_state->encode_audio(frame);
  if (tag) add_one(m_state->counters.tags_out);
  return tag;
}

std::shared_ptr<flv_tag> rtmp_encoder::state::encode_video(const media_frame& frame) {
  if (!described) {
    add_one(counters.frames_without_headers);
    return nullptr;
  }
  if (!video || frame.codec != video->codec || frame.payload.empty()) {
    add_one(counters.frames_malformed);
    return nullptr;
  }
  packed_access_unit packed;
  std::shared_ptr<flv_tag> tag = pack(frame, packed);
  if (!tag || (!packed.has_picture && !packed.has_parameter_sets)) {
    add_one(counters.frames_malformed);
    return nullptr;
  }
  // A unit of parameter sets alone is no error: its sets go out with the picture that needs them.
  if (!packed.has_picture) return nullptr;
  if (!bring_headers_up_to_date()) {
    add_one(counters.frames_without_headers);
    return nullptr;
  }
  tag->kind = tag_kind::video;
  tag->is_keyframe = frame.is_keyframe || packed.is_keyframe;
  tag->is_disposable = !tag->is_keyframe && (frame.is_disposable || packed.is_disposable);
  stamp(*tag, frame);
  const auto composition = std::chrono::duration_cast<milliseconds>(whole_ms(frame.pts) - tag->dts).count();
  tag->composition_ms = static_cast<int32_t>(std::clamp<int64_t>(composition, 0, int64_t{max_composition_ms}));
  write_heads(*tag);
  return tag;
}

/// Null when the picture does not fit into a message.
std::shared_ptr<flv_tag> rtmp_encoder::state::pack(const media_frame& frame, packed_access_unit& packed) {
  for (const size_t room : {frame.payload.size() + usual_growth, packed_bytes_at_most(frame.payload, *config)}) {
    const tag_pool::writable_tag made = pool.make(room, frame.dts);
    if (!made.tag) return nullptr;
    packed = pack_access_unit(frame.payload, *config, sent_version, made.body, room);
    if (packed.has_overflowed) continue;
    if (packed.bytes > max_body_bytes) return nullptr;
    made.tag->body = {made.body, packed.bytes};
    return made.tag;
  }
  return nullptr;
}

std::shared_ptr<flv_tag> rtmp_encoder::state::encode_audio(const media_frame& frame) {
  const bool is_declared = audio && frame.codec == audio->codec;
  if (described && (!is_declared || frame.payload.empty() || frame.payload.size() > max_body_bytes)) {
    add_one(counters.frames_malformed);
    return nullptr;
  }
  if (!headers || is_description_new) {
    add_one(counters.frames_without_headers);
    return nullptr;
  }
  tag_pool::writable_tag made = pool.make(frame.payload.size(), frame.dts);
  if (!made.tag) {
    add_one(counters.frames_malformed);
    return nullptr;
  }
  std::memcpy(made.body, frame.payload.data(), frame.payload.size());
  made.tag->kind = tag_kind::audio;
  stamp(*made.tag, frame);
  write_heads(*made.tag, audio->channels);
  return std::move(made.tag);
}

void rtmp_encoder::state::stamp(flv_tag& tag, const media_frame& frame) const noexcept {
  tag.codec = frame.codec;
  tag.dts = whole_ms(frame.dts);
  tag.capture_time = frame.capture_time;
  tag.header_generation = headers->generation;
}

/// False while the stream's headers cannot be made yet.
bool rtmp_encoder::state::bring_headers_up_to_date() {
  if (!video && !audio) return false;
  if (config && !config->is_complete()) return false;
  const bool have_sets_changed = config && config->version() != sent_version;
  if (headers && !is_description_new && !have_sets_changed) return true;
  std::shared_ptr<stream_headers> next = make_headers();
  if (!next) return false;
  if (have_sets_changed && sent_version != 0) add_one(counters.parameter_set_changes);
  if (!headers || !has_same_tags(*headers, *next)) headers = std::move(next);
  sent_version = config ? config->version() : 0;
  is_description_new = false;
  return true;
}

/// Null when there is no memory.
std::shared_ptr<stream_headers> rtmp_encoder::state::make_headers() {
  const stream_headers none;
  const stream_headers& before = headers ? *headers : none;
  auto next = std::make_shared<stream_headers>();
  next->generation = before.generation + 1;
  next->video_codec = video ? video->codec : codec_id::none;
  next->audio_codec = audio ? audio->codec : codec_id::none;
  if (config) {
    next->video_header = make_header_tag(tag_kind::video_header, video->codec, config->record(), before.video_header);
  }
  if (audio && !audio->config.empty()) {
    next->audio_header = make_header_tag(tag_kind::audio_header, audio->codec, audio->config, before.audio_header);
  }
  const flv_metadata facts = metadata_facts();
  const bool depends_on_dialect = next->video_codec == codec_id::h265;
  for (size_t i = 0; i < video_dialect_count; ++i) {
    if (i > 0 && !depends_on_dialect) {
      next->metadata[i] = next->metadata[0];
      continue;
    }
    const std::vector<uint8_t> body = make_metadata_body(facts, static_cast<video_dialect>(i));
    next->metadata[i] = make_header_tag(tag_kind::metadata, codec_id::none, body, before.metadata[i]);
    if (!next->metadata[i]) return nullptr;
  }
  return next->is_complete() ? next : nullptr;
}

/// The tag of the generation before where nothing changed: MediaMTX closes on a repeated H.265 header in its first 2 s, so a
/// session must be able to see that there is nothing new (facts/rtmp 2.5).
tag_ptr rtmp_encoder::state::make_header_tag(tag_kind kind, codec_id codec, byte_view body, const tag_ptr& before) {
  if (before && before->codec == codec && before->body == body) return before;
  tag_pool::writable_tag made = pool.make(body.size());
  if (!made.tag) return nullptr;
  std::copy(body.begin(), body.end(), made.body);
  made.tag->kind = kind;
  made.tag->codec = codec;
  made.tag->header_generation = headers ? headers->generation + 1 : 1;
  write_heads(*made.tag);
  return std::move(made.tag);
}

flv_metadata rtmp_encoder::state::metadata_facts() const {
  flv_metadata facts;
  facts.encoder = encoder_name;
  if (video) {
    facts.video_codec = video->codec;
    facts.width = config->width() != 0 ? config->width() : video->width;
    facts.height = config->height() != 0 ? config->height() : video->height;
    // Of pictures paced by a configured rate the VUI may say something else.
    facts.frame_rate = video->frame_rate > 0 ? video->frame_rate : config->frame_rate();
    facts.video_kbps = video->bitrate_kbps;
  }
  if (audio) {
    facts.audio_codec = audio->codec;
    facts.audio_kbps = audio->bitrate_kbps;
    facts.sample_rate = audio->sample_rate;
    facts.channels = audio->channels;
  }
  return facts;
}

std::shared_ptr<const stream_headers> rtmp_encoder::headers() const noexcept {
  return m_state->headers;
}

encoder_counters rtmp_encoder::counters() const noexcept {
  const atomic_counters& live = m_state->counters;
  encoder_counters now;
  now.frames_in = live.frames_in.load(std::memory_order_relaxed);
  now.tags_out = live.tags_out.load(std::memory_order_relaxed);
  now.frames_without_headers = live.frames_without_headers.load(std::memory_order_relaxed);
  now.frames_malformed = live.frames_malformed.load(std::memory_order_relaxed);
  now.parameter_set_changes = live.parameter_set_changes.load(std::memory_order_relaxed);
  return now;
}

tag_pool_counters rtmp_encoder::pool_counters() const noexcept {
  return m_state->pool.counters();
}

}  // namespace campush

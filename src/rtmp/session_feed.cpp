#include "rtmp/session_feed.h"

#include <algorithm>

#include "media/h265.h"
#include "rtmp/protocol/chunk_writer.h"

namespace campush {

namespace {

bool is_same_body(const tag_ptr& left, const tag_ptr& right) noexcept {
  return left == right || (left && right && left->body == right->body);
}

constexpr duration rate_span = std::chrono::seconds(4), least_rate_span = std::chrono::seconds(1);
constexpr duration longest_picture = std::chrono::seconds(1);

constexpr uint8_t rasl_n = h265_nal::rasl_r - 1;

uint32_t rate_of(uint64_t bytes, duration elapsed) noexcept {
  return static_cast<uint32_t>(std::min<uint64_t>(bytes * 8000 / static_cast<uint64_t>(elapsed.count()), UINT32_MAX));
}

/// Of the first slice; vcl_end if there is none.
uint8_t picture_type(byte_view units) noexcept {
  constexpr size_t length_bytes = 4;
  for (size_t at = 0; at + length_bytes < units.size();) {
    const uint8_t type = h265_nal_type(units[at + length_bytes]);
    if (type < h265_nal::vcl_end) return type;
    size_t length = 0;
    for (size_t i = 0; i < length_bytes; ++i) length = length << 8 | units[at + i];
    at += length_bytes + length;
  }
  return h265_nal::vcl_end;
}

}  // namespace

session_feed::session_feed(const options& chosen) : m_options(chosen), m_queue(chosen.limits, chosen.dialect) {
  m_known.reserve(max_known_headers + 1);
}

void session_feed::reset(const options& chosen) {
  stop();
  m_options = chosen;
  m_queue.reset(chosen.limits, chosen.dialect);
  m_frames_sent = {};
  m_offered_video = m_offered_audio = m_unsendable = 0;
  m_offered_now = {};
  m_offered_kbps = 0;
}

void session_feed::start(time_point zero, time_point now, duration grace) {
  m_zero = zero;
  m_is_started = true;
  m_sent = {};
  m_queue.begin(now, grace);
}

void session_feed::stop() noexcept {
  m_queue.clear();
  m_known.clear();
  m_sent = {};
  m_is_started = m_may_lead = m_is_after_splice = m_is_cut_by_size = false;
}

session_feed::verdict session_feed::push(const tag_ptr& tag, const std::shared_ptr<const stream_headers>& headers,
                                         time_point now) {
  count_offered(*tag);
  if (!m_is_started || tag->dts < m_zero) {
    m_queue.count_drop(*tag, drop_reason::before_start);
    return verdict::dropped;
  }
  count_unsendable(*tag);
  if (is_too_big(*tag)) {
    m_queue.count_drop(*tag, drop_reason::too_big);
    return verdict::too_big;
  }
  remember_headers(headers);
  if (headers_of(tag->header_generation) == nullptr) {
    m_queue.count_drop(*tag, drop_reason::broken_reference);
    return verdict::dropped;
  }
  const bool is_leading = refers_past_keyframe(*tag);
  if (is_leading && m_is_after_splice) {
    m_queue.count_leading_drop(*tag, drop_reason::broken_reference);
    return verdict::dropped;
  }
  return m_queue.push(tag, now, is_leading) ? verdict::queued : verdict::dropped;
}

void session_feed::count_drop(const flv_tag& tag, drop_reason reason) noexcept {
  count_offered(tag);
  m_queue.count_drop(tag, reason);
}

void session_feed::count_offered(const flv_tag& tag) noexcept {
  const uint64_t bytes = tag.payload_bytes(m_options.dialect);
  (tag.is_video_track() ? m_offered_video : m_offered_audio) += bytes;
  if (tag.kind != tag_kind::video) return;
  offered_span& span = m_offered_now;
  const duration since_last = tag.dts - span.to;
  if (span.bytes == 0 || since_last < duration::zero() || since_last > longest_picture) {
    span = {tag.dts, tag.dts, 0};
  } else if (tag.dts - span.from >= rate_span) {
    m_offered_kbps = rate_of(span.bytes, tag.dts - span.from);
    span = {tag.dts, tag.dts, 0};
  }
  span.to = tag.dts;
  span.bytes += bytes;
}

void session_feed::count_unsendable(const flv_tag& tag) noexcept {
  if (tag.kind != tag_kind::video) return;
  const bool is_big = is_too_big(tag);
  if (is_big && !tag.is_disposable) m_is_cut_by_size = true;
  if (!is_big && tag.is_keyframe) m_is_cut_by_size = false;
  if (is_big || m_is_cut_by_size) m_unsendable += tag.payload_bytes(m_options.dialect);
}

uint32_t session_feed::offered_video_kbps() const noexcept {
  if (m_offered_kbps > 0) return m_offered_kbps;
  const duration elapsed = m_offered_now.to - m_offered_now.from;
  return elapsed >= least_rate_span ? rate_of(m_offered_now.bytes, elapsed) : 0;
}

bool session_feed::refers_past_keyframe(const flv_tag& tag) noexcept {
  if (tag.kind != tag_kind::video || tag.codec != codec_id::h265) return false;
  if (!tag.is_keyframe && !m_may_lead) return false;
  const uint8_t type = picture_type(tag.body);
  if (tag.is_keyframe) {
    m_is_after_splice = type < h265_nal::idr_w_radl;
    m_may_lead = m_is_after_splice || type == h265_nal::cra;
    return false;
  }
  m_may_lead = is_h265_leading(type);
  return type == rasl_n || type == h265_nal::rasl_r;
}

bool session_feed::is_too_big(const flv_tag& tag) const noexcept {
  const size_t limit = std::min<size_t>(m_options.max_message_bytes, chunked_message::max_message_payload);
  return tag.payload_bytes(m_options.dialect) > limit;
}

void session_feed::remember_headers(const std::shared_ptr<const stream_headers>& headers) {
  if (!headers || headers_of(headers->generation) != nullptr) return;
  if (m_known.size() == max_known_headers) {
    const auto unused = std::find_if(m_known.begin(), m_known.end(),
                                     [this](const auto& known) { return !is_generation_queued(known->generation); });
    // So many sets at once are no stream that anybody could watch: what waits is given up.
    if (unused == m_known.end()) m_queue.clear();
    m_known.erase(unused != m_known.end() ? unused : m_known.begin());
  }
  m_known.push_back(headers);
}

bool session_feed::is_generation_queued(uint32_t generation) const noexcept {
  for (size_t i = 0; i < m_queue.size(); ++i) {
    if ((*m_queue.at(i))->header_generation == generation) return true;
  }
  return false;
}

const stream_headers* session_feed::headers_of(uint32_t generation) const noexcept {
  for (const auto& known : m_known) {
    if (known->generation == generation) return known.get();
  }
  return nullptr;
}

bool session_feed::send(publisher& to, session_sampler& sampler) {
  while (!m_queue.empty()) {
    const size_t planned = plan();
    const size_t taken = to.write(m_batch.data(), planned, m_options.dialect);
    commit(planned, taken, sampler);
    if (taken < planned) return false;
  }
  return true;
}

size_t session_feed::plan() {
  constexpr size_t headers_and_tag = 4;
  header_state state = m_sent;
  size_t used = 0;
  for (size_t i = 0; i < m_queue.size() && used + headers_and_tag <= max_batch; ++i) {
    const tag_ptr& tag = *m_queue.at(i);
    plan_headers(*tag, state, used);
    m_batch[used] = {tag, wire_time(*tag)};
    m_is_header[used++] = false;
  }
  return used;
}

void session_feed::plan_headers(const flv_tag& tag, header_state& state, size_t& used) {
  const bool is_video = tag.is_video_track();
  if ((is_video ? state.video_generation : state.audio_generation) == tag.header_generation) return;
  const stream_headers* headers = headers_of(tag.header_generation);
  if (headers == nullptr) return;
  const uint32_t at = wire_time(tag);
  // Both tracks' headers open a connection together: some servers ignore a track that is announced later.
  const bool is_first = state.metadata_generation == 0;
  if (headers->generation > state.metadata_generation) {
    plan_header(headers->metadata[static_cast<size_t>(m_options.dialect)], state.metadata, at, used);
    state.metadata_generation = headers->generation;
  }
  if (is_first || is_video) {
    plan_header(headers->video_header, state.video_header, at, used);
    state.video_generation = headers->generation;
  }
  if (is_first || !is_video) {
    plan_header(headers->audio_header, state.audio_header, at, used);
    state.audio_generation = headers->generation;
  }
}

void session_feed::plan_header(const tag_ptr& header, tag_ptr& known, uint32_t timestamp_ms, size_t& used) {
  if (!header || is_same_body(header, known)) return;
  known = header;
  m_batch[used] = {header, timestamp_ms};
  m_is_header[used++] = true;
}

void session_feed::commit(size_t planned, size_t taken, session_sampler& sampler) {
  for (size_t i = 0; i < taken; ++i) {
    const outgoing_tag& item = m_batch[i];
    if (m_is_header[i]) {
      note_sent_header(item.tag);
      sampler.on_sent(wire_bytes(item), time_point{}, false);
      continue;
    }
    note_sent(*item.tag);
    sampler.on_sent(wire_bytes(item), item.tag->capture_time, item.tag->kind == tag_kind::video);
    m_queue.pop();
  }
  for (size_t i = 0; i < planned; ++i) m_batch[i].tag.reset();
}

void session_feed::note_sent(const flv_tag& tag) noexcept {
  ++m_frames_sent[static_cast<size_t>(kind_of(tag))];
  const bool is_first = m_sent.metadata_generation == 0;
  m_sent.metadata_generation = std::max(m_sent.metadata_generation, tag.header_generation);
  if (is_first || tag.is_video_track()) m_sent.video_generation = tag.header_generation;
  if (is_first || tag.is_audio_track()) m_sent.audio_generation = tag.header_generation;
}

void session_feed::note_sent_header(const tag_ptr& header) noexcept {
  switch (header->kind) {
    case tag_kind::metadata: m_sent.metadata = header; break;
    case tag_kind::video_header: m_sent.video_header = header; break;
    case tag_kind::audio_header: m_sent.audio_header = header; break;
    default: break;
  }
}

uint32_t session_feed::wire_time(const flv_tag& tag) const noexcept {
  const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(tag.dts - m_zero).count();
  return m_options.initial_timestamp_ms + static_cast<uint32_t>(ms);
}

size_t session_feed::wire_bytes(const outgoing_tag& item) const noexcept {
  constexpr size_t first_header = 12, next_header = 1, extended_time = 4;
  const size_t payload = item.tag->payload_bytes(m_options.dialect);
  const size_t continuations = payload == 0 ? 0 : (payload - 1) / m_options.chunk_size;
  const size_t extension = item.timestamp_ms >= 0xffffff ? extended_time : 0;
  return payload + first_header + extension + continuations * (next_header + extension);
}

}  // namespace campush

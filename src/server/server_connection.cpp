#include "server/server_connection.h"

#include <algorithm>

#include "util/log.h"

namespace campush {

namespace {

constexpr duration pace_step = std::chrono::milliseconds(50);
/// How long a peer may take to close its side after we closed ours.
constexpr duration linger = std::chrono::seconds(1);
/// A connection stalled on purpose does not see its peer leave; it must not stay for ever.
constexpr duration stalled_limit = std::chrono::minutes(10);
constexpr size_t garbage_bytes = 4096;

server_dialogue_options dialogue_options(const rtmp_server_options& server, const rtmp_server_faults& faults) {
  server_dialogue_options options;
  options.chunk_size = server.chunk_size;
  options.acknowledges = faults.acknowledge_every == duration::zero();
  options.claims = server.claims;
  options.claims_in_properties = server.claims_in_properties;
  return options;
}

}  // namespace

server_connection::server_connection(rtmp_server& owner, std::unique_ptr<byte_stream> stream)
    : m_owner(owner),
      m_faults(owner.m_faults),
      m_stream(std::move(stream)),
      m_dialogue(dialogue_options(owner.m_options, m_faults), *this),
      m_deadline(owner.m_loop.make_timer([this] { on_deadline(); })),
      m_pace(owner.m_loop.make_timer([this] { on_pace(); })),
      m_acknowledge(owner.m_loop.make_timer([this] { on_acknowledge(); })),
      m_kick(owner.m_loop.make_timer([this] { kick("unpublished"); })),
      m_reconnect(owner.m_loop.make_timer([this] { ask_to_reconnect(m_owner.m_faults.reconnect_to); })) {
  m_stats.remote = m_stream->remote();
}

server_connection::~server_connection() = default;

void server_connection::start() {
  m_is_mute = m_faults.silent_after_accept;
  m_deadline->arm_after(m_owner.m_options.setup_timeout);
  if (m_faults.read_bytes_per_s != 0) m_pace->arm_after(pace_step);
  if (m_faults.acknowledge_every != duration::zero()) m_acknowledge->arm_after(m_faults.acknowledge_every);
  m_stream->set_events(this);
}

void server_connection::on_readable() {
  read_all();
}

void server_connection::on_pace() {
  const auto step_ms = static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::milliseconds>(pace_step).count());
  m_pace_budget = std::max<uint64_t>(m_faults.read_bytes_per_s * step_ms / 1000, 1);
  m_pace->arm_after(pace_step);
  read_all();
}

/// How many bytes the faults let us read now.
size_t server_connection::read_allowance() const noexcept {
  uint64_t allowed = m_owner.m_read_buffer.size();
  if (m_is_closing) return m_owner.m_read_buffer.size();
  for (const uint64_t limit : {m_faults.close_after_bytes, m_faults.stop_reading_after_bytes}) {
    if (limit != 0) allowed = std::min(allowed, limit - std::min(limit, m_received));
  }
  if (m_faults.read_bytes_per_s != 0) allowed = std::min(allowed, m_pace_budget);
  return static_cast<size_t>(allowed);
}

void server_connection::read_all() {
  while (m_stream != nullptr) {
    const size_t allowed = read_allowance();
    if (allowed == 0) return;
    const io_outcome outcome = m_stream->read_some(m_owner.m_read_buffer.data(), allowed);
    if (outcome.status == io_status::would_block) return;
    if (outcome.status != io_status::ok) {
      const bool is_end = outcome.status == io_status::closed;
      finish(m_is_closing ? m_close_reason : is_end ? "client closed" : error_name(outcome.failure));
      return;
    }
    m_received += outcome.bytes;
    m_pace_budget -= std::min<uint64_t>(m_pace_budget, outcome.bytes);
    take({m_owner.m_read_buffer.data(), outcome.bytes});
  }
}

void server_connection::take(byte_view bytes) {
  m_stats.wire_bytes = m_received;
  if (m_is_closing) return;
  // While a stream is published each read moves the deadline.
  if (m_stats.is_live) watch_idleness();
  if (!m_faults.silent_after_accept) {
    if (result<void> outcome = m_dialogue.receive(bytes); !outcome) {
      ++m_owner.m_totals.protocol_errors;
      finish(outcome.error().message);
      return;
    }
  }
  if (m_faults.close_after_bytes != 0 && m_received >= m_faults.close_after_bytes) {
    finish("closed after bytes");
    return;
  }
  flush();
}

void server_connection::on_writable() {
  flush();
}

void server_connection::flush() {
  if (m_stream == nullptr) return;
  if (m_is_mute) m_dialogue.consume_output(m_dialogue.pending_output().size());
  while (!m_dialogue.pending_output().empty() || !m_garbage.empty()) {
    const bool is_garbage = !m_garbage.empty();
    const byte_view waiting = is_garbage ? byte_view(m_garbage) : m_dialogue.pending_output();
    const io_outcome outcome = m_stream->write_some(&waiting, 1);
    if (outcome.status == io_status::would_block) return m_stream->request_writable();
    if (outcome.status != io_status::ok) return finish(error_name(outcome.failure));
    if (is_garbage) {
      m_garbage.erase(m_garbage.begin(), m_garbage.begin() + static_cast<std::ptrdiff_t>(outcome.bytes));
    } else {
      m_dialogue.consume_output(outcome.bytes);
    }
  }
  if (m_dialogue.should_close() && !m_is_closing) close_politely(m_stats.is_live ? "closed after start" : "refused");
  if (m_is_closing) m_stream->shutdown_write();
}

/// The answers reach the client before the end does: our side is closed first, and what still comes is read and dropped, so that
/// no reset destroys them.
void server_connection::close_politely(std::string_view why) {
  end_stream(why);
  m_close_reason = why;
  m_is_closing = true;
  m_pace->cancel();
  m_deadline->arm_after(linger);
}

void server_connection::finish(std::string_view why) {
  if (m_stream == nullptr) return;
  end_stream(why);
  m_stream->set_events(nullptr);
  m_stream->close();
  m_stream.reset();
  for (loop_timer* each : {m_deadline.get(), m_pace.get(), m_acknowledge.get(), m_kick.get(), m_reconnect.get()})
    each->cancel();
  m_owner.forget(*this);
}

void server_connection::kick(std::string_view why) {
  if (m_stream == nullptr || m_is_closing) return;
  m_dialogue.send_status("status", "NetStream.Unpublish.Success", why);
  close_politely(why);
  flush();
}

void server_connection::ask_to_reconnect(std::string_view tc_url) {
  if (m_stream == nullptr || m_is_closing) return;
  m_dialogue.send_reconnect_request(tc_url);
  flush();
}

void server_connection::watch_idleness() {
  if (m_owner.m_options.idle_timeout == duration::zero()) {
    m_deadline->cancel();
  } else {
    m_deadline->arm_after(m_owner.m_options.idle_timeout);
  }
}

void server_connection::on_deadline() {
  if (m_is_closing) return finish(m_close_reason);
  const bool is_meant = m_is_mute || m_faults.stop_reading_after_bytes != 0 || m_faults.read_bytes_per_s != 0;
  if (is_meant && !m_has_stalled) {
    m_has_stalled = true;
    m_deadline->arm_after(stalled_limit);
    return;
  }
  finish(m_stats.is_live ? "idle" : "no publish in time");
}

void server_connection::on_acknowledge() {
  if (m_has_started) m_dialogue.send_acknowledgement();
  m_acknowledge->arm_after(m_faults.acknowledge_every);
  flush();
}

void server_connection::send_garbage() {
  // Type 3 headers of chunk streams that never began, then noise.
  uint32_t noise = 0x2545F491;
  for (size_t i = 0; i < garbage_bytes; ++i) {
    noise = noise * 1664525 + 1013904223;
    m_garbage.push_back(static_cast<uint8_t>(noise >> 24 | 0xc0));
  }
}

dialogue_verdict server_connection::on_connect(std::string_view app, std::string_view) {
  if (m_faults.silent_after_connect) m_is_mute = true;
  if (m_faults.garbage_after_handshake) {
    send_garbage();
    m_is_mute = true;
  }
  dialogue_verdict verdict = answer_connect(app);
  if (!verdict.is_accepted) ++m_owner.m_totals.connects_refused;
  return verdict;
}

void server_connection::on_properties_refused() {
  ++m_owner.m_totals.connects_refused;
}

dialogue_verdict server_connection::answer_connect(std::string_view app) {
  if (m_faults.deny_connect) return {false, "NetConnection.Connect.Rejected", "Connection rejected.", true};
  server_auth::verdict proof = m_owner.m_auth.check(app);
  if (!proof.is_accepted) return {false, "NetConnection.Connect.Rejected", std::move(proof.description), true};
  if (!m_faults.redirect_to.empty()) {
    return {false, "NetConnection.Connect.Rejected", "RTMP 302 Redirect", true, m_faults.redirect_to};
  }
  return {};
}

dialogue_verdict server_connection::on_publish(std::string_view app_as_sent, std::string_view stream_key) {
  const rtmp_server_faults& now = m_owner.m_faults;
  const std::string_view app = without_auth_query(app_as_sent);
  const std::string_view name = stream_key.substr(0, stream_key.find('?'));
  const std::string path = std::string(app) + '/' + std::string(name);
  const auto taken = m_owner.m_live.find(path);
  const bool is_taken = taken != m_owner.m_live.end();
  if (now.deny_publish || now.bad_name || (is_taken && m_owner.m_options.duplicates == duplicate_policy::refuse)) {
    ++m_owner.m_totals.publishes_refused;
    if (now.deny_publish) return {false, "NetStream.Publish.Denied", "Publishing is denied.", true};
    return {false, "NetStream.Publish.BadName", "Already publishing", false};
  }
  if (is_taken && m_owner.m_options.duplicates == duplicate_policy::replace) {
    taken->second->finish("replaced by a new publisher");
  }

  ++m_owner.m_totals.publishes_accepted;
  m_has_started = true;
  const endpoint remote = m_stats.remote;
  m_stats = rtmp_stream_stats();
  m_stats.remote = remote;
  m_stats.wire_bytes = m_received;
  m_stats.id = m_owner.m_next_stream_id++;
  m_stats.app = shown_app_name(app);
  m_stats.name = name;
  m_stats.shown_name = shown_stream_name(name);
  m_stats.offer = m_dialogue.offer();
  m_stats.is_live = true;
  m_stats.started_at = m_owner.m_loop.now();
  m_path = path;
  m_owner.m_live.emplace(path, this);
  open_recording();
  if (m_owner.m_listener != nullptr) m_owner.m_listener->on_publish(m_stats);
  if (now.unpublish_after != duration::zero()) m_kick->arm_after(now.unpublish_after);
  if (now.reconnect_after != duration::zero()) m_reconnect->arm_after(now.reconnect_after);
  watch_idleness();
  dialogue_verdict accepted;
  accepted.closes = now.close_after_start;
  return accepted;
}

void server_connection::open_recording() {
  if (m_owner.m_options.record_dir.empty()) return;
  flv_recorder_options options{m_owner.recording_path(m_stats), m_owner.m_options.writes_wire_times};
  result<std::unique_ptr<flv_recorder>> opened = flv_recorder::open(options);
  if (!opened) {
    log_error(log_module::server, "Stream {} is not recorded: {}", m_stats.shown_name, opened.error().message);
    return;
  }
  m_recorder = std::move(*opened);
  m_stats.recording = options.path;
}

void server_connection::count(const received_tag& tag) {
  m_stats.payload_bytes += tag.payload.size();
  switch (tag.kind) {
    case received_kind::metadata: ++m_stats.metadata; break;
    case received_kind::video_header: ++m_stats.video_headers; break;
    case received_kind::audio_header: ++m_stats.audio_headers; break;
    case received_kind::video:
      m_stats.video.add(tag.timestamp_ms, m_owner.m_options.gap_ms);
      m_stats.video_codec = tag.codec;
      if (tag.is_keyframe) ++m_stats.keyframes;
      if (tag.syntax) {
        if (const auto mark = find_picture_mark(tag.data, *tag.syntax)) m_stats.pictures.add(*mark);
      }
      break;
    case received_kind::audio:
      m_stats.audio.add(tag.timestamp_ms, m_owner.m_options.gap_ms);
      m_stats.audio_codec = tag.codec;
      break;
    case received_kind::other: ++m_stats.other; break;
  }
}

void server_connection::on_media(const rtmp_message& message) {
  if (!m_stats.is_live) return;
  const received_tag tag = look_at_message(message);
  count(tag);
  if (m_recorder != nullptr) {
    if (result<void> written = m_recorder->write(message); !written) {
      log_error(log_module::server, "Stream {}: {}", m_stats.shown_name, written.error().message);
      m_recorder.reset();
    }
  }
  if (m_owner.m_listener != nullptr) m_owner.m_listener->on_tag(m_stats, tag);
}

void server_connection::on_unpublish() {
  end_stream("unpublished by the client");
}

void server_connection::end_stream(std::string_view why) {
  if (!m_stats.is_live) return;
  m_stats.is_live = false;
  m_stats.end_reason = why;
  m_stats.ended_at = m_owner.m_loop.now();
  m_recorder.reset();
  m_kick->cancel();
  m_reconnect->cancel();
  m_deadline->arm_after(m_owner.m_options.setup_timeout);
  const auto [first, last] = m_owner.m_live.equal_range(m_path);
  const auto self = std::find_if(first, last, [this](const auto& each) { return each.second == this; });
  if (self != last) m_owner.m_live.erase(self);
  if (m_owner.m_ended.size() >= m_owner.m_options.max_ended_streams) m_owner.m_ended.erase(m_owner.m_ended.begin());
  m_owner.m_ended.push_back(m_stats);
  if (m_owner.m_listener != nullptr) m_owner.m_listener->on_close(m_stats);
}

}  // namespace campush

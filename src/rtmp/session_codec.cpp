#include <fmt/format.h>

#include <algorithm>

#include "rtmp/session.h"
#include "util/log.h"

namespace campush {

namespace {

/// A close so soon after the first H.265 pictures hints at a server that cannot read them; it proves nothing.
constexpr duration telling_close = std::chrono::seconds(5);
/// An encoder that said yes gives a keyframe of the other codec within this.
constexpr duration encoder_patience = std::chrono::seconds(10);
/// One that gave no H.264 is asked again: soon where it was busy, seldom where it said yes and did not change.
constexpr duration ask_busy_after = std::chrono::seconds(30);
constexpr duration ask_again_after = std::chrono::minutes(5);
constexpr duration ask_deaf_after = std::chrono::hours(1);

bool is_h265(const std::shared_ptr<const stream_headers>& headers) noexcept {
  return headers && headers->video_codec == codec_id::h265;
}

}  // namespace

capability_store& session::answers_of(const stream_url& url) noexcept {
  // Servers that lead to others without end must not drive the configured ones out.
  const bool is_own = url.is_host_secret() || url.is_app_secret() || url.is_from_server();
  return m_services.capabilities != nullptr && !is_own ? *m_services.capabilities : m_private_answers;
}

hevc_knowledge session::known_of(const stream_url& url) noexcept {
  return knowledge_of(answers_of(url).find(server_key(url), m_loop.time().wall_now()));
}

void session::on_link_answer(session_link& link, const server_capabilities& answer) {
  learn(link, answer);
  link.set_plan(plan_hevc(m_config.hevc, known_of(link.route().url)));
  if (&link == m_main.get()) adopt_plan();
}

/// Of the connection in use; it may be the first that knows of a refusal, while the encoder gives H.264 to others already.
void session::adopt_plan() {
  m_plan = m_main->plan();
  if (m_stream == m_own_stream && !m_has_asked_encoder && !has_h265()) join_others(m_main->masked_url());
}

void session::learn(const session_link& link, const server_capabilities& answer) {
  const stream_url& url = link.route().url;
  const std::string key = server_key(url);
  capability_store& store = answers_of(url);
  const auto now = m_loop.time().wall_now();
  const auto known = store.find(key, now);
  // Not asked, it need not have said all; and it is not asked while it is known to refuse the question.
  const bool was_asked = link.asks_hevc() || answer.has_video_list || answer.refuses_properties;
  if (known && !was_asked && (known->has_video_list || known->refuses_properties)) return;
  const bool is_explicit = answer.has_video_list || answer.has_reconnect || answer.refuses_properties;
  if (is_explicit) {
    store.remember(key, answer, now);
  } else if (known) {
    store.forget(key);
  }
}

void session::forget_answers() {
  m_is_encoder_deaf = false;
  for (size_t i = 0; i < m_urls.size(); ++i) {
    if (const auto route = route_for(i)) answers_of(route->url).forget(server_key(route->url));
  }
  if (m_main) answers_of(m_main->route().url).forget(server_key(m_main->route().url));
}

bool session::has_h265() const noexcept {
  return is_h265(m_stream->headers());
}

bool session::holds_h265() const noexcept {
  return m_is_wanted && m_stream == m_own_stream && m_plan.form != hevc_form::refused && !m_has_asked_encoder;
}

/// Decides with each attempt, for the URL in use. False: the attempt is over, the session waits.
bool session::prepare_codec(const link_route& route) {
  m_plan = plan_hevc(m_config.hevc, known_of(route.url));
  const media_stream* const before = m_stream;
  const bool is_refused = is_h265(m_own_stream->headers()) && m_plan.form == hevc_form::refused;
  if (!is_refused) {
    m_awaits_h264 = false;
    if (!m_has_asked_encoder && !join_others(route.url.masked())) note_codec("", false);
    if (m_stream != m_own_stream) use_stream(*m_own_stream);
  } else if (!take_other_stream(route.url.masked())) {
    if (await_h264(route.url.masked())) return false;
    if (m_stream != m_own_stream) use_stream(*m_own_stream);
  }
  if (m_stream == before) return true;
  const disconnect_reason reason = hold_reason(false);
  if (reason == disconnect_reason::none) return true;
  leave(reason, disconnect_reason::user_request);
  return false;
}

media_stream* session::other_stream() const {
  if (m_config.fallback.what != hevc_fallback::kind::stream || m_surroundings == nullptr) return nullptr;
  if (m_config.fallback.stream_id == m_config.stream_id) return nullptr;
  media_stream* const other = m_surroundings->find_stream(m_config.fallback.stream_id);
  return other != nullptr && !is_h265(other->headers()) ? other : nullptr;
}

bool session::take_other_stream(std::string_view server) {
  media_stream* const other = other_stream();
  if (other == nullptr) return false;
  note_codec(fmt::format("stream {} is pushed instead: no H.265 at {}", m_config.fallback.stream_id, server), true);
  if (other != m_stream) use_stream(*other);
  return true;
}

bool session::ask_encoder(std::string_view server) {
  if (m_config.fallback.what != hevc_fallback::kind::encoder || m_is_encoder_deaf) return false;
  const auto asked = m_surroundings != nullptr ? m_surroundings->ask_for_h264(*this)
                                               : result<void>(fail(error_code::unsupported, "there is no encoder"));
  if (!asked) {
    m_encoder_problem = asked.error().message;
    m_is_encoder_busy = asked.error().code == error_code::busy;
    return false;
  }
  m_has_asked_encoder = m_awaits_h264 = true;
  note_codec(fmt::format("the encoder was asked for H.264: no H.265 at {}", server), true);
  return true;
}

/// Where the encoder gives H.264 for another destination already: it must go on when that one leaves.
bool session::join_others(std::string_view server) {
  if (m_config.fallback.what != hevc_fallback::kind::encoder || m_plan.form != hevc_form::refused) return false;
  m_has_asked_encoder = m_surroundings != nullptr && m_surroundings->join_h264(*this);
  if (m_has_asked_encoder) note_codec(fmt::format("the encoder gives H.264: no H.265 at {}", server), true);
  return m_has_asked_encoder;
}

/// Out of the attempt or connection, until the stream's first H.264 keyframe.
bool session::await_h264(std::string_view server) {
  if (!ask_encoder(server)) return false;
  leave(disconnect_reason::codec_refused, disconnect_reason::user_request);
  m_retry_timer->arm_after(encoder_patience);
  return true;
}

void session::give_up_encoder() {
  m_awaits_h264 = false;
  if (!is_h265(m_own_stream->headers())) return;
  release_encoder();
  m_is_encoder_deaf = true;
  m_encoder_problem = "it agreed and went on with H.265";
  note_codec("", false);
  remember_error(disconnect_reason::codec_refused, codec_remedy());
  log_warn(log_module::session, "Session {}: {}", log_name(), m_status.last_error.view());
}

void session::release_encoder() noexcept {
  if (m_has_asked_encoder && m_surroundings != nullptr) m_surroundings->release_h264(*this);
  m_has_asked_encoder = m_awaits_h264 = false;
}

bool session::is_refused_by(const session_link& link) const noexcept {
  return has_h265() && link.plan().form == hevc_form::refused;
}

void session::on_codec_refused(session_link& link) {
  const std::string server = link.masked_url();
  if (take_other_stream(server)) {
    const disconnect_reason reason = hold_reason(false);
    if (reason != disconnect_reason::none) return leave(reason, disconnect_reason::user_request);
    return consider_publish(link);
  }
  if (!await_h264(server)) on_main_failed(disconnect_reason::codec_refused, codec_remedy());
}

void session::hold_codec() {
  if (m_awaits_h264 || ask_encoder(m_status.url.view())) return m_retry_timer->arm_after(encoder_patience);
  const std::string before(m_status.last_error.view());
  remember_error(disconnect_reason::codec_refused, codec_remedy());
  if (m_status.last_error.view() != before) {
    log_warn(log_module::session, "Session {} waits: {}", log_name(), m_status.last_error.view());
  }
  if (m_config.fallback.what != hevc_fallback::kind::encoder) return;
  const duration wait = m_is_encoder_deaf ? ask_deaf_after : m_is_encoder_busy ? ask_busy_after : ask_again_after;
  m_retry_timer->arm_after(wait);
  m_status.next_retry_at = m_loop.now() + wait;
}

std::string session::codec_remedy() const {
  const char* const who = m_config.hevc == hevc_mode::h264_only
                              ? "the stream is H.265 and this destination takes H.264 only (hevc_mode h264_only)"
                              : "the server takes no H.265";
  switch (m_config.fallback.what) {
    case hevc_fallback::kind::none:
      return fmt::format("{}: configure a fallback for this stream, or an H.264 encoder", who);
    case hevc_fallback::kind::encoder:
      return fmt::format("{}, and the encoder gives no H.264: {}", who, m_encoder_problem);
    case hevc_fallback::kind::stream: break;
  }
  return fmt::format("{}, and the camera has no H.264 stream {} to push instead", who, m_config.fallback.stream_id);
}

void session::note_codec(std::string_view text, bool is_on_fallback) {
  m_status.is_on_fallback = is_on_fallback;
  if (m_codec_note == text) return;
  m_codec_note = text;
  m_status.codec_note = text;
  if (!text.empty()) log_warn(log_module::session, "Session {}: {}", log_name(), text);
}

void session::use_stream(media_stream& next) {
  withdraw_bitrate();
  hold_gop(false);
  m_stream->remove_sink(*this);
  m_stream = &next;
  m_stream->add_sink(*this);
  m_is_stalled = m_stream->current_state() == stream_state::stalled;
  m_last_audio_at = time_point{};
  update_gop_hold();
}

void session::on_stream_closing(const media_stream& stream) {
  if (!is_open() || m_stream != &stream || m_stream == m_own_stream) return;
  const bool is_running = m_status.state == session_state::connecting || m_status.state == session_state::connected;
  if (is_running) leave(disconnect_reason::not_started, disconnect_reason::user_request);
  use_stream(*m_own_stream);
  note_codec("", false);
}

/// After a retry by hand: what a server refused once it may take now. True: nothing more has to be done.
bool session::try_codec_again() {
  if (!m_status.is_on_fallback) return false;
  release_encoder();
  m_plan = plan_hevc(m_config.hevc, hevc_knowledge::silent);
  if (m_status.state != session_state::connected) return false;
  if (m_stream == m_own_stream) {
    // It goes on with H.264 until the encoder gives H.265 again.
    m_tries_codec_again = true;
    return false;
  }
  m_renewal = renewal::codec;
  m_stream->request_keyframe();
  return true;
}

std::string session::with_codec_hint(disconnect_reason reason, std::string_view text) const {
  const bool is_close = reason == disconnect_reason::closed_by_server || reason == disconnect_reason::connection_reset;
  const bool is_fed = m_status.state == session_state::connected && m_feed.is_started() && has_h265();
  if (!is_close || !is_fed || m_loop.now() - std::max(m_fed_at, m_connected_at) > telling_close) {
    return std::string(text);
  }
  return fmt::format("closed within 5 s of the first H.265 pictures, it may not take them (hevc_mode): {}", text);
}

}  // namespace campush

#include "rtmp/librtmp_publisher.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <iterator>

#include "rtmp/protocol/handshake.h"

namespace campush {

namespace {

/// For what our own dialogue says: commands with keys of any length it accepts.
constexpr chunk_limits own_limits = {1 << 20, 16 * 1024 * 1024, 16, 1 << 20, false};

struct reason_of_code {
  error_code code;
  disconnect_reason while_connecting;
  disconnect_reason while_connected;
};
constexpr reason_of_code reason_table[] = {
    {error_code::connection_refused, disconnect_reason::connect_refused, disconnect_reason::connection_reset},
    {error_code::connection_reset, disconnect_reason::connect_refused, disconnect_reason::connection_reset},
    {error_code::closed_by_peer, disconnect_reason::connect_refused, disconnect_reason::closed_by_server},
    {error_code::timed_out, disconnect_reason::connect_timeout, disconnect_reason::ack_stall},
    {error_code::unreachable, disconnect_reason::unreachable, disconnect_reason::unreachable},
    {error_code::tls_failed, disconnect_reason::tls_failed, disconnect_reason::connection_reset},
    {error_code::clock_wrong, disconnect_reason::clock_wrong, disconnect_reason::connection_reset},
};

const reason_of_code* find_reason(error_code code) noexcept {
  const auto* found = std::find_if(std::begin(reason_table), std::end(reason_table),
                                   [code](const reason_of_code& row) { return row.code == code; });
  return found == std::end(reason_table) ? nullptr : found;
}

disconnect_reason connecting_reason(const connect_failure& failure) noexcept {
  if (failure.stage == connect_stage::resolve) return disconnect_reason::dns_failed;
  if (failure.stage == connect_stage::tls && failure.cause.code != error_code::clock_wrong) {
    return disconnect_reason::tls_failed;
  }
  const reason_of_code* const row = find_reason(failure.cause.code);
  return row ? row->while_connecting : disconnect_reason::unreachable;
}

disconnect_reason connected_reason(error_code code) noexcept {
  const reason_of_code* const row = find_reason(code);
  return row ? row->while_connected : disconnect_reason::connection_reset;
}

disconnect_reason dialogue_reason(dialogue_failure failure) noexcept {
  switch (failure) {
    case dialogue_failure::closed_by_server: return disconnect_reason::closed_by_server;
    case dialogue_failure::name_in_use: return disconnect_reason::name_in_use;
    case dialogue_failure::denied: return disconnect_reason::denied;
    case dialogue_failure::server_error: return disconnect_reason::server_error;
    case dialogue_failure::protocol_violation: return disconnect_reason::protocol_violation;
    default: return disconnect_reason::internal_error;
  }
}

connect_phase phase_of(connect_stage reached) noexcept {
  switch (reached) {
    case connect_stage::resolve: return connect_phase::resolve;
    case connect_stage::tcp: return connect_phase::tcp;
    case connect_stage::tls: return connect_phase::tls;
  }
  return connect_phase::none;
}

connect_phase phase_of(dialogue_phase reached) noexcept {
  switch (reached) {
    case dialogue_phase::idle:
    case dialogue_phase::handshake: return connect_phase::handshake;
    case dialogue_phase::connect: return connect_phase::connect;
    default: return connect_phase::publish;
  }
}

bool is_encrypted(url_scheme scheme) noexcept {
  return scheme == url_scheme::rtmpe || scheme == url_scheme::rtmpte;
}

bool is_tunnelled(url_scheme scheme) noexcept {
  return scheme == url_scheme::rtmpt || scheme == url_scheme::rtmpte || scheme == url_scheme::rtmpts;
}

std::string authority_of(const stream_url& url) {
  const bool is_ipv6 = url.host().find(':') != std::string::npos;
  return is_ipv6 ? fmt::format("[{}]:{}", url.host(), url.port()) : fmt::format("{}:{}", url.host(), url.port());
}

}  // namespace

librtmp_publisher_factory::librtmp_publisher_factory(asio_event_loop& loop, connector& ways)
    : m_loop(loop), m_connector(ways), m_crew(loop) {}

librtmp_publisher_factory::~librtmp_publisher_factory() = default;

std::unique_ptr<publisher> librtmp_publisher_factory::make(const publish_target& target, publisher_events& events) {
  return std::make_unique<librtmp_publisher>(*this, target, events);
}

librtmp_publisher::librtmp_publisher(librtmp_publisher_factory& shared, const publish_target& target,
                                     publisher_events& events)
    : m_shared(shared), m_target(target), m_events(events), m_own_words(own_limits) {
  m_deadline = m_shared.m_loop.make_timer([this] { on_deadline(); });
  m_report = m_shared.m_loop.make_timer([this] { m_events.on_failed(m_reason, m_text); });
}

librtmp_publisher::~librtmp_publisher() = default;

void librtmp_publisher::start() {
  if (m_stage != stage::idle) return;
  connect();
}

void librtmp_publisher::connect() {
  m_stage = stage::connecting;
  m_phase = connect_phase::resolve;
  connect_target way;
  way.host = m_target.url.host();
  way.port = m_target.url.port();
  way.link = m_target.link;
  way.is_tls = m_target.url.is_tls();
  way.tls = m_target.tls;
  way.resolve_timeout = m_target.resolve_timeout;
  way.tcp_timeout = m_target.tcp_timeout;
  way.tls_timeout = m_target.handshake_timeout;
  way.attempt = m_target.handshake_seed;
  m_operation = m_shared.m_connector.connect(
      way, [this](connect_stage reached) { report_phase(phase_of(reached)); },
      [this](connector::connect_result answer) { on_connected(std::move(answer)); });
}

/// Host and address of a server whose name a secret made are as secret.
error librtmp_publisher::without_secret_host(error failure) const {
  if (m_target.url.is_host_secret()) failure.message = fmt::format("***: {}", error_name(failure.code));
  return failure;
}

void librtmp_publisher::on_connected(connector::connect_result answer) {
  if (!answer) {
    const disconnect_reason reason = connecting_reason(answer.error());
    return fail(reason, without_secret_host(std::move(answer.error().cause)).message);
  }
  librtmp_pipe_options options;
  options.worker.is_encrypted = is_encrypted(m_target.url.scheme());
  options.worker.chunk_size = m_target.chunk_size;
  options.worker.handshake_timeout = m_target.handshake_timeout;
  if (is_tunnelled(m_target.url.scheme())) options.tunnel_authority = authority_of(m_target.url);
  librtmp_pipe_events& listener = *this;
  m_pipe = std::make_unique<librtmp_pipe>(m_shared.m_crew, std::move(*answer), listener, options);
  if (const result<void> started = m_pipe->start(); !started) {
    return fail(disconnect_reason::internal_error, started.error().message);
  }
  begin_dialogue();
}

void librtmp_publisher::begin_dialogue() {
  client_dialogue_options options;
  options.app = m_target.url.app();
  options.tc_url = m_target.url.tc_url();
  options.stream_key = m_target.url.key();
  options.is_app_secret = m_target.url.is_app_secret();
  options.chunk_size = m_target.chunk_size;
  m_dialogue = std::make_unique<client_dialogue>(std::move(options));
  m_dialogue->hold_publish();
  m_own_words.reset();
  m_stage = stage::talking;
  m_deadline->arm_after(m_target.handshake_timeout);
  report_phase(connect_phase::handshake);
}

void librtmp_publisher::report_phase(connect_phase phase) {
  if (phase == m_phase) return;
  m_phase = phase;
  m_events.on_phase(phase);
}

void librtmp_publisher::on_pipe_open() {
  if (m_stage == stage::stopping) return;
  skip_handshake();
  follow_dialogue();
}

/// The library has shaken hands; the dialogue is told so by a handshake that never was on the wire.
void librtmp_publisher::skip_handshake() {
  m_dialogue->start();
  m_dialogue->consume_output(m_dialogue->pending_output().size());
  std::array<uint8_t, 1 + 2 * handshake::part_bytes> answer{};
  answer[0] = handshake::version;
  static_cast<void>(m_dialogue->receive({answer.data(), answer.size()}));
  m_dialogue->consume_output(handshake::part_bytes);
}

void librtmp_publisher::flush_dialogue() {
  const byte_view words = m_dialogue->pending_output();
  if (words.empty()) return;
  // What the dialogue says is ours: it cannot be a violation.
  static_cast<void>(m_own_words.feed(words, *this));
  m_dialogue->consume_output(words.size());
}

result<void> librtmp_publisher::on_message(const rtmp_message& message) {
  // The worker has announced it behind the handshake.
  if (message.header.type == message_type::set_chunk_size) return {};
  m_pipe->send(librtmp_packet::make(message.header, {}, message.payload));
  return {};
}

void librtmp_publisher::on_pipe_received(byte_view bytes) {
  if (const result<void> taken = m_dialogue->receive(bytes); !taken) {
    return fail(disconnect_reason::protocol_violation, taken.error().message);
  }
  follow_dialogue();
}

void librtmp_publisher::follow_dialogue() {
  const dialogue_phase phase = m_dialogue->phase();
  if (m_stage == stage::stopping) {
    if (m_dialogue->is_unpublished() || phase == dialogue_phase::failed) {
      return fail(disconnect_reason::user_request, "unpublished");
    }
  } else if (phase == dialogue_phase::failed) {
    return fail(dialogue_reason(m_dialogue->failure()), m_dialogue->description());
  }
  flush_dialogue();
  if (m_stage != stage::talking) return;
  report_phase(phase_of(phase));
  if (m_stage != stage::talking) return;
  if (phase == dialogue_phase::publishing) {
    m_deadline->cancel();
    m_stage = stage::publishing;
    m_events.on_published();
  } else if (phase == dialogue_phase::publish && m_dialogue->is_ready_to_publish()) {
    m_deadline->cancel();
    m_stage = stage::ready;
    m_shared.m_connector.confirm(m_target.url.host(), remote());
    m_events.on_ready_to_publish();
  }
}

void librtmp_publisher::publish() {
  if (m_stage != stage::ready) return;
  m_stage = stage::talking;
  m_deadline->arm_after(m_target.handshake_timeout);
  m_dialogue->publish();
  flush_dialogue();
}

message_header librtmp_publisher::header_of(const outgoing_tag& item) const noexcept {
  message_header header;
  header.timestamp_ms = item.timestamp_ms;
  header.message_stream_id = m_dialogue->message_stream_id();
  if (item.tag->is_video_track()) {
    header.type = message_type::video;
    header.chunk_stream_id = chunk_stream::video;
  } else if (item.tag->is_audio_track()) {
    header.type = message_type::audio;
    header.chunk_stream_id = chunk_stream::audio;
  } else {
    header.type = message_type::data_amf0;
    header.chunk_stream_id = chunk_stream::data;
  }
  return header;
}

size_t librtmp_publisher::write(const outgoing_tag* tags, size_t count, video_dialect dialect) {
  if (m_stage != stage::publishing) return 0;
  size_t taken = 0;
  for (; taken < count && m_pipe->can_send(); ++taken) {
    const flv_tag& tag = *tags[taken].tag;
    m_pipe->send(librtmp_packet::make(header_of(tags[taken]), tag.head(dialect), tag.body));
  }
  if (taken < count) m_pipe->request_space();
  return taken;
}

void librtmp_publisher::on_pipe_space() {
  if (m_stage == stage::publishing) m_events.on_writable();
}

bool librtmp_publisher::is_drained() const noexcept {
  return !m_pipe || m_pipe->in_flight() == 0;
}

size_t librtmp_publisher::pending_bytes() const noexcept {
  return m_pipe ? m_pipe->in_flight() : 0;
}

stream_counters librtmp_publisher::sample() const {
  return m_pipe ? m_pipe->sample() : stream_counters{};
}

endpoint librtmp_publisher::local() const {
  return m_pipe ? m_pipe->transport().local() : endpoint{};
}

endpoint librtmp_publisher::remote() const {
  return m_pipe ? m_pipe->transport().remote() : endpoint{};
}

std::string librtmp_publisher::security() const {
  return m_pipe ? m_pipe->transport().security() : std::string();
}

void librtmp_publisher::stop(duration deadline) {
  if (m_stage == stage::stopping || m_stage == stage::finished) return;
  const bool has_stream = m_stage == stage::publishing || m_stage == stage::ready ||
                          (m_stage == stage::talking && m_dialogue->message_stream_id() != 0 &&
                           m_dialogue->phase() == dialogue_phase::publish);
  if (!has_stream) return fail(disconnect_reason::user_request, "stopped");
  m_stage = stage::stopping;
  m_deadline->arm_after(deadline);
  m_dialogue->unpublish();
  flush_dialogue();
}

void librtmp_publisher::on_deadline() {
  if (m_stage == stage::stopping) {
    return fail(disconnect_reason::user_request, "stopped without the server's confirmation");
  }
  const auto seconds = static_cast<double>(m_target.handshake_timeout.count()) / 1000;
  fail(disconnect_reason::handshake_timeout,
       fmt::format("the server did not answer ({}) within {:g} s", phase_name(m_phase), seconds));
}

void librtmp_publisher::on_pipe_ended(const librtmp_pipe_end& end) {
  if (m_stage == stage::stopping) return fail(disconnect_reason::user_request, "unpublished, closed by the server");
  switch (end.why) {
    case librtmp_pipe_end::kind::closed:
      return fail(disconnect_reason::closed_by_server, "the server closed the connection");
    case librtmp_pipe_end::kind::lost:
      return fail(connected_reason(end.code), fmt::format("connection lost: {}", error_name(end.code)));
    case librtmp_pipe_end::kind::violation:
      return fail(end.code == error_code::access_denied ? disconnect_reason::server_error
                                                        : disconnect_reason::protocol_violation,
                  end.text);
    case librtmp_pipe_end::kind::library:
      return fail(m_phase == connect_phase::handshake ? disconnect_reason::protocol_violation
                                                      : disconnect_reason::connection_reset,
                  end.text);
  }
}

void librtmp_publisher::fail(disconnect_reason reason, std::string text) {
  if (m_stage == stage::finished) return;
  m_stage = stage::finished;
  m_reason = reason;
  m_text = std::move(text);
  m_deadline->cancel();
  m_operation.reset();
  // A FIN before the close lets what is still in the send buffer arrive.
  if (m_pipe) m_pipe->close(reason == disconnect_reason::user_request);
  m_report->arm_after(duration(0));
}

}  // namespace campush

#include "rtmp/librtmp_publisher.h"

#include <fmt/format.h>

#include <array>

#include "rtmp/protocol/handshake.h"
#include "rtmp/publish_wire.h"

namespace campush {

namespace {

/// For what our own dialogue says: commands with keys of any length it accepts.
constexpr chunk_limits own_limits = {1 << 20, 16 * 1024 * 1024, 16, 1 << 20, false};

/// As many as client_dialogue keeps for a server that does not read.
constexpr size_t max_words_in_flight = 64 * 1024;

connect_phase phase_of(connect_stage reached) noexcept {
  switch (reached) {
    case connect_stage::resolve: return connect_phase::resolve;
    case connect_stage::tcp: return connect_phase::tcp;
    case connect_stage::tls: return connect_phase::tls;
  }
  return connect_phase::none;
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
    : m_shared(shared), m_target(target), m_events(events), m_rounds(m_target), m_own_words(own_limits) {
  m_deadline = m_shared.m_loop.make_timer([this] { on_deadline(); });
  m_report = m_shared.m_loop.make_timer([this] { m_events.on_failed(m_reason, m_text); });
}

librtmp_publisher::~librtmp_publisher() = default;

void librtmp_publisher::start() {
  if (m_stage != stage::idle) return;
  m_phase = connect_phase::resolve;
  open_connection();
}

void librtmp_publisher::open_connection() {
  m_stage = stage::connecting;
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

void librtmp_publisher::on_connected(connector::connect_result answer) {
  m_last_pipe.reset();
  if (!answer) {
    publish_failure why = failure_of(answer.error(), m_target.url);
    return fail(why.reason, std::move(why.text));
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
  m_dialogue = std::make_unique<client_dialogue>(m_rounds.introduction());
  m_dialogue->hold_publish();
  m_own_words.reset();
  m_stage = stage::talking;
  m_deadline->arm_after(m_target.handshake_timeout);
  report_phase(connect_phase::handshake);
}

/// The server, the transport or the library ended this connection: there may be another one to make.
void librtmp_publisher::end_connection(publish_failure end) {
  if (std::optional<publish_failure> final_one = m_rounds.judge(*m_dialogue, std::move(end))) {
    if (m_dialogue->failure() == dialogue_failure::redirected) m_events.on_redirect(m_dialogue->redirect_target());
    return fail(final_one->reason, std::move(final_one->text));
  }
  m_deadline->cancel();
  m_pipe->close(false);
  m_last_pipe = std::move(m_pipe);
  open_connection();
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
  // The dialogue's own limit is for what waits in it, and here nothing does.
  if (m_pipe->words_in_flight() > max_words_in_flight) {
    fail(disconnect_reason::protocol_violation, "the server asks more than it reads");
  }
}

result<void> librtmp_publisher::on_message(const rtmp_message& message) {
  // The worker has announced it behind the handshake.
  if (message.header.type == message_type::set_chunk_size) return {};
  m_pipe->send_word(librtmp_packet::make(message.header, {}, message.payload));
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
    return end_connection(failure_of(*m_dialogue));
  }
  flush_dialogue();
  if (m_stage == stage::talking) follow_setup(phase);
  if (m_stage != stage::ready && m_stage != stage::publishing) return;
  if (const auto tc_url = m_dialogue->take_reconnect_request()) m_events.on_reconnect_request(*tc_url);
}

void librtmp_publisher::follow_setup(dialogue_phase phase) {
  report_phase(phase_of(phase));
  if (m_stage == stage::talking && m_dialogue->is_connected() && !m_has_told_answer) {
    m_has_told_answer = true;
    m_events.on_server_answer(m_rounds.answer_of(*m_dialogue));
  }
  if (m_stage != stage::talking) return;
  if (phase == dialogue_phase::publishing) {
    m_deadline->cancel();
    m_stage = stage::publishing;
    m_events.on_published();
  } else if (phase == dialogue_phase::publish && m_dialogue->is_ready_to_publish()) {
    m_deadline->cancel();
    m_stage = stage::ready;
    m_operation.reset();
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

size_t librtmp_publisher::write(const outgoing_tag* tags, size_t count, video_dialect dialect) {
  if (m_stage != stage::publishing) return 0;
  size_t taken = 0;
  for (; taken < count && m_pipe->can_send(); ++taken) {
    const flv_tag& tag = *tags[taken].tag;
    m_pipe->send(
        librtmp_packet::make(header_of(tags[taken], m_dialogue->message_stream_id()), tag.head(dialect), tag.body));
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
  if (m_phase == connect_phase::handshake) m_shared.m_connector.distrust(remote());
  const auto seconds = static_cast<double>(m_target.handshake_timeout.count()) / 1000;
  fail(disconnect_reason::handshake_timeout,
       fmt::format("the server did not answer ({}) within {:g} s", phase_name(m_phase), seconds));
}

void librtmp_publisher::on_pipe_ended(const librtmp_pipe_end& end) {
  if (m_stage == stage::stopping) return fail(disconnect_reason::user_request, "unpublished, closed by the server");
  const bool is_cut_off = end.why == librtmp_pipe_end::kind::transport && m_phase == connect_phase::handshake;
  if (is_cut_off) m_shared.m_connector.distrust(remote());
  end_connection(failure_of_pipe(end));
}

publish_failure librtmp_publisher::failure_of_pipe(const librtmp_pipe_end& end) const {
  const bool is_shaking_hands = m_phase == connect_phase::handshake;
  switch (end.why) {
    case librtmp_pipe_end::kind::transport: {
      publish_failure failure = failure_of(end.transport, m_pipe->transport());
      if (is_shaking_hands && end.transport.status == io_status::closed) {
        failure.text +=
            fmt::format(" before the handshake was done; it may not speak {}", scheme_name(m_target.url.scheme()));
      }
      return failure;
    }
    case librtmp_pipe_end::kind::web_server: return {disconnect_reason::server_error, end.text};
    case librtmp_pipe_end::kind::violation: return {disconnect_reason::protocol_violation, end.text};
    case librtmp_pipe_end::kind::library: break;
  }
  return {is_shaking_hands ? disconnect_reason::protocol_violation : disconnect_reason::connection_reset, end.text};
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

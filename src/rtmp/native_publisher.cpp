#include "rtmp/native_publisher.h"

#include <fmt/format.h>

#include <algorithm>

#include "rtmp/publish_wire.h"

namespace campush {

namespace {

constexpr connect_phase connector_phases[] = {connect_phase::resolve, connect_phase::tcp, connect_phase::tls};

}  // namespace

native_publisher_factory::native_publisher_factory(event_loop& loop, connector& ways)
    : m_loop(loop), m_connector(ways) {}

native_publisher_factory::~native_publisher_factory() = default;

std::unique_ptr<publisher> native_publisher_factory::make(const publish_target& target, publisher_events& events) {
  return std::make_unique<native_publisher>(*this, target, events);
}

native_publisher::native_publisher(native_publisher_factory& shared, const publish_target& target,
                                   publisher_events& events)
    : m_shared(shared), m_target(target), m_events(events), m_rounds(m_target) {
  m_deadline = m_shared.m_loop.make_timer([this] { on_deadline(); });
  m_report = m_shared.m_loop.make_timer([this] { m_events.on_failed(m_reason, m_text); });
}

native_publisher::~native_publisher() {
  if (m_stream) m_stream->set_events(nullptr);
}

void native_publisher::start() {
  if (m_stage != stage::idle) return;
  const url_scheme scheme = m_target.url.scheme();
  if (scheme != url_scheme::rtmp && scheme != url_scheme::rtmps) {
    return fail(disconnect_reason::bad_url,
                fmt::format("{}:// is not spoken by the native backend", scheme_name(scheme)));
  }
  m_phase = connect_phase::resolve;
  open_connection();
}

void native_publisher::open_connection() {
  m_stage = stage::connecting;
  m_is_blocked = false;
  connect_target target;
  target.host = m_target.url.host();
  target.port = m_target.url.port();
  target.link = m_target.link;
  target.is_tls = m_target.url.is_tls();
  target.tls = m_target.tls;
  target.resolve_timeout = m_target.resolve_timeout;
  target.tcp_timeout = m_target.tcp_timeout;
  target.tls_timeout = m_target.handshake_timeout;
  target.attempt = m_target.handshake_seed;
  m_operation = m_shared.m_connector.connect(
      target, [this](connect_stage next) { on_stage(next); },
      [this](connector::connect_result answer) { on_connected(std::move(answer)); });
}

void native_publisher::on_stage(connect_stage next) {
  report_phase(connector_phases[static_cast<size_t>(next)]);
}

void native_publisher::on_connected(connector::connect_result answer) {
  m_last_stream.reset();
  if (!answer) {
    publish_failure why = failure_of(answer.error(), m_target.url);
    return fail(why.reason, std::move(why.text));
  }
  m_stream = std::move(*answer);
  begin_dialogue();
}

void native_publisher::begin_dialogue() {
  m_dialogue = std::make_unique<client_dialogue>(m_rounds.introduction());
  m_dialogue->hold_publish();
  m_dialogue->start();
  m_stage = stage::talking;
  m_allowance.begin(m_shared.m_loop.now());
  m_deadline->arm_after(m_target.handshake_timeout);
  m_stream->set_events(this);
  report_phase(connect_phase::handshake);
  if (m_stage == stage::talking) pump(nullptr, 0, video_dialect::legacy);
}

/// The server or the transport ended this connection: there may be another one to make.
void native_publisher::end_connection(publish_failure end) {
  if (std::optional<publish_failure> final_one = m_rounds.judge(*m_dialogue, std::move(end))) {
    if (m_dialogue->failure() == dialogue_failure::redirected) m_events.on_redirect(m_dialogue->redirect_target());
    return fail(final_one->reason, std::move(final_one->text));
  }
  m_deadline->cancel();
  m_stream->set_events(nullptr);
  m_stream->close();
  m_last_stream = std::move(m_stream);
  open_connection();
}

void native_publisher::report_phase(connect_phase phase) {
  if (phase == m_phase) return;
  m_phase = phase;
  m_events.on_phase(phase);
}

void native_publisher::publish() {
  if (m_stage != stage::ready) return;
  m_stage = stage::talking;
  m_deadline->arm_after(m_target.handshake_timeout);
  m_dialogue->publish();
  pump(nullptr, 0, video_dialect::legacy);
}

bool native_publisher::is_drained() const noexcept {
  return !m_partial_tag && (!m_dialogue || m_dialogue->pending_output().empty());
}

size_t native_publisher::pending_bytes() const noexcept {
  return m_partial_tag ? m_partial.remaining_bytes() : 0;
}

stream_counters native_publisher::sample() const {
  return m_stream ? m_stream->sample() : stream_counters{};
}

endpoint native_publisher::local() const {
  return m_stream ? m_stream->local() : endpoint{};
}
endpoint native_publisher::remote() const {
  return m_stream ? m_stream->remote() : endpoint{};
}
std::string native_publisher::security() const {
  return m_stream ? m_stream->security() : std::string();
}

void native_publisher::stop(duration deadline) {
  if (m_stage == stage::stopping || m_stage == stage::finished) return;
  const bool has_stream = m_stage == stage::publishing || m_stage == stage::ready ||
                          (m_stage == stage::talking && m_dialogue->message_stream_id() != 0 &&
                           m_dialogue->phase() == dialogue_phase::publish);
  if (!has_stream) return fail(disconnect_reason::user_request, "stopped");
  m_stage = stage::stopping;
  m_deadline->arm_after(deadline);
  m_dialogue->unpublish();
  pump(nullptr, 0, video_dialect::legacy);
}

void native_publisher::on_deadline() {
  const auto seconds = [](std::chrono::milliseconds limit) { return static_cast<double>(limit.count()) / 1000; };
  switch (m_stage) {
    case stage::talking:
      // One that has spoken RTMP is only slow: its next hop may have to be asked.
      if (m_phase == connect_phase::handshake) m_shared.m_connector.distrust(remote());
      return fail(disconnect_reason::handshake_timeout,
                  fmt::format("the server did not answer ({}) within {:g} s", phase_name(m_phase),
                              seconds(m_target.handshake_timeout)));
    case stage::stopping: return fail(disconnect_reason::user_request, "stopped without the server's confirmation");
    default: return;
  }
}

void native_publisher::on_readable() {
  while (m_stream && m_stage != stage::finished) {
    const io_outcome outcome = m_stream->read_some(m_shared.m_received.data(), m_shared.m_received.size());
    if (outcome.status == io_status::would_block) return;
    if (outcome.status != io_status::ok) return on_end_of_stream(outcome);
    if (!is_read_allowed(outcome.bytes)) {
      return fail(disconnect_reason::protocol_violation, "the server sends far more than a publisher can expect");
    }
    on_bytes({m_shared.m_received.data(), outcome.bytes});
  }
}

bool native_publisher::is_read_allowed(size_t bytes) noexcept {
  return m_allowance.take(bytes, m_shared.m_loop.now());
}

void native_publisher::on_bytes(byte_view bytes) {
  if (const result<void> taken = m_dialogue->receive(bytes); !taken) {
    return fail(disconnect_reason::protocol_violation, taken.error().message);
  }
  follow_dialogue();
}

void native_publisher::follow_dialogue() {
  const dialogue_phase phase = m_dialogue->phase();
  if (m_stage == stage::stopping) {
    if (m_dialogue->is_unpublished() || phase == dialogue_phase::failed) {
      return fail(disconnect_reason::user_request, "unpublished");
    }
  } else if (phase == dialogue_phase::failed) {
    return end_connection(failure_of(*m_dialogue));
  }
  pump(nullptr, 0, video_dialect::legacy);
  if (m_stage == stage::talking) follow_setup(phase);
  if (m_stage != stage::ready && m_stage != stage::publishing) return;
  if (const auto tc_url = m_dialogue->take_reconnect_request()) m_events.on_reconnect_request(*tc_url);
}

void native_publisher::follow_setup(dialogue_phase phase) {
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
    m_shared.m_connector.confirm(m_target.url.host(), m_stream->remote());
    m_events.on_ready_to_publish();
  }
}

void native_publisher::on_end_of_stream(const io_outcome& outcome) {
  if (m_stage == stage::stopping) return fail(disconnect_reason::user_request, "unpublished, closed by the server");
  if (m_phase == connect_phase::handshake) m_shared.m_connector.distrust(remote());
  end_connection(failure_of(outcome, *m_stream));
}

/// A server that refuses says why and closes; the reset may be noticed by a write before its words are read.
void native_publisher::on_write_failed(const io_outcome& outcome) {
  for (bool goes_on = true; goes_on;) {
    const io_outcome read = m_stream->read_some(m_shared.m_received.data(), m_shared.m_received.size());
    goes_on = read.status == io_status::ok && is_read_allowed(read.bytes) &&
              m_dialogue->receive({m_shared.m_received.data(), read.bytes});
  }
  if (m_stage != stage::stopping && m_dialogue->phase() == dialogue_phase::failed) {
    return end_connection(failure_of(*m_dialogue));
  }
  on_end_of_stream(outcome);
}

void native_publisher::on_writable() {
  m_is_blocked = false;
  pump(nullptr, 0, video_dialect::legacy);
  if (!m_is_blocked && m_stage == stage::publishing) m_events.on_writable();
}

size_t native_publisher::write(const outgoing_tag* tags, size_t count, video_dialect dialect) {
  return m_stage == stage::publishing ? pump(tags, count, dialect) : 0;
}

size_t native_publisher::pump(const outgoing_tag* tags, size_t count, video_dialect dialect) {
  size_t taken = 0;
  while (m_stream && m_stage != stage::finished && !m_is_blocked) {
    const size_t fresh = prepare(tags + taken, count - taken, dialect);
    const size_t views = gather(fresh);
    if (views == 0) break;
    size_t offered = 0;
    for (size_t i = 0; i < views; ++i) offered += m_shared.m_views[i].size();
    const io_outcome outcome = m_stream->write_some(m_shared.m_views.data(), views);
    if (outcome.status == io_status::closed || outcome.status == io_status::failed) {
      on_write_failed(outcome);
      break;
    }
    const size_t moved = outcome.status == io_status::ok ? outcome.bytes : 0;
    taken += settle(tags + taken, fresh, moved);
    if (moved < offered) {
      m_is_blocked = true;
      m_stream->request_writable();
    }
  }
  return taken;
}

size_t native_publisher::prepare(const outgoing_tag* tags, size_t count, video_dialect dialect) noexcept {
  const size_t fresh = std::min(count, m_shared.m_messages.size());
  for (size_t i = 0; i < fresh; ++i) {
    const flv_tag& tag = *tags[i].tag;
    m_shared.m_messages[i] = chunked_message(header_of(tags[i], m_dialogue->message_stream_id()), tag.head(dialect),
                                             tag.body, m_dialogue->chunk_size());
  }
  return fresh;
}

size_t native_publisher::gather(size_t fresh) noexcept {
  byte_view* const views = m_shared.m_views.data();
  const size_t capacity = m_shared.m_views.size();
  size_t used = m_partial_tag ? m_partial.gather(views, capacity) : 0;
  const byte_view answers = m_dialogue ? m_dialogue->pending_output() : byte_view{};
  if (!answers.empty() && used < capacity) views[used++] = answers;
  for (size_t i = 0; i < fresh && used < capacity; ++i) {
    used += m_shared.m_messages[i].gather(views + used, capacity - used);
  }
  return used;
}

size_t native_publisher::settle(const outgoing_tag* tags, size_t fresh, size_t moved) noexcept {
  if (m_partial_tag) {
    const size_t share = std::min(moved, m_partial.remaining_bytes());
    m_partial.advance(share);
    moved -= share;
    if (m_partial.is_done()) m_partial_tag.reset();
  }
  const size_t answers = std::min(moved, m_dialogue->pending_output().size());
  m_dialogue->consume_output(answers);
  moved -= answers;
  size_t begun = 0;
  for (; begun < fresh && moved > 0; ++begun) {
    chunked_message& message = m_shared.m_messages[begun];
    const size_t share = std::min(moved, message.remaining_bytes());
    message.advance(share);
    moved -= share;
    if (message.is_done()) continue;
    m_partial = message;
    m_partial_tag = tags[begun].tag;
  }
  return begun;
}

void native_publisher::fail(disconnect_reason reason, std::string text) {
  if (m_stage == stage::finished) return;
  m_stage = stage::finished;
  m_reason = reason;
  m_text = std::move(text);
  m_deadline->cancel();
  m_operation.reset();
  if (m_stream) {
    // A FIN before the close lets what is still in the send buffer arrive.
    m_stream->set_events(nullptr);
    if (reason == disconnect_reason::user_request) m_stream->shutdown_write();
    m_stream->close();
  }
  m_report->arm_after(duration(0));
}

}  // namespace campush

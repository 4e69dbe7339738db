#include "rtmp/native_publisher.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

namespace campush {

namespace {

/// Of one address among many: a lost SYN is repeated after 1 s.
constexpr duration least_share = std::chrono::milliseconds(1500);

constexpr int64_t read_burst_bytes = 1 << 20;
constexpr int64_t read_bytes_per_second = 64 * 1024;

struct reason_of_code {
  error_code code;
  disconnect_reason while_connecting;
  disconnect_reason while_connected;
};
// TCP_USER_TIMEOUT ends a connection with timed_out: nothing was acknowledged for so long.
constexpr reason_of_code reason_table[] = {
    {error_code::connection_refused, disconnect_reason::connect_refused, disconnect_reason::connection_reset},
    {error_code::connection_reset, disconnect_reason::connect_refused, disconnect_reason::connection_reset},
    {error_code::closed_by_peer, disconnect_reason::connect_refused, disconnect_reason::closed_by_server},
    {error_code::timed_out, disconnect_reason::connect_timeout, disconnect_reason::ack_stall},
    {error_code::unreachable, disconnect_reason::unreachable, disconnect_reason::unreachable},
};

const reason_of_code* find_reason(error_code code) noexcept {
  const auto* found = std::find_if(std::begin(reason_table), std::end(reason_table),
                                   [code](const reason_of_code& row) { return row.code == code; });
  return found == std::end(reason_table) ? nullptr : found;
}

disconnect_reason connecting_reason(error_code code) noexcept {
  const reason_of_code* row = find_reason(code);
  return row ? row->while_connecting : disconnect_reason::unreachable;
}

disconnect_reason connected_reason(error_code code) noexcept {
  const reason_of_code* row = find_reason(code);
  return row ? row->while_connected : disconnect_reason::connection_reset;
}

disconnect_reason dialogue_reason(dialogue_failure failure) noexcept {
  switch (failure) {
    case dialogue_failure::closed_by_server: return disconnect_reason::closed_by_server;
    case dialogue_failure::name_in_use: return disconnect_reason::name_in_use;
    case dialogue_failure::denied: return disconnect_reason::denied;
    case dialogue_failure::server_error: return disconnect_reason::server_error;
    case dialogue_failure::protocol_violation: return disconnect_reason::protocol_violation;
    case dialogue_failure::auth_needed: return disconnect_reason::denied;
    case dialogue_failure::redirected: return disconnect_reason::redirected;
    case dialogue_failure::none: break;
  }
  return disconnect_reason::internal_error;
}

connect_phase phase_of(dialogue_phase phase) noexcept {
  switch (phase) {
    case dialogue_phase::idle:
    case dialogue_phase::handshake: return connect_phase::handshake;
    case dialogue_phase::connect: return connect_phase::connect;
    default: return connect_phase::publish;
  }
}

/// The system's own words for a name service that did not answer (EAI_AGAIN of glibc and of musl). A name that does not exist
/// is final.
bool is_temporary(const error& failure, std::string_view host) noexcept {
  std::string_view words = failure.message;
  if (words.substr(0, host.size()) == host) words.remove_prefix(host.size());
  return words.find("Temporary failure") != std::string_view::npos || words.find("Try again") != std::string_view::npos;
}

}  // namespace

native_publisher_factory::native_publisher_factory(event_loop& loop, network& streams, resolver& names)
    : m_loop(loop), m_network(streams), m_resolver(names) {}

native_publisher_factory::~native_publisher_factory() = default;

std::unique_ptr<publisher> native_publisher_factory::make(const publish_target& target, publisher_events& events) {
  return std::make_unique<native_publisher>(*this, target, events);
}

native_publisher::native_publisher(native_publisher_factory& shared, const publish_target& target,
                                   publisher_events& events)
    : m_shared(shared), m_target(target), m_events(events), m_read_allowance(read_burst_bytes) {
  m_deadline = m_shared.m_loop.make_timer([this] { on_deadline(); });
  m_report = m_shared.m_loop.make_timer([this] { m_events.on_failed(m_reason, m_text); });
}

native_publisher::~native_publisher() {
  if (m_stream) m_stream->set_events(nullptr);
}

void native_publisher::start() {
  if (m_stage != stage::idle) return;
  if (m_target.url.scheme() != url_scheme::rtmp) {
    return fail(disconnect_reason::bad_url, fmt::format("{}:// is not spoken by the native backend of this build",
                                                        scheme_name(m_target.url.scheme())));
  }
  m_stage = stage::resolving;
  m_phase = connect_phase::resolve;
  m_deadline->arm_after(m_target.resolve_timeout);
  m_operation =
      m_shared.m_resolver.resolve(m_target.url.host(), m_target.url.port(),
                                  [this](result<std::vector<endpoint>> answer) { on_resolved(std::move(answer)); });
}

void native_publisher::on_resolved(result<std::vector<endpoint>> answer) {
  if (!answer) {
    const bool may_come_back = is_temporary(answer.error(), m_target.url.host());
    const std::string why = without_secret_host(std::move(answer.error())).message;
    if (may_come_back) return try_known_addresses(why);
    return fail(disconnect_reason::dns_failed, "cannot resolve " + why);
  }
  if (answer->empty()) return try_known_addresses(about_host("the name has no address"));
  m_endpoints = std::move(*answer);
  // More than an attempt has time for: the next attempt begins with another one.
  if (m_endpoints.size() * least_share > m_target.tcp_timeout) {
    const auto first = static_cast<std::ptrdiff_t>(m_target.handshake_seed % m_endpoints.size());
    std::rotate(m_endpoints.begin(), m_endpoints.begin() + first, m_endpoints.end());
  }
  m_tcp_deadline = m_shared.m_loop.now() + m_target.tcp_timeout;
  m_stage = stage::connecting;
  report_phase(connect_phase::tcp);
  connect_next();
}

std::string native_publisher::about_host(std::string_view text) const {
  return fmt::format("{}: {}", m_target.url.is_host_secret() ? std::string_view("***") : m_target.url.host(), text);
}

/// Host and address of a server whose name a secret made are as secret.
error native_publisher::without_secret_host(error failure) const {
  if (m_target.url.is_host_secret()) failure.message = fmt::format("***: {}", error_name(failure.code));
  return failure;
}

void native_publisher::try_known_addresses(std::string_view why) {
  std::vector<endpoint> known = m_shared.m_addresses.recall(m_target.url.host(), m_target.url.port());
  if (known.empty()) return fail(disconnect_reason::dns_failed, fmt::format("cannot resolve {}", why));
  on_resolved(std::move(known));
}

void native_publisher::connect_next() {
  if (m_stage != stage::connecting) return;
  const auto left = std::max<duration>(m_tcp_deadline - m_shared.m_loop.now(), duration(0));
  if (m_next_endpoint == m_endpoints.size() || (m_next_endpoint > 0 && left == duration(0))) {
    return fail(connecting_reason(m_connect_error.code), m_connect_error.message);
  }
  // A dead first address (IPv6 without a route, say) must leave time for the others.
  const auto share = left / static_cast<int64_t>(m_endpoints.size() - m_next_endpoint);
  m_deadline->arm_after(std::min(left, std::max(share, least_share)));
  const endpoint& remote = m_endpoints[m_next_endpoint++];
  m_operation = m_shared.m_network.connect(
      remote, connect_options{},
      [this](result<std::unique_ptr<byte_stream>> answer) { on_connected(std::move(answer)); });
}

void native_publisher::on_connected(result<std::unique_ptr<byte_stream>> answer) {
  if (!answer) {
    m_connect_error = without_secret_host(std::move(answer.error()));
    return connect_next();
  }
  m_stream = std::move(*answer);
  begin_dialogue();
}

void native_publisher::begin_dialogue() {
  client_dialogue_options options;
  options.app = m_target.url.app();
  options.tc_url = m_target.url.tc_url();
  options.stream_key = m_target.url.key();
  options.is_app_secret = m_target.url.is_app_secret();
  options.chunk_size = m_target.chunk_size;
  options.handshake_seed = m_target.handshake_seed;
  m_dialogue = std::make_unique<client_dialogue>(std::move(options));
  m_dialogue->hold_publish();
  m_dialogue->start();
  m_stage = stage::talking;
  m_last_read = m_shared.m_loop.now();
  m_deadline->arm_after(m_target.handshake_timeout);
  m_stream->set_events(this);
  report_phase(connect_phase::handshake);
  if (m_stage == stage::talking) pump(nullptr, 0, video_dialect::legacy);
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
    case stage::resolving:
      m_operation.reset();
      return try_known_addresses(about_host(fmt::format("no answer within {:g} s", seconds(m_target.resolve_timeout))));
    case stage::connecting:
      m_operation.reset();
      m_connect_error =
          without_secret_host({error_code::timed_out, fmt::format("{}: no answer within the TCP deadline",
                                                                  m_endpoints[m_next_endpoint - 1].to_string())});
      return connect_next();
    case stage::talking:
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
  const time_point now = m_shared.m_loop.now();
  const auto elapsed_ms = std::chrono::duration_cast<std::chrono::milliseconds>(now - m_last_read).count();
  if (elapsed_ms > 0) {
    m_last_read = now;
    const int64_t refill = std::min<int64_t>(elapsed_ms, 60'000) * read_bytes_per_second / 1000;
    m_read_allowance = std::min(read_burst_bytes, m_read_allowance + refill);
  }
  m_read_allowance -= static_cast<int64_t>(bytes);
  return m_read_allowance >= 0;
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
    return fail(dialogue_reason(m_dialogue->failure()), m_dialogue->description());
  }
  pump(nullptr, 0, video_dialect::legacy);
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
    m_shared.m_addresses.remember(m_target.url.host(), m_endpoints);
    m_events.on_ready_to_publish();
  }
}

void native_publisher::on_end_of_stream(const io_outcome& outcome) {
  if (m_stage == stage::stopping) return fail(disconnect_reason::user_request, "unpublished, closed by the server");
  if (outcome.status == io_status::closed) {
    return fail(disconnect_reason::closed_by_server, "the server closed the connection");
  }
  fail(connected_reason(outcome.failure), fmt::format("connection lost: {}", error_name(outcome.failure)));
}

/// A server that refuses says why and closes; the reset may be noticed by a write before its words are read.
void native_publisher::on_write_failed(const io_outcome& outcome) {
  for (bool goes_on = true; goes_on;) {
    const io_outcome read = m_stream->read_some(m_shared.m_received.data(), m_shared.m_received.size());
    goes_on = read.status == io_status::ok && is_read_allowed(read.bytes) &&
              m_dialogue->receive({m_shared.m_received.data(), read.bytes});
  }
  if (m_stage != stage::stopping && m_dialogue->phase() == dialogue_phase::failed) {
    return fail(dialogue_reason(m_dialogue->failure()), m_dialogue->description());
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

message_header native_publisher::header_of(const outgoing_tag& item) const noexcept {
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

size_t native_publisher::prepare(const outgoing_tag* tags, size_t count, video_dialect dialect) noexcept {
  const size_t fresh = std::min(count, m_shared.m_messages.size());
  for (size_t i = 0; i < fresh; ++i) {
    const flv_tag& tag = *tags[i].tag;
    m_shared.m_messages[i] = chunked_message(header_of(tags[i]), tag.head(dialect), tag.body, m_dialogue->chunk_size());
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

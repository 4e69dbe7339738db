#include "server/rtmp_server.h"

#include <algorithm>

#include "server/server_connection.h"
#include "util/log.h"

namespace campush {

namespace {

constexpr size_t read_buffer_bytes = 256 * 1024;
constexpr size_t max_shown_name = 16;
constexpr size_t max_shown_app = 64;

bool is_word_character(char each) noexcept {
  return (each >= 'a' && each <= 'z') || (each >= 'A' && each <= 'Z') || (each >= '0' && each <= '9') || each == '_';
}

/// A part of a file name: nothing in it leads out of the folder.
std::string file_part(std::string_view text) {
  std::string part(text.substr(0, 64));
  std::replace_if(
      part.begin(), part.end(), [](char each) { return !is_word_character(each) && each != '-'; }, '_');
  return part.empty() ? "_" : part;
}

void replace_unprintable(std::string& text) {
  std::replace_if(
      text.begin(), text.end(), [](char each) { return each < '!' || each > '~'; }, '?');
}

}  // namespace

std::string shown_app_name(std::string_view app) {
  std::string shown(app.substr(0, std::min(app.find('?'), max_shown_app)));
  replace_unprintable(shown);
  return shown;
}

std::string shown_stream_name(std::string_view name) {
  const bool is_plain = name.size() <= max_shown_name && std::all_of(name.begin(), name.end(), is_word_character);
  if (is_plain) return std::string(name);
  std::string shown(name.substr(0, 2));
  replace_unprintable(shown);
  return shown + "***";
}

void track_times::add(uint32_t timestamp_ms, uint32_t gap_ms) noexcept {
  if (count++ == 0) {
    first_ms = last_ms = timestamp_ms;
    return;
  }
  const auto step = static_cast<int32_t>(timestamp_ms - last_ms);
  last_ms = timestamp_ms;
  if (step <= 0) {
    ++backward_steps;
    return;
  }
  const auto forward = static_cast<uint32_t>(step);
  if (forward >= gap_ms) ++gaps;
  largest_step_ms = std::max(largest_step_ms, forward);
}

rtmp_server::rtmp_server(event_loop& loop, network& transport, rtmp_server_options options,
                         rtmp_server_listener* listener)
    : m_loop(loop),
      m_network(transport),
      m_options(std::move(options)),
      m_listener(listener),
      m_auth(m_options.auth, m_options.account),
      m_local(m_options.listen),
      m_reaper(loop.make_timer([this] { reap(); })),
      m_read_buffer(read_buffer_bytes) {}

rtmp_server::~rtmp_server() {
  stop();
}

result<endpoint> rtmp_server::start() {
  if (m_is_started) return m_local;
  if (result<void> opened = open_listener(); !opened) return tl::unexpected<error>(opened.error());
  m_is_started = true;
  // The port is taken first, so that a server which refuses has one to refuse on.
  if (m_faults.refuse_connections) m_acceptor.reset();
  return m_local;
}

result<void> rtmp_server::open_listener() {
  result<std::unique_ptr<stream_acceptor>> opened =
      m_network.listen(m_local, [this](std::unique_ptr<byte_stream> stream) { on_accepted(std::move(stream)); });
  if (!opened) return tl::unexpected<error>(wrap(std::move(opened.error()), "listening on " + m_local.to_string()));
  m_acceptor = std::move(*opened);
  m_local = m_acceptor->local();
  return {};
}

void rtmp_server::stop() {
  m_is_started = false;
  m_acceptor.reset();
  kill_all_connections();
}

void rtmp_server::kill_all_connections() {
  for (size_t i = 0; i < m_connections.size(); ++i) m_connections[i]->finish("server was killed");
}

std::vector<server_connection*> rtmp_server::publishers_of(std::string_view app, std::string_view name) const {
  std::vector<server_connection*> found;
  for (const auto& [path, connection] : m_live) {
    const rtmp_stream_stats& stats = connection->stats();
    if (name.empty() || (stats.app == app && stats.name == name)) found.push_back(connection);
  }
  return found;
}

size_t rtmp_server::unpublish(std::string_view app, std::string_view name) {
  const std::vector<server_connection*> kicked = publishers_of(app, name);
  for (server_connection* each : kicked) each->kick("unpublished by the operator");
  return kicked.size();
}

size_t rtmp_server::ask_to_reconnect(std::string_view app, std::string_view name, std::string_view tc_url) {
  const std::vector<server_connection*> asked = publishers_of(app, name);
  for (server_connection* each : asked) each->ask_to_reconnect(tc_url);
  return asked.size();
}

void rtmp_server::set_faults(const rtmp_server_faults& faults) {
  m_faults = faults;
  if (!m_is_started) return;
  if (faults.refuse_connections) {
    m_acceptor.reset();
  } else if (m_acceptor == nullptr) {
    if (result<void> opened = open_listener(); !opened) log_error(log_module::server, "{}", opened.error().message);
  }
}

void rtmp_server::on_accepted(std::unique_ptr<byte_stream> stream) {
  if (m_connections.size() >= m_options.max_connections) {
    stream->close();
    return;
  }
  ++m_totals.connections_accepted;
  ++m_totals.connections_open;
  m_connections.push_back(std::make_unique<server_connection>(*this, std::move(stream)));
  m_connections.back()->start();
}

void rtmp_server::forget(server_connection&) {
  --m_totals.connections_open;
  m_reaper->arm_after(duration::zero());
}

void rtmp_server::reap() {
  m_connections.erase(
      std::remove_if(m_connections.begin(), m_connections.end(), [](const auto& each) { return each->is_finished(); }),
      m_connections.end());
}

std::vector<rtmp_stream_stats> rtmp_server::streams() const {
  std::vector<rtmp_stream_stats> all;
  for (const auto& [path, connection] : m_live) all.push_back(connection->stats());
  std::sort(all.begin(), all.end(), [](const auto& left, const auto& right) { return left.id < right.id; });
  all.insert(all.end(), m_ended.begin(), m_ended.end());
  return all;
}

std::string rtmp_server::recording_path(const rtmp_stream_stats& stream) const {
  return m_options.record_dir + '/' + file_part(stream.app) + '_' + file_part(stream.shown_name) + '_' +
         std::to_string(stream.id) + ".flv";
}

}  // namespace campush

#include "rtmp/session_manager.h"

#include <algorithm>

namespace campush {

namespace {

/// A destination that is removed may take its time; the server's confirmation has its own, shorter deadline.
constexpr duration leave_at_most = std::chrono::seconds(10);

}  // namespace

session_manager::session_manager(media_stream& stream, session_pool& pool, stream_finder siblings)
    : m_stream(stream),
      m_pool(pool),
      m_siblings(std::move(siblings)),
      m_done_timer(stream.loop().make_timer([this] { tell_if_done(); })) {}

session_manager::~session_manager() {
  for (entry& item : m_entries) m_pool.release(*item.destination_session);
}

result<void> session_manager::create(const session_config& config, shared_status published) {
  if (find(config.destination) != nullptr) {
    return fail(error_code::already_exists, "destination " + config.destination + " exists");
  }
  const bool has_predecessor = is_leaving(config.destination);
  session& fresh = m_pool.acquire();
  fresh.open(config, m_stream, std::move(published), this);
  fresh.set_control(m_control);
  m_entries.push_back({config.destination, &fresh, false});
  if (!has_predecessor) fresh.connect();
  return {};
}

result<void> session_manager::destroy(const std::string& destination) {
  entry* found = find_entry(destination);
  if (found == nullptr) return fail(error_code::not_found, "no destination " + destination);
  leave(*found, leave_at_most);
  return {};
}

result<void> session_manager::retry(const std::string& destination) {
  session* found = find(destination);
  if (found == nullptr) return fail(error_code::not_found, "no destination " + destination);
  found->retry();
  return {};
}

void session_manager::retry_all() {
  for (entry& item : m_entries) {
    if (!item.is_leaving) item.destination_session->retry();
  }
}

void session_manager::on_link_changed(bool has_new_path) {
  for (entry& item : m_entries) item.destination_session->on_link_changed(has_new_path);
}

void session_manager::on_stream_closing(const media_stream& stream) {
  for (entry& item : m_entries) item.destination_session->on_stream_closing(stream);
}

media_stream* session_manager::find_stream(uint32_t stream_id) {
  return m_siblings ? m_siblings(stream_id) : nullptr;
}

result<void> session_manager::ask_for_h264(const session& asker) {
  for (const entry& item : m_entries) {
    const session& other = *item.destination_session;
    if (&other == &asker || item.is_leaving || other.config().is_secondary || !other.holds_h265()) continue;
    return fail(error_code::busy, "destination " + item.destination + " holds H.265");
  }
  if (!m_control) return fail(error_code::unsupported, "no camera is attached");
  switch (m_control->set_codec(codec_id::h264)) {
    case control_outcome::accepted: break;
    case control_outcome::unsupported: return fail(error_code::unsupported, "it cannot change its codec");
    case control_outcome::failed: return fail(error_code::busy, "it did not change its codec");
  }
  if (std::find(m_needs_h264.begin(), m_needs_h264.end(), &asker) == m_needs_h264.end()) m_needs_h264.push_back(&asker);
  return {};
}

bool session_manager::join_h264(const session& asker) {
  if (m_needs_h264.empty()) return false;
  m_needs_h264.push_back(&asker);
  return true;
}

void session_manager::release_h264(const session& asker) noexcept {
  const auto gone = std::remove(m_needs_h264.begin(), m_needs_h264.end(), &asker);
  if (gone == m_needs_h264.end()) return;
  m_needs_h264.erase(gone, m_needs_h264.end());
  if (m_needs_h264.empty() && m_control) m_control->set_codec(codec_id::h265);
}

session* session_manager::find(const std::string& destination) noexcept {
  const entry* found = find_entry(destination);
  return found != nullptr ? found->destination_session : nullptr;
}

session_manager::entry* session_manager::find_entry(const std::string& destination) noexcept {
  const auto found = std::find_if(m_entries.begin(), m_entries.end(), [&destination](const entry& item) {
    return !item.is_leaving && item.destination == destination;
  });
  return found == m_entries.end() ? nullptr : &*found;
}

bool session_manager::is_leaving(const std::string& destination) const noexcept {
  return std::any_of(m_entries.begin(), m_entries.end(),
                     [&destination](const entry& item) { return item.is_leaving && item.destination == destination; });
}

size_t session_manager::size() const noexcept {
  return static_cast<size_t>(
      std::count_if(m_entries.begin(), m_entries.end(), [](const entry& item) { return !item.is_leaving; }));
}

void session_manager::set_control(std::shared_ptr<stream_control> control) {
  m_control = std::move(control);
  m_stream.set_control(m_control);
  for (entry& item : m_entries) item.destination_session->set_control(m_control);
}

void session_manager::shutdown(duration deadline, std::function<void()> done) {
  m_on_done = std::move(done);
  for (entry& item : m_entries) leave(item, deadline);
  m_done_timer->arm_after(m_entries.empty() ? duration(0) : deadline);
}

void session_manager::leave(entry& item, duration deadline) {
  item.is_leaving = true;
  session* const gone = item.destination_session;
  gone->disconnect(deadline, [this, gone] { on_left(*gone); });
}

void session_manager::on_left(session& gone) {
  const auto found = std::find_if(m_entries.begin(), m_entries.end(),
                                  [&gone](const entry& item) { return item.destination_session == &gone; });
  if (found == m_entries.end()) return;
  const std::string destination = found->destination;
  m_entries.erase(found);
  m_pool.release(gone);
  if (session* successor = find(destination); successor != nullptr && !is_leaving(destination)) successor->connect();
  if (m_entries.empty() && m_on_done) m_done_timer->arm_after(duration(0));
}

void session_manager::tell_if_done() {
  if (!m_on_done) return;
  // The callee may destroy this manager.
  const std::function<void()> tell = std::move(m_on_done);
  m_on_done = nullptr;
  tell();
}

}  // namespace campush

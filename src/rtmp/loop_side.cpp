#include "rtmp/loop_side.h"

#include <algorithm>

#include "util/log.h"

namespace campush {

namespace {

constexpr duration numbers_period = std::chrono::seconds(1);
constexpr duration close_at_most = std::chrono::seconds(10);

void report_failure(const char* what, const result<void>& outcome) {
  if (!outcome) log_warn(log_module::session, "{}: {}", what, outcome.error().message);
}

}  // namespace

void stream_inlet::tell_description(media_stream& stream) {
  if (!m_description) return;
  source_event opened;
  opened.description = &*m_description;
  stream.on_source_event(opened);
  m_description.reset();
}

void stream_inlet::on_frame(const media_frame& frame) {
  media_stream* const stream = m_stream.load(std::memory_order_acquire);
  if (stream == nullptr) return;
  tell_description(*stream);
  stream->on_frame(frame);
}

void stream_inlet::on_source_event(const source_event& event) {
  if (media_stream* const stream = m_stream.load(std::memory_order_acquire)) {
    tell_description(*stream);
    return stream->on_source_event(event);
  }
  m_description.reset();
  if (event.description != nullptr) m_description = *event.description;
}

loop_side::loop_side(const loop_services& services, const media_stream_options& streams)
    : m_services(services),
      m_options(streams),
      m_pool(*services.loop, *services.publishers, {services.links, services.capabilities, services.gate}) {}

loop_side::~loop_side() {
  if (m_hears_links) m_services.links->remove(*this);
  // A session may push another stream of its camera, which must not go before it.
  for (const auto& [key, node] : m_streams) release_stream(node->stream);
  for (const auto& node : m_closing) release_stream(node->stream);
}

void loop_side::on_link_changed(bool has_new_path) {
  for (const auto& [key, node] : m_streams) node->sessions.on_link_changed(has_new_path);
}

void loop_side::release_stream(const media_stream& closing) {
  for (const auto& [key, node] : m_streams) node->sessions.on_stream_closing(closing);
  for (const auto& node : m_closing) node->sessions.on_stream_closing(closing);
}

void loop_side::open_stream(stream_key key, const std::string& name, const std::shared_ptr<stream_inlet>& inlet,
                            const shared_numbers& numbers) {
  if (!m_numbers_timer) {
    m_numbers_timer = loop().make_timer([this] { publish_numbers(); });
    m_reaper = loop().make_timer([this] { reap(); });
    m_numbers_timer->arm_after(numbers_period);
    m_hears_links = m_services.links != nullptr;
    if (m_hears_links) m_services.links->add(*this);
  }
  const auto siblings = [this, camera_id = key.camera_id](uint32_t stream_id) -> media_stream* {
    const auto found = m_streams.find({camera_id, stream_id});
    return found != m_streams.end() ? &found->second->stream : nullptr;
  };
  auto node = std::make_unique<stream_node>(key, name, loop(), m_options, m_pool, siblings);
  node->inlet = inlet;
  node->numbers = numbers;
  inlet->attach(&node->stream);
  m_streams[key] = std::move(node);
}

void loop_side::close_stream(stream_key key) {
  const auto found = m_streams.find(key);
  if (found == m_streams.end()) return;
  m_closing.push_back(std::move(found->second));
  m_streams.erase(found);
  stream_node* const node = m_closing.back().get();
  node->inlet->attach(nullptr);
  release_stream(node->stream);
  // The sessions say goodbye first; the node goes from a timer, outside the call that tells so.
  node->sessions.shutdown(close_at_most, [this, node] {
    node->is_closed = true;
    m_reaper->arm_after(duration(0));
  });
}

void loop_side::reap() {
  const auto is_closed = [](const std::unique_ptr<stream_node>& node) { return node->is_closed; };
  m_closing.erase(std::remove_if(m_closing.begin(), m_closing.end(), is_closed), m_closing.end());
}

session_manager* loop_side::sessions_of(stream_key key) noexcept {
  const auto found = m_streams.find(key);
  return found == m_streams.end() ? nullptr : &found->second->sessions;
}

void loop_side::set_control(stream_key key, std::shared_ptr<stream_control> control) {
  if (session_manager* sessions = sessions_of(key)) sessions->set_control(std::move(control));
}

void loop_side::create_session(const session_config& config, const shared_status& published) {
  session_manager* sessions = sessions_of({config.camera_id, config.stream_id});
  if (sessions != nullptr) report_failure("create_session", sessions->create(config, published));
}

void loop_side::destroy_session(stream_key key, const std::string& destination) {
  if (session_manager* sessions = sessions_of(key)) report_failure("destroy_session", sessions->destroy(destination));
}

void loop_side::retry(stream_key key, const std::string& destination) {
  if (session_manager* sessions = sessions_of(key)) report_failure("retry", sessions->retry(destination));
}

void loop_side::retry_all() {
  for (auto& [key, node] : m_streams) node->sessions.retry_all();
}

void loop_side::shutdown(duration deadline, std::function<void()> done) {
  m_on_shut_down = std::move(done);
  m_shutting_down = m_streams.size() + 1;
  const auto count_down = [this] {
    if (--m_shutting_down > 0 || !m_on_shut_down) return;
    const std::function<void()> tell = std::move(m_on_shut_down);
    m_on_shut_down = nullptr;
    tell();
  };
  for (auto& [key, node] : m_streams) node->sessions.shutdown(deadline, count_down);
  count_down();
}

void loop_side::publish_numbers() {
  m_numbers_timer->arm_after(numbers_period);
  for (auto& [key, node] : m_streams) {
    const media_stream& stream = node->stream;
    node->numbers->publish(
        {stream.current_state(), stream.counters(), stream.packager_counters(), stream.pool_counters()});
  }
}

}  // namespace campush

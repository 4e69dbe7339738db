#include "bench/push/push_world.h"

#include <fmt/format.h>

#include "util/log.h"

namespace campush::bench {

namespace {

constexpr duration spread = std::chrono::milliseconds(40);

}  // namespace

push_world::push_world(handover_listener* listener) {
  set_log_level(log_level::error);
  publisher_factory* publishers = &m_publishers;
  if (listener != nullptr) publishers = &m_probes.emplace(m_publishers, m_loop, *listener);
  m_sessions = std::make_unique<multi_session_manager>(std::vector<loop_services>{{&m_loop, publishers}},
                                                       media_stream_options{});
  m_thread = std::thread([this] { m_loop.run(); });
}

push_world::~push_world() {
  m_cameras.clear();
  m_sessions.reset();
  m_loop.stop();
  m_thread.join();
}

void push_world::start_cameras(const clip& played, uint32_t count) {
  const time_point begin = now() + std::chrono::milliseconds(50);
  for (uint32_t i = 0; i < count; ++i) {
    stream_observer& observer = m_sessions->open_stream({i, 0}, "main");
    m_cameras.push_back(std::make_unique<paced_camera>(played, observer, begin + spread * i / count));
  }
}

result<session_id> push_world::add_session(uint32_t stream, uint32_t number, std::vector<url_entry> urls,
                                           resume_mode resume) {
  session_config config;
  config.camera_id = stream;
  config.destination = fmt::format("d{}", number);
  config.urls = std::move(urls);
  config.resume = resume;
  config.retry_policy.jitter = 0;
  // The receiver's certificate is its own; what is measured begins after the handshakes.
  config.tls.insecure = true;
  return m_sessions->create_session(config);
}

result<void> push_world::wait_until_connected(uint32_t sessions, duration limit) {
  const time_point deadline = now() + limit;
  while (m_sessions->totals().active_sessions < sessions) {
    if (now() >= deadline) {
      return fail(error_code::timed_out,
                  fmt::format("{} of {} sessions are connected", m_sessions->totals().active_sessions, sessions));
    }
    sleep_for(std::chrono::milliseconds(5));
  }
  return {};
}

uint64_t push_world::frames_from_cameras() const noexcept {
  uint64_t sum = 0;
  for (const auto& camera : m_cameras) sum += camera->frames();
  return sum;
}

}  // namespace campush::bench

#include "device/camera_manager.h"

#include <algorithm>
#include <mutex>

#include "device/camera_instance.h"

namespace campush {

const char* camera_state_name(camera_state state) noexcept {
  switch (state) {
    case camera_state::stopped: return "stopped";
    case camera_state::starting: return "starting";
    case camera_state::running: return "running";
    case camera_state::reopening: return "reopening";
    case camera_state::ended: return "ended";
    case camera_state::unavailable: return "unavailable";
  }
  return "unknown";
}

/// 64 cameras of a recorder begin within 3.2 s: neither the disk nor the uplink sees all their first keyframes at once.
constexpr duration start_stagger = std::chrono::milliseconds(50);

/// The lock guards the list and the turns alone: no camera is started, stopped or asked under it, so that one that takes its time
/// delays nobody who reads status.
struct camera_manager::state {
  using camera_list = std::vector<std::shared_ptr<camera_instance>>;

  state(uint32_t limit, const clock& given_time, source_factory given_sources, stream_attachment given_attachment)
      : max_cameras(limit),
        time(given_time),
        sources(std::move(given_sources)),
        attachment(std::move(given_attachment)) {}

  static auto find(camera_list& list, uint32_t camera_id) {
    return std::find_if(list.begin(), list.end(),
                        [camera_id](const auto& camera) { return camera->config().camera_id == camera_id; });
  }

  /// When the camera that is started now opens its sources: at once, unless others have just been started.
  time_point next_turn() {
    const std::lock_guard<std::mutex> hold(mutex);
    const time_point turn = std::max(time.now(), free_turn);
    free_turn = turn + start_stagger;
    return turn;
  }

  const uint32_t max_cameras;
  const clock& time;
  const source_factory sources;
  const stream_attachment attachment;
  mutable std::mutex mutex;
  camera_list cameras;
  time_point free_turn{};  // guarded by mutex
};

camera_manager::camera_manager(uint32_t max_cameras, const clock& time, source_factory sources,
                               stream_attachment attachment)
    : m_state(std::make_unique<state>(max_cameras, time, std::move(sources), std::move(attachment))) {}

camera_manager::~camera_manager() {
  stop_all();
}

result<void> camera_manager::start(const camera_config& config) {
  const std::string name = "camera " + std::to_string(config.camera_id);
  {
    const std::lock_guard<std::mutex> hold(m_state->mutex);
    if (state::find(m_state->cameras, config.camera_id) != m_state->cameras.end()) {
      return fail(error_code::already_exists, name + " runs already");
    }
    if (m_state->cameras.size() >= m_state->max_cameras) {
      return fail(error_code::limit_reached,
                  name + ": max_cameras is " + std::to_string(m_state->max_cameras) + " and that many run already");
    }
  }
  auto camera = std::make_shared<camera_instance>(config, m_state->time, m_state->sources, m_state->attachment);
  camera->start(capture_drive::threads, m_state->next_turn());
  const std::lock_guard<std::mutex> hold(m_state->mutex);
  m_state->cameras.push_back(std::move(camera));
  return {};
}

result<void> camera_manager::stop(uint32_t camera_id) {
  std::shared_ptr<camera_instance> camera;
  {
    const std::lock_guard<std::mutex> hold(m_state->mutex);
    const auto found = state::find(m_state->cameras, camera_id);
    if (found == m_state->cameras.end()) {
      return fail(error_code::not_found, "camera " + std::to_string(camera_id) + " does not run");
    }
    camera = std::move(*found);
    m_state->cameras.erase(found);
  }
  camera->stop();
  return {};
}

result<void> camera_manager::restart(const camera_config& config) {
  if (auto stopped = stop(config.camera_id); !stopped) return stopped;
  return start(config);
}

void camera_manager::stop_all() {
  state::camera_list cameras;
  {
    const std::lock_guard<std::mutex> hold(m_state->mutex);
    cameras.swap(m_state->cameras);
  }
  for (const auto& camera : cameras) camera->request_stop();
  for (const auto& camera : cameras) camera->stop();
}

std::vector<camera_stream_status> camera_manager::status() const {
  state::camera_list cameras;
  {
    const std::lock_guard<std::mutex> hold(m_state->mutex);
    cameras = m_state->cameras;
  }
  std::vector<camera_stream_status> out;
  for (const auto& camera : cameras) {
    for (camera_stream_status& stream : camera->status()) out.push_back(std::move(stream));
  }
  const auto key = [](const camera_stream_status& stream) {
    return std::make_pair(stream.camera_id, stream.stream_id);
  };
  std::sort(out.begin(), out.end(), [&key](const auto& left, const auto& right) { return key(left) < key(right); });
  return out;
}

duration camera_manager::longest_step() const {
  const time_point now = m_state->time.now();
  const std::lock_guard<std::mutex> hold(m_state->mutex);
  duration longest{};
  for (const auto& camera : m_state->cameras) longest = std::max(longest, camera->longest_step(now));
  return longest;
}

}  // namespace campush

#include "app/agent.h"

#include <pthread.h>

#include <algorithm>

#include "app/version.h"
#include "config/loader.h"
#include "config/reload_plan.h"
#include "util/log.h"

namespace campush {

namespace {

double seconds(duration span) noexcept {
  return std::chrono::duration<double>(span).count();
}

camera_summary summarize(const camera_stream_status& status, time_point now) {
  camera_summary out;
  out.camera_id = status.camera_id;
  out.stream_id = status.stream_id;
  out.camera_name = status.camera_name;
  out.stream_name = status.stream_name;
  out.source = status.source;
  out.state = camera_state_name(status.state);
  out.video_codec = codec_name(status.video_codec);
  out.audio_codec = codec_name(status.audio_codec);
  out.width = status.width;
  out.height = status.height;
  out.frame_rate_declared = status.frame_rate_declared;
  out.frame_rate_measured = status.frame_rate_measured;
  out.video_frames = status.video_frames;
  out.audio_frames = status.audio_frames;
  out.keyframes = status.keyframes;
  out.bytes = status.bytes;
  out.failures = status.failures;
  out.reopens = status.reopens;
  out.health = status.health;
  out.last_error = status.last_error;
  if (status.last_frame_at != time_point{}) out.last_frame_age_s = seconds(now - status.last_frame_at);
  if (status.state == camera_state::reopening) out.next_reopen_in_s = seconds(status.next_reopen_in);
  return out;
}

/// For steps of a reload: the one that failed is logged, the others go on.
void log_refusal(const result<void>& outcome) {
  if (!outcome) log_error(log_module::app, "reload: {}", outcome.error().message);
}

}  // namespace

io_lane::io_lane()
    : streams(loop),
      names(loop),
      ways(loop, streams, names, links.get()),
      native(loop, ways),
      publishers(native, loop, ways),
      thread([this] {
        pthread_setname_np(pthread_self(), "io");
        loop.run();
      }) {}

io_lane::~io_lane() {
  loop.stop();
  thread.join();
}

agent::agent(asio_event_loop& control_loop, std::string config_path, const std::string& state_folder)
    : m_clock(control_loop.time()),
      m_control_loop(control_loop),
      m_config_path(std::move(config_path)),
      m_started_at(m_clock.now()),
      m_started_unix_s(std::chrono::duration_cast<std::chrono::seconds>(m_clock.wall_now().time_since_epoch()).count()),
      m_keeper(control_loop, state_folder.empty() ? "" : state_folder + "/servers.json") {}

agent::~agent() {
  m_http.reset();
  m_cameras.reset();
  m_sessions.reset();
}

void agent::make_lanes(uint32_t count) {
  std::vector<loop_services> services;
  for (uint32_t i = 0; i < count; ++i) {
    m_lanes.push_back(std::make_unique<io_lane>());
    loop_services& lane = services.emplace_back();
    lane.loop = &m_lanes.back()->loop;
    lane.publishers = &m_lanes.back()->publishers;
    lane.links = m_lanes.back()->links.get();
    lane.capabilities = &m_keeper.answers();
    lane.gate = m_gate.get();
  }
  m_sessions = std::make_unique<multi_session_manager>(std::move(services), media_stream_options{});
}

void agent::make_cameras(uint32_t max_cameras) {
  stream_attachment attachment;
  attachment.attach = [this](const camera_config& camera, const stream_config& stream,
                             std::shared_ptr<stream_control> control) -> stream_observer& {
    const stream_key key{camera.camera_id, stream.stream_id};
    stream_observer& observer = m_sessions->open_stream(key, stream.name);
    m_sessions->set_stream_control(key, std::move(control));
    return observer;
  };
  // The stream outlives its camera: sessions keep their connections over a restart (a silent source is their matter).
  attachment.detach = [this](const camera_config& camera, const stream_config& stream) {
    m_sessions->set_stream_control({camera.camera_id, stream.stream_id}, nullptr);
  };
  m_cameras = std::make_unique<camera_manager>(max_cameras, m_clock, default_source_factory(), std::move(attachment));
}

result<void> agent::start_http(const http_options& options) {
  auto token = options.listen.empty() ? result<secret_text>() : read_token(options.token_file);
  if (!token) return tl::unexpected(token.error());
  m_http.reset();
  m_api.reset();
  m_served_http = options;
  m_served_token = std::move(*token);
  if (options.listen.empty()) return {};
  m_api = std::make_unique<api>(*this, m_served_token);
  m_http = std::make_unique<http_server>(m_control_loop, *m_api);
  return m_http->start(options, !m_served_token.empty());
}

bool agent::is_served(const http_options& options) const {
  if (options != m_served_http) return false;
  const auto token = options.listen.empty() ? result<secret_text>() : read_token(options.token_file);
  return token && *token == m_served_token;
}

result<void> agent::start(system_config config) {
  m_config = std::move(config);
  m_gate = std::make_unique<reconnect_gate>(m_config.system.fleet, m_config.system.device_id, m_clock);
  make_lanes(m_config.system.io_threads);
  make_cameras(m_config.system.max_cameras);
  auto http = start_http(m_config.http);
  if (!http) return http;
  for (const session_config& session : m_config.sessions) create_session(session);
  // A camera's first keyframe must find its stream: the next one may be seconds away.
  m_sessions->wait_until_settled(std::chrono::seconds(1));
  for (const camera_config& camera : m_config.cameras) {
    if (camera.enabled) start_camera(camera);
  }
  return {};
}

void agent::start_camera(const camera_config& camera) {
  const auto started = m_cameras->start(camera);
  if (!started) log_error(log_module::app, "camera {}: {}", camera.camera_id, started.error().message);
}

void agent::create_session(const session_config& session) {
  const auto created = m_sessions->create_session(session);
  if (!created) {
    log_error(log_module::app, "session cam{}_stream{}/{}: {}", session.camera_id, session.stream_id,
              session.destination, created.error().message);
  }
}

result<void> agent::reload() {
  auto loaded = load_system_config(m_config_path);
  if (!loaded) {
    ++m_failed_reloads;
    log_error(log_module::config, "reload refused, nothing has changed: {}", loaded.error().message);
    return tl::unexpected(loaded.error());
  }
  for (const std::string& warning : loaded->warnings) log_warn(log_module::config, "{}", warning);
  for (const std::string& problem : loaded->file_problems) log_warn(log_module::config, "{}", problem);
  apply(std::move(*loaded));
  ++m_reloads;
  return {};
}

void agent::apply(system_config wanted) {
  const reload_plan plan = make_reload_plan(m_config, wanted);
  // Sessions go before their streams, and come after them.
  for (const session_id& id : plan.sessions_to_destroy) log_refusal(m_sessions->destroy_session(id));
  for (const session_config& session : plan.sessions_to_replace) {
    log_refusal(m_sessions->destroy_session({session.camera_id, session.stream_id, session.destination}));
  }
  for (const uint32_t camera_id : plan.cameras_to_stop) {
    log_refusal(m_cameras->stop(camera_id));
    close_streams(camera_id, {});
  }
  for (const camera_config& camera : plan.cameras_to_restart) {
    log_refusal(m_cameras->stop(camera.camera_id));
    close_streams(camera.camera_id, camera.streams);
    start_camera(camera);
  }
  for (const camera_config& camera : plan.cameras_to_start) start_camera(camera);
  for (const session_config& session : plan.sessions_to_replace) create_session(session);
  for (const session_config& session : plan.sessions_to_create) create_session(session);
  if (plan.level) set_log_level(*plan.level);
  if (plan.log) log_refusal(configure_logging(*plan.log));
  if (!is_served(wanted.http)) log_refusal(start_http(wanted.http));
  for (const std::string& key : plan.needs_process_restart) {
    log_warn(log_module::config, "{} changes only with a restart of the program", key);
  }
  log_info(log_module::config, "reload: {}", plan.summary());
  // What a running process cannot change stays as it is, and is said again at the next reload.
  wanted.system.max_cameras = m_config.system.max_cameras;
  wanted.system.io_threads = m_config.system.io_threads;
  wanted.system.state_dir = m_config.system.state_dir;
  wanted.system.seccomp = m_config.system.seccomp;
  m_config = std::move(wanted);
}

void agent::close_streams(uint32_t camera_id, const std::vector<stream_config>& kept) {
  const auto is_kept = [&kept](const stream_config& stream) {
    return std::any_of(kept.begin(), kept.end(), [&stream](const stream_config& other) {
      return other.stream_id == stream.stream_id && other.name == stream.name;
    });
  };
  for (const camera_config& camera : m_config.cameras) {
    if (camera.camera_id != camera_id) continue;
    for (const stream_config& stream : camera.streams) {
      if (!is_kept(stream)) m_sessions->close_stream({camera_id, stream.stream_id});
    }
  }
}

agent_summary agent::summary() const {
  agent_summary out;
  out.version = version_text;
  out.device_id = m_config.system.device_id;
  out.config_path = m_config_path;
  out.uptime_s = seconds(m_clock.now() - m_started_at);
  out.started_unix_s = m_started_unix_s;
  out.reloads = m_reloads;
  out.failed_reloads = m_failed_reloads;
  return out;
}

std::vector<session_status> agent::sessions() const {
  return m_sessions->status();
}
session_totals agent::totals() const {
  return m_sessions->totals();
}
std::vector<stream_status> agent::streams() const {
  return m_sessions->streams();
}
result<void> agent::retry(const session_id& id) {
  return m_sessions->retry(id);
}
void agent::retry_all() {
  m_sessions->retry_all();
}
void agent::stop_cameras() {
  m_cameras->stop_all();
}
void agent::be_watched_by(service_watchdog& watchdog) {
  for (size_t i = 0; i < m_lanes.size(); ++i) watchdog.watch(m_lanes[i]->loop, "io" + std::to_string(i));
}
duration agent::longest_capture_step() const {
  return m_cameras->longest_step();
}
endpoint agent::http_address() const noexcept {
  return m_http ? m_http->local() : endpoint{};
}

std::vector<camera_summary> agent::cameras() const {
  const time_point now = m_clock.now();
  std::vector<camera_summary> out;
  for (const camera_stream_status& status : m_cameras->status()) out.push_back(summarize(status, now));
  return out;
}

void agent::shutdown(duration deadline, std::function<void()> done) {
  // Sessions first: unpublishing takes network time that the cameras can end in meanwhile.
  m_sessions->shutdown(deadline, [this, done = std::move(done)]() mutable {
    m_control_loop.post([this, done = std::move(done)] {
      m_keeper.save_now();
      done();
    });
  });
  if (m_http) m_http->stop();
  m_cameras->stop_all();
}

}  // namespace campush

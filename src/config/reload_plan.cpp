#include "config/reload_plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <tuple>

namespace campush {

namespace {

auto target_of(const log_options& options) {
  const auto& [level, target, path, max_bytes, max_files, module_levels] = options;
  static_cast<void>(level);
  return std::tie(target, path, max_bytes, max_files, module_levels);
}

struct fixed_key {
  const char* name;
  bool (*is_same)(const system_options& running, const system_options& wanted);
};
/// What a process takes up once, at its start.
constexpr fixed_key fixed_keys[] = {
    {"system.max_cameras", [](const auto& a, const auto& b) { return a.max_cameras == b.max_cameras; }},
    {"system.io_threads", [](const auto& a, const auto& b) { return a.io_threads == b.io_threads; }},
    {"system.state_dir", [](const auto& a, const auto& b) { return a.state_dir == b.state_dir; }},
    {"system.start_splay_s", [](const auto& a, const auto& b) { return a.fleet.start_splay == b.fleet.start_splay; }},
    {"system.reconnect_limit",
     [](const auto& a, const auto& b) {
       return a.fleet.reconnects_per_s == b.fleet.reconnects_per_s &&
              a.fleet.reconnect_burst == b.fleet.reconnect_burst;
     }},
    {"system.seccomp", [](const auto& a, const auto& b) { return a.seccomp == b.seccomp; }},
};

session_id id_of(const session_config& session) {
  return {session.camera_id, session.stream_id, session.destination};
}

const camera_config* find_running(const std::vector<camera_config>& cameras, uint32_t camera_id) {
  const auto found = std::find_if(cameras.begin(), cameras.end(), [camera_id](const camera_config& camera) {
    return camera.enabled && camera.camera_id == camera_id;
  });
  return found == cameras.end() ? nullptr : &*found;
}

const session_config* find_session(const std::vector<session_config>& sessions, const session_id& id) {
  const auto found = std::find_if(sessions.begin(), sessions.end(),
                                  [&id](const session_config& session) { return id_of(session) == id; });
  return found == sessions.end() ? nullptr : &*found;
}

void plan_cameras(const system_config& running, const system_config& wanted, reload_plan& plan) {
  for (const camera_config& camera : running.cameras) {
    if (camera.enabled && find_running(wanted.cameras, camera.camera_id) == nullptr) {
      plan.cameras_to_stop.push_back(camera.camera_id);
    }
  }
  for (const camera_config& camera : wanted.cameras) {
    if (!camera.enabled) continue;
    const camera_config* before = find_running(running.cameras, camera.camera_id);
    if (before == nullptr) {
      plan.cameras_to_start.push_back(camera);
    } else if (*before != camera) {
      plan.cameras_to_restart.push_back(camera);
    }
  }
}

void plan_sessions(const system_config& running, const system_config& wanted, reload_plan& plan) {
  for (const session_config& session : running.sessions) {
    if (find_session(wanted.sessions, id_of(session)) == nullptr) plan.sessions_to_destroy.push_back(id_of(session));
  }
  for (const session_config& session : wanted.sessions) {
    const session_config* before = find_session(running.sessions, id_of(session));
    if (before == nullptr) {
      plan.sessions_to_create.push_back(session);
    } else if (*before != session) {
      plan.sessions_to_replace.push_back(session);
    }
  }
}

void plan_system(const system_config& running, const system_config& wanted, reload_plan& plan) {
  const log_options &before = running.system.log, &log = wanted.system.log;
  // set_log_level() speaks for every module, also for one that has a level of its own.
  const bool has_module_levels = std::any_of(log.module_levels.begin(), log.module_levels.end(),
                                             [](const auto& level) { return level.has_value(); });
  if (target_of(before) != target_of(log) || (has_module_levels && before.level != log.level)) {
    plan.log = log;
  } else if (before.level != log.level) {
    plan.level = log.level;
  }
  if (running.http != wanted.http) plan.http = wanted.http;
  for (const fixed_key& key : fixed_keys) {
    if (!key.is_same(running.system, wanted.system)) plan.needs_process_restart.emplace_back(key.name);
  }
}

void append_count(std::string& text, size_t count, std::string_view noun, std::string_view verb) {
  if (count == 0) return;
  text += fmt::format("{}{} {}{} {}", text.empty() ? "" : ", ", count, noun, count == 1 ? "" : "s", verb);
}

void append_word(std::string& text, bool is_there, std::string_view word) {
  if (is_there) text += fmt::format("{}{}", text.empty() ? "" : ", ", word);
}

}  // namespace

bool reload_plan::empty() const noexcept {
  return cameras_to_stop.empty() && cameras_to_restart.empty() && cameras_to_start.empty() &&
         sessions_to_destroy.empty() && sessions_to_replace.empty() && sessions_to_create.empty() && !level && !log &&
         !http && needs_process_restart.empty();
}

std::string reload_plan::summary() const {
  std::string text;
  append_count(text, cameras_to_stop.size(), "camera", "stopped");
  append_count(text, cameras_to_restart.size(), "camera", "restarted");
  append_count(text, cameras_to_start.size(), "camera", "started");
  append_count(text, sessions_to_destroy.size(), "session", "ended");
  append_count(text, sessions_to_replace.size(), "session", "replaced");
  append_count(text, sessions_to_create.size(), "session", "created");
  append_word(text, level.has_value(), "log level");
  append_word(text, log.has_value(), "log target");
  append_word(text, http.has_value(), "http");
  append_word(text, !needs_process_restart.empty(),
              fmt::format("after a restart of the process: {}", fmt::join(needs_process_restart, ", ")));
  return text.empty() ? "nothing changed" : text;
}

reload_plan make_reload_plan(const system_config& running, const system_config& wanted) {
  reload_plan plan;
  plan_cameras(running, wanted, plan);
  plan_sessions(running, wanted, plan);
  plan_system(running, wanted, plan);
  return plan;
}

}  // namespace campush

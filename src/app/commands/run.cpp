#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>

#include <fmt/format.h>

#include "app/agent.h"
#include "app/commands/commands.h"
#include "app/process_lock.h"
#include "app/service_watchdog.h"
#include "app/signal_thread.h"
#include "app/syscall_filter.h"
#include "app/version.h"
#include "config/loader.h"
#include "net/service_notifier.h"
#include "util/log.h"

namespace campush {

namespace {

constexpr auto shutdown_deadline = std::chrono::milliseconds(1800);
/// A thread that hangs in the system (a dead network disk, say) must not keep the process.
constexpr unsigned last_resort_s = 3;

int refuse(const error& problem) {
  std::fprintf(stderr, "%s\n", problem.message.c_str());
  return exit_usage;
}

std::string_view environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? std::string_view() : value;
}

/// The message with what `systemctl status` shows of us.
std::string with_status(std::string_view message, const agent& program) {
  const session_totals totals = program.totals();
  return fmt::format("{}\nSTATUS={} of {} sessions connected", message, totals.active_sessions, totals.sessions);
}

watchdog_options watchdog_of_the_environment() {
  watchdog_options options;
  options.interval = watchdog_interval(std::getenv("WATCHDOG_USEC"), std::getenv("WATCHDOG_PID"), ::getpid());
  return options;
}

void reload(agent& program, const asio_event_loop& loop, const service_notifier& manager) {
  log_info(log_module::app, "reload");
  manager.send(fmt::format("RELOADING=1\nMONOTONIC_USEC={}", loop.now().time_since_epoch().count()));
  // A refused reload is logged where it is refused, and the agent goes on as it was.
  const auto reloaded = program.reload();
  manager.send(with_status("READY=1", program));
  if (reloaded) log_info(log_module::app, "reload done");
}

struct run_state {
  agent& program;
  asio_event_loop& loop;
  const service_notifier& manager;
  bool is_stopping = false;
};

void on_signal(int number, run_state& state) {
  agent& program = state.program;
  switch (number) {
    case SIGHUP: return reload(program, state.loop, state.manager);
    case SIGUSR1:
      log_info(log_module::app, "retry of all sessions");
      program.retry_all();
      return;
    default:
      if (state.is_stopping) return;
      state.is_stopping = true;
      log_info(log_module::app, "stopping");
      state.manager.send("STOPPING=1");
      program.shutdown(shutdown_deadline, [&loop = state.loop] { loop.stop(); });
  }
}

/// Sessions have unpublished by now; what is left hangs in a driver, a plug-in or the C library, and nothing can end it. A supervisor asked
/// for the end of the process and gets it, as success.
void leave_without_the_rest(int) {
  constexpr char line[] = "campush: a driver or a plug-in does not return, the process ends without it\n";
  const ssize_t written = ::write(STDERR_FILENO, line, sizeof line - 1);
  static_cast<void>(written);  // nobody is left to be told
  ::_exit(exit_good);
}

}  // namespace

int run_command(const run_options& options) {
  asio_event_loop loop;
  std::function<void(int)> handle_signal;
  // Before any other thread, those that load plug-ins for the configuration among them: they inherit the blocked signals.
  const signal_thread signals([&](int number) {
    // Here and not on the loop, which may be what hangs.
    if (number == SIGTERM || number == SIGINT) ::alarm(last_resort_s);
    loop.post([&handle_signal, number] { handle_signal(number); });
  });
  std::signal(SIGALRM, leave_without_the_rest);
  std::signal(SIGPIPE, SIG_IGN);

  const std::string path = resolve_config_path(options.config);
  auto config = load_system_config(path);
  if (!config) return refuse(config.error());
  const auto logging = configure_logging(config->system.log);
  if (!logging) return refuse(logging.error());
  const auto folder = choose_state_folder(config->system.state_dir);
  if (!folder) return refuse(folder.error());
  const auto lock = process_lock::acquire(folder->path);
  if (!lock) return refuse(lock.error());

  log_info(log_module::app, "campush {} starts with {}", version_text, path);
  if (!folder->warning.empty()) log_warn(log_module::app, "{}", folder->warning);
  for (const std::string& warning : config->warnings) log_warn(log_module::config, "{}", warning);
  for (const std::string& problem : config->file_problems) log_warn(log_module::config, "{}", problem);
  const service_notifier manager(environment("NOTIFY_SOCKET"));
  // Here all that only a start needs has been done, and nothing has spoken to a network yet.
  const auto filtered = apply_syscall_filter(config->system.seccomp);
  if (!filtered) return refuse(filtered.error());

  agent program(loop, path, folder->path);
  run_state state{program, loop, manager};
  handle_signal = [&](int number) { on_signal(number, state); };
  const auto started = program.start(std::move(*config));
  if (!started) return refuse(started.error());
  service_watchdog watchdog(
      loop, watchdog_of_the_environment(),
      [&](std::string_view message) {
        manager.send(message == alive_message ? with_status(message, program) : std::string(message));
      },
      [&program] { return program.longest_capture_step(); });
  program.be_watched_by(watchdog);
  watchdog.start();
  manager.send(with_status("READY=1", program));
  loop.run();
  log_info(log_module::app, "stopped");
  return exit_good;
}

}  // namespace campush

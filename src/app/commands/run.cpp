#include <unistd.h>

#include <csignal>
#include <cstdio>

#include "app/agent.h"
#include "app/commands/commands.h"
#include "app/process_lock.h"
#include "app/signal_thread.h"
#include "app/syscall_filter.h"
#include "app/version.h"
#include "config/loader.h"
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

void on_signal(int number, agent& program, asio_event_loop& loop, bool& is_stopping) {
  switch (number) {
    case SIGHUP:
      log_info(log_module::app, "reload");
      // A refused reload is logged where it is refused, and the agent goes on as it was.
      if (!program.reload()) return;
      log_info(log_module::app, "reload done");
      return;
    case SIGUSR1:
      log_info(log_module::app, "retry of all sessions");
      program.retry_all();
      return;
    default:
      if (is_stopping) return;
      is_stopping = true;
      log_info(log_module::app, "stopping");
      program.shutdown(shutdown_deadline, [&loop] { loop.stop(); });
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
  // Here all that only a start needs has been done, and nothing has spoken to a network yet.
  const auto filtered = apply_syscall_filter(config->system.seccomp);
  if (!filtered) return refuse(filtered.error());

  agent program(loop, path, folder->path);
  bool is_stopping = false;
  handle_signal = [&](int number) { on_signal(number, program, loop, is_stopping); };
  const auto started = program.start(std::move(*config));
  if (!started) return refuse(started.error());
  loop.run();
  log_info(log_module::app, "stopped");
  return exit_good;
}

}  // namespace campush

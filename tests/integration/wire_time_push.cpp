// The agent, except that the wire clock of every session starts where the command line says: system_config.json has no key for
// that. For tests/python/wire_time_test.py.
// usage: wire_time_push CONFIG START_MS

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <functional>

#include "app/agent.h"
#include "app/signal_thread.h"
#include "config/loader.h"

int main(int argc, char** argv) {
  using namespace campush;
  if (argc != 3) return 2;
  auto config = load_system_config(argv[1]);
  if (!config) {
    std::fprintf(stderr, "%s\n", config.error().message.c_str());
    return 2;
  }
  for (session_config& session : config->sessions) {
    session.initial_timestamp_ms = static_cast<uint32_t>(std::strtoul(argv[2], nullptr, 10));
    session.max_session_age = std::chrono::seconds(0);
  }

  asio_event_loop loop;
  std::function<void()> stop;
  const signal_thread signals([&](int) { loop.post([&stop] { stop(); }); });
  std::signal(SIGPIPE, SIG_IGN);
  agent program(loop, argv[1]);
  stop = [&] { program.shutdown(std::chrono::seconds(1), [&loop] { loop.stop(); }); };
  if (const auto started = program.start(std::move(*config)); !started) {
    std::fprintf(stderr, "%s\n", started.error().message.c_str());
    return 1;
  }
  loop.run();
  return 0;
}

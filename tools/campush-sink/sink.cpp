#include "sink.h"

#include <fmt/format.h>
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include <cstdio>
#include <optional>
#include <thread>

#include "net/asio_event_loop.h"
#include "net/tcp_network.h"
#include "net/tls_listener.h"
#include "sink_report.h"

namespace campush {

namespace {

constexpr duration report_interval = std::chrono::seconds(1);

/// Waits for SIGINT and SIGTERM on a thread of its own and wakes the loop. They stay blocked in every other thread.
class stop_signals {
 public:
  explicit stop_signals(event_loop& loop, std::function<void()> on_stop)
      : m_wakeup(loop.make_wakeup(std::move(on_stop))) {
    sigemptyset(&m_signals);
    sigaddset(&m_signals, SIGINT);
    sigaddset(&m_signals, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &m_signals, nullptr);
    m_waiting = std::thread([this] {
      int received = 0;
      sigwait(&m_signals, &received);
      m_wakeup->signal();
    });
  }
  ~stop_signals() {
    pthread_kill(m_waiting.native_handle(), SIGTERM);
    m_waiting.join();
  }
  stop_signals(const stop_signals&) = delete;
  stop_signals& operator=(const stop_signals&) = delete;

 private:
  std::unique_ptr<loop_wakeup> m_wakeup;
  sigset_t m_signals{};
  std::thread m_waiting;
};

report_form form_for(const sink_options& options) {
  if (options.is_json) return report_form::json;
  return ::isatty(STDOUT_FILENO) != 0 ? report_form::table : report_form::lines;
}

/// The server, its reports and its reasons to end, on one loop.
class sink final : private rtmp_server_listener {
 public:
  explicit sink(const sink_options& options)
      : m_options(options),
        m_network(m_loop),
        m_report(form_for(options)),
        m_second(m_loop.make_timer([this] { on_second(); })) {}

  /// Errors: a certificate or key that cannot be used.
  [[nodiscard]] result<void> open() {
    network* transport = &m_network;
    if (!m_options.tls.certificate_file.empty()) {
      auto made = tls_listener::make(m_loop, m_network, m_options.tls);
      if (!made) return tl::unexpected<error>(std::move(made.error()));
      m_tls = std::move(*made);
      transport = m_tls.get();
    }
    m_server.emplace(m_loop, *transport, m_options.server, static_cast<rtmp_server_listener*>(this));
    m_server->set_faults(m_options.faults);
    return {};
  }

  int run() {
    const stop_signals signals(m_loop, [this] { m_loop.stop(); });
    const result<endpoint> at = m_server->start();
    if (!at) {
      fmt::print(stderr, "campush-sink: {}\n", at.error().message);
      return 1;
    }
    m_report.print_listening(*at);
    m_second->arm_after(report_interval);
    m_loop.run();
    m_second->cancel();
    m_is_over = true;
    m_server->stop();
    m_report.print_summary(*m_server, m_loop.now());
    for (const rtmp_stream_stats& each : m_server->streams()) {
      if (each.pictures.missing_references() != 0) return 1;
    }
    return 0;
  }

 private:
  void on_second() {
    m_report.print_second(*m_server, m_loop.now());
    m_second->arm_after(report_interval);
  }
  void on_publish(const rtmp_stream_stats& stream) override { m_report.print_event("publish", stream, m_loop.now()); }
  void on_close(const rtmp_stream_stats& stream) override {
    if (m_is_over) return;
    m_report.print_event("close", stream, m_loop.now());
    // The answer to the unpublish still goes out.
    if (m_options.ends_after_first) m_loop.post([this] { m_loop.stop(); });
  }

  const sink_options& m_options;
  asio_event_loop m_loop;
  tcp_network m_network;
  std::unique_ptr<tls_listener> m_tls;
  std::optional<rtmp_server> m_server;
  sink_report m_report;
  std::unique_ptr<loop_timer> m_second;
  bool m_is_over = false;
};

}  // namespace

int run_sink(const sink_options& options) {
  sink receiver(options);
  if (const result<void> opened = receiver.open(); !opened) {
    fmt::print(stderr, "campush-sink: {}\n", opened.error().message);
    return 2;
  }
  return receiver.run();
}

}  // namespace campush

#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "app/check_report.h"
#include "app/connection_watch.h"
#include "rtmp/publisher.h"
#include "rtmp/session_config.h"

namespace campush {

/// One address to walk to.
struct probe_request {
  session_config session;
  url_entry address;
  size_t order = 0;
  bool needs_hevc = false;
  bool publishes = true;
};

/// Walks to one address as a session would, from the name to publish, and takes leave again; it sends no media.
/// Shape: start(), then `done` once, from start() itself or an event: destroy it later. After `longest` it gives up; to unpublish takes `leave_time` more at most.
///   A server's 302 is followed, at most 3 times. After publish it stays `linger`, in which some servers change their mind.
/// Thread: loop-thread.
class url_probe final : private publisher_events {
 public:
  static constexpr duration longest = std::chrono::seconds(30), linger = std::chrono::seconds(1),
                            leave_time = std::chrono::seconds(1);
  static constexpr unsigned max_redirects = 3;

  url_probe(event_loop& loop, publisher_factory& publishers, const connection_watch& watch, probe_request request,
            std::function<void()> done);

  void start();
  /// Gives up where it is, also before start(): the time of the whole check is over. It takes leave still, then comes `done`.
  void give_up(std::string_view why);
  bool is_done() const noexcept { return m_is_done; }
  const url_report& report() const noexcept { return m_report; }

 private:
  void on_phase(connect_phase phase) override;
  void on_server_answer(const server_capabilities& answer) override;
  void on_redirect(std::string_view tc_url) override { m_redirect = tc_url; }
  void on_ready_to_publish() override;
  void on_published() override;
  void on_writable() override {}
  void on_failed(disconnect_reason reason, std::string_view text) override;

  void connect();
  bool follow_redirect();
  void open(check_step step);
  void close_open_step();
  void describe(check_step step);
  void describe_dns(step_report& report) const;
  void describe_tls(step_report& report) const;
  void judge_clock();
  bool needs_clock() const noexcept;
  void fail(check_step step, std::string kind, std::string text);
  void fail_open_step(disconnect_reason reason, std::string_view text);
  void leave();
  void explain_skipped();
  void finish();

  event_loop& m_loop;
  publisher_factory& m_publishers;
  const connection_watch& m_watch;
  const probe_request m_request;
  const std::function<void()> m_done;
  const result<stream_url> m_address;
  const std::unique_ptr<loop_timer> m_deadline, m_linger, m_stop;

  url_report m_report;
  std::optional<stream_url> m_url;
  std::unique_ptr<publisher> m_publisher;
  std::vector<std::unique_ptr<publisher>> m_retired;  ///< not destroyed within their own events
  std::optional<check_step> m_open;
  time_point m_opened_at{};
  result<void> m_clock;
  std::string m_redirect;
  unsigned m_redirects = 0;
  bool m_is_published = false;
  bool m_is_leaving = false;
  bool m_is_done = false;
};

}  // namespace campush

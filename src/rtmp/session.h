#pragma once

#include <array>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "rtmp/bitrate_controller.h"
#include "rtmp/media_stream.h"
#include "rtmp/session_feed.h"
#include "rtmp/session_link.h"
#include "rtmp/session_sampler.h"
#include "rtmp/session_states.h"
#include "rtmp/session_target.h"
#include "util/log.h"
#include "util/snapshot.h"

namespace campush {

/// One destination of one stream: keeps a connection to one of its servers, whatever network and server do, and sends the
/// stream through it. The rules are DESIGN 5; the policy is connection_manager's, the order of media session_feed's, the
/// numbers session_sampler's, the transitions session_states'.
/// Shape: open() binds it to a stream, connect() says that it should publish, disconnect() unpublishes, close() drops everything
///   at once and leaves it ready for another open(). While its source gives nothing that a connection could start with, a session that
///   should publish waits in disconnected (not_started, source_stalled, source_ended, or denied for an H.265 stream
///   to an h264_only destination), using no attempts, and connects with the first frame that could start one.
///   Several connections may exist at once: the one in use, a probe of the primary, and those being unpublished.
/// Errors: none returned; everything that fails is in status and log. A move that the table does not know is refused and logged.
/// Thread: loop-thread. Never destroy or close() it inside a call that it makes, except `on_idle`.
/// Source: DESIGN 5 and 8.
class session final : public tag_sink, private session_link_events {
 public:
  session(event_loop& loop, publisher_factory& publishers);
  ~session() override;
  session(const session&) = delete;
  session& operator=(const session&) = delete;

  void open(const session_config& config, media_stream& stream, std::shared_ptr<snapshot<session_status>> published);
  void close() noexcept;
  bool is_open() const noexcept { return m_stream != nullptr; }

  void connect();
  /// Unpublishes what is published; `on_idle` runs on the loop, not from inside, when no connection is left or at the latest
  /// after `deadline`.
  void disconnect(duration deadline, std::function<void()> on_idle);
  /// Starts the policy afresh and connects at once if it was waiting. While connected on a backup it tries the primary.
  void retry();
  /// Where a lower bitrate is asked for; null while no camera is attached.
  void set_control(std::shared_ptr<stream_control> control);

  const session_status& status() const noexcept { return m_status; }
  const session_config& config() const noexcept { return m_config; }

  void on_tag(const tag_ptr& tag, const std::shared_ptr<const stream_headers>& headers) override;
  void on_stream_state(stream_state state) override;

 private:
  /// A planned change of connection that waits for the next keyframe.
  enum class renewal : uint8_t { none, session_age, failback };

  void on_link_phase(session_link& link, connect_phase phase) override;
  void on_link_ready(session_link& link) override;
  void on_link_published(session_link& link) override;
  void on_link_writable(session_link& link) override;
  void on_link_failed(session_link& link, disconnect_reason reason, std::string_view text) override;

  // session.cpp: states
  bool apply(session_event event, disconnect_reason reason);
  void try_connect(bool has_start_tag);
  disconnect_reason hold_reason(bool has_start_tag) const;
  void hold(disconnect_reason reason);
  void leave(disconnect_reason reason);
  void renew();
  void on_main_failed(disconnect_reason reason, std::string_view text);
  void plan_retry();
  void on_retry_due();

  // session_connect.cpp: links
  void begin_attempt();
  [[nodiscard]] result<std::unique_ptr<session_link>> make_link(size_t url_index);
  void connect_or_wait();
  void consider_publish(session_link& link);
  void on_main_published();
  void begin_connection();
  void stop_link(std::unique_ptr<session_link> link);
  void retire(std::unique_ptr<session_link> link);
  void on_leaving_ended(session_link& link);
  void on_reap();
  bool is_idle() const noexcept { return !m_main && !m_probe && m_leaving.empty(); }
  void start_probe();
  void fail_probe(disconnect_reason reason, std::string_view text);
  void switch_to_probe();

  // session_media.cpp: frames and samples
  bool is_start_tag(const flv_tag& tag, const stream_headers& headers) const noexcept;
  bool is_start_tag_awaited(const stream_headers& headers) const noexcept;
  bool is_refused_codec(const stream_headers& headers) const noexcept;
  void on_start_tag(const stream_headers& headers);
  void on_too_big(const flv_tag& tag, time_point now);
  bool is_gop_usable() const noexcept;
  void start_from_gop();
  void start_feed(const flv_tag& first, time_point now);
  void flush();
  void check_drained();
  void count_missed(const flv_tag& tag) noexcept;
  void settle_missed() noexcept;
  bool is_silent(time_point now) const noexcept;
  void on_sample();
  bool check_liveness(time_point now);
  void check_plans(time_point now);
  void ask_keyframe_if_awaited();
  bool is_gop_cache_wanted() const noexcept;
  void update_gop_hold();
  void hold_gop(bool is_wanted);
  std::string log_name() const;

  // session_bitrate.cpp: what is asked of the encoder
  void open_bitrate();
  void adapt_bitrate(time_point now);
  void report_bitrate(const bitrate_votes& votes);
  void withdraw_bitrate() noexcept;
  void lower_bitrate_for_size(time_point now);

  // session_report.cpp: status
  void describe_config();
  void describe_connection();
  void publish_status();
  void remember_error(disconnect_reason reason, std::string_view text);
  void count_connection_bytes();
  void account_time(time_point now);

  // Constant after construction.
  event_loop& m_loop;
  publisher_factory& m_publishers;
  std::unique_ptr<loop_timer> m_retry_timer, m_sample_timer, m_leave_timer, m_reaper;

  // From open() to close().
  session_config m_config;
  std::vector<url_entry> m_urls;
  media_stream* m_stream = nullptr;
  std::shared_ptr<snapshot<session_status>> m_published;
  std::shared_ptr<stream_control> m_control;
  std::optional<connection_manager> m_manager;
  session_status m_status;
  bool m_is_wanted = false;
  bool m_holds_gop = false;
  std::function<void()> m_on_idle;

  // Connections.
  std::unique_ptr<session_link> m_main, m_probe;
  std::vector<std::unique_ptr<session_link>> m_leaving, m_retired;
  bool m_connects_after_leaving = false;
  bool m_is_break_failback = false;
  renewal m_renewal = renewal::none;
  uint64_t m_attempt_count = 0;

  // Media of the present connection.
  session_feed m_feed;
  session_sampler m_sampler;
  bitrate_controller m_bitrate;
  bool m_is_bitrate_reported = false;
  uint32_t m_lowered_kbps = 0;  ///< for the size of pictures, where the bitrate does not follow the network
  /// Frames that came without a connection: for good, and since the last keyframe, which a replay may still bring.
  std::array<uint64_t, frame_kind_count> m_missed{}, m_maybe_missed{};
  bool m_is_blocked = false;
  bool m_is_draining = false;
  bool m_is_stalled = false;
  disconnect_reason m_held = disconnect_reason::not_started;
  time_point m_last_audio_at{}, m_connected_at{}, m_time_accounted{}, m_bitrate_asked_at{}, m_draining_since{};
  duration m_age_limit{};
  uint64_t m_bytes_before = 0, m_acknowledged_before = 0, m_retransmits_before = 0, m_samples = 0;
  rate_counter m_too_big, m_refused_moves;
};

}  // namespace campush

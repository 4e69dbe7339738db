#pragma once

#include <array>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "net/link_monitor.h"
#include "rtmp/bitrate_controller.h"
#include "rtmp/capability_store.h"
#include "rtmp/clock_watch.h"
#include "rtmp/hevc_decision.h"
#include "rtmp/media_stream.h"
#include "rtmp/reconnect_gate.h"
#include "rtmp/session_feed.h"
#include "rtmp/session_link.h"
#include "rtmp/session_sampler.h"
#include "rtmp/session_states.h"
#include "rtmp/session_target.h"
#include "util/log.h"
#include "util/snapshot.h"

namespace campush {

/// What the sessions of one loop share, beside loop and publishers; each may be null. They outlive the sessions.
struct session_services {
  link_monitor* links = nullptr;
  capability_store* capabilities = nullptr;
  reconnect_gate* gate = nullptr;
};

class session;

/// What a session asks of those around it: the other destinations of its stream, the other streams of its camera.
/// Thread: loop-thread.
class session_surroundings {
 public:
  /// Another stream of the same camera; null if there is none. The session is told before it goes (on_stream_closing).
  virtual media_stream* find_stream(uint32_t stream_id) = 0;
  /// Asks the stream's encoder for H.264 on behalf of `asker`, until release_h264() of the last one that asked.
  /// Errors: busy (another destination holds H.265, or not now), unsupported (it cannot, or there is no encoder).
  [[nodiscard]] virtual result<void> ask_for_h264(const session& asker) = 0;
  /// Where the encoder gives H.264 because another destination asked: from here on for `asker` too.
  virtual bool join_h264(const session& asker) = 0;
  virtual void release_h264(const session& asker) noexcept = 0;

 protected:
  ~session_surroundings() = default;
};

/// One destination of one stream: keeps a connection to one of its servers, whatever network and server do, and sends the
/// stream through it. The rules are DESIGN 5; the policy is connection_manager's, the order of media session_feed's, the
/// numbers session_sampler's, the transitions session_states', what becomes of H.265 hevc_decision's.
/// Shape: open() binds it to a stream, connect() says that it should publish, disconnect() unpublishes, close() drops everything
///   at once and leaves it ready for another open(). While its source gives nothing that a connection could start with, a session that
///   should publish waits in disconnected (not_started, source_stalled, source_ended, or codec_refused while an H.265 stream
///   has to become H.264 first), using no attempts, and connects with the first frame that could start one.
///   Several connections may exist at once: the one in use, a probe of the primary, and those being unpublished.
/// Errors: none returned; everything that fails is in status and log. A move that the table does not know is refused and logged.
/// Thread: loop-thread. Never destroy or close() it inside a call that it makes, except `on_idle`.
/// Source: DESIGN 5 and 8.
class session final : public tag_sink, private session_link_events {
 public:
  session(event_loop& loop, publisher_factory& publishers, const session_services& services = {});
  ~session() override;
  session(const session&) = delete;
  session& operator=(const session&) = delete;

  /// `surroundings` may be null: then there is no fallback for a refused codec. They outlive the session's being open.
  void open(const session_config& config, media_stream& stream, std::shared_ptr<snapshot<session_status>> published,
            session_surroundings* surroundings = nullptr);
  void close() noexcept;
  bool is_open() const noexcept { return m_stream != nullptr; }

  void connect();
  /// Unpublishes what is published; `on_idle` runs on the loop, not from inside, when no connection is left or at the latest
  /// after `deadline`.
  void disconnect(duration deadline, std::function<void()> on_idle);
  /// Starts the policy afresh and connects at once if it was waiting. While connected on a backup it tries the primary. What its servers
  /// said of H.265 is forgotten, and asked again.
  void retry();
  /// Where a lower bitrate is asked for; null while no camera is attached.
  void set_control(std::shared_ptr<stream_control> control);

  /// As link_listener::on_link_changed().
  void on_link_changed(bool has_new_path);
  /// A stream that is about to go: the session must not be its sink any more.
  void on_stream_closing(const media_stream& stream);
  /// It publishes H.265, or means to: its encoder must not be made to give something else.
  bool holds_h265() const noexcept;

  const session_status& status() const noexcept { return m_status; }
  const session_config& config() const noexcept { return m_config; }

  void on_tag(const tag_ptr& tag, const std::shared_ptr<const stream_headers>& headers) override;
  void on_stream_state(stream_state state) override;

 private:
  /// A planned change of connection, break before make, that waits for the next keyframe.
  enum class renewal : uint8_t { none, session_age, failback, redirect, codec };
  /// What the second connection is for.
  enum class probe_kind : uint8_t { failback, redirect };

  void on_link_phase(session_link& link, connect_phase phase) override;
  void on_link_answer(session_link& link, const server_capabilities& answer) override;
  void on_link_reconnect_request(session_link& link, std::string_view tc_url) override;
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
  void leave(disconnect_reason shown, disconnect_reason judged);
  void on_main_failed(disconnect_reason reason, std::string_view text);
  void plan_retry();
  bool waits_for_start();
  bool waits_for_turn();
  void on_retry_due();

  // session_connect.cpp: links
  void begin_attempt();
  [[nodiscard]] result<link_route> route_for(size_t url_index) const;
  [[nodiscard]] result<std::unique_ptr<session_link>> make_link(const link_route& route);
  [[nodiscard]] result<void> fill_target(publish_target& target, const link_route& route);
  void start_main(const link_route& route);
  void connect_or_wait();
  void consider_publish(session_link& link);
  void on_main_published();
  void begin_connection();
  void stop_link(std::unique_ptr<session_link> link);
  void retire(std::unique_ptr<session_link> link);
  void on_leaving_ended(session_link& link);
  void on_reap();
  bool is_idle() const noexcept { return !m_main && !m_probe && m_leaving.empty(); }

  // session_move.cpp: from one connection to another
  void renew();
  void start_failback();
  void start_probe(const link_route& route, probe_kind kind);
  void fail_probe(disconnect_reason reason, std::string_view text);
  void break_for_probe();
  void switch_to_probe();
  bool promote_probe();
  [[nodiscard]] result<link_route> redirected_route(const session_link& from, std::string_view tc_url,
                                                    uint32_t in_a_row) const;
  [[nodiscard]] result<link_route> requested_route(const session_link& from, std::string_view tc_url);
  bool follow_redirect(session_link& link);
  bool leave_connected();

  // session_codec.cpp: what becomes of H.265
  capability_store& answers_of(const stream_url& url) noexcept;
  hevc_knowledge known_of(const stream_url& url) noexcept;
  void learn(const session_link& link, const server_capabilities& answer);
  void forget_answers();
  bool has_h265() const noexcept;
  bool prepare_codec(const link_route& route);
  media_stream* other_stream() const;
  bool take_other_stream(std::string_view server);
  bool ask_encoder(std::string_view server);
  bool is_refused_by(const session_link& link) const noexcept;
  void on_codec_refused(session_link& link);
  void adopt_plan();
  bool join_others(std::string_view server);
  bool await_h264(std::string_view server);
  std::string codec_remedy() const;
  void use_stream(media_stream& next);
  void hold_codec();
  void give_up_encoder();
  void note_codec(std::string_view text, bool is_on_fallback);
  void release_encoder() noexcept;
  bool try_codec_again();
  std::string with_codec_hint(disconnect_reason reason, std::string_view text) const;

  // session_network.cpp: the device's own network and clock
  void on_clock_poll();
  void watch_clock();
  void remember_path();
  bool has_path_changed() const;
  void check_path();
  void follow_path();
  bool is_waiting() const noexcept { return m_retry_timer->is_armed() && !m_awaits_h264; }
  void wake();
  void on_link_due();

  // session_media.cpp: frames and samples
  bool is_start_tag(const flv_tag& tag, const stream_headers& headers) const noexcept;
  bool is_start_tag_awaited(const stream_headers& headers) const noexcept;
  bool is_refused_codec(const stream_headers& headers) const noexcept;
  void on_start_tag(const stream_headers& headers);
  void on_too_big(const flv_tag& tag, time_point now);
  bool is_gop_usable() const noexcept;
  void start_from_gop();
  void start_feed(const flv_tag& first, time_point now);
  void begin_grace(time_point now);
  void flush();
  void check_drained();
  void count_missed(const flv_tag& tag) noexcept;
  void settle_missed() noexcept;
  bool is_silent(time_point now) const noexcept;
  void on_sample();
  void note_healthy();
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
  const session_services m_services;
  std::unique_ptr<loop_timer> m_retry_timer, m_sample_timer, m_leave_timer, m_reaper, m_clock_timer, m_link_timer;

  // From open() to close().
  session_config m_config;
  std::vector<url_entry> m_urls;
  media_stream* m_own_stream = nullptr;
  media_stream* m_stream = nullptr;  ///< the one it pushes: its own, or another of its camera where H.265 is refused
  session_surroundings* m_surroundings = nullptr;
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
  probe_kind m_probe_kind = probe_kind::failback;
  std::optional<link_route> m_move_to;  ///< where the next attempt goes instead of to the list
  uint32_t m_requests_in_a_row = 0;     ///< ReconnectRequests heard since publishing became stable
  time_point m_requested_at{};
  uint64_t m_attempt_count = 0;
  time_point m_turn_at{};        ///< taken from the gate, not used yet
  bool m_ignores_splay = false;  ///< somebody asked for a connection now

  // H.265.
  capability_store m_private_answers;  ///< of hosts that are secret, or where nobody keeps them
  hevc_plan m_plan;                    ///< for the URL in use
  bool m_awaits_h264 = false;          ///< the encoder was asked, no H.264 came yet
  bool m_has_asked_encoder = false;
  bool m_is_encoder_busy = false;  ///< when it was asked last
  bool m_is_encoder_deaf = false;  ///< it said yes and went on with H.265
  bool m_tries_codec_again = false;
  std::string m_codec_note, m_encoder_problem;

  // The device's network and clock.
  clock_watch m_clock_watch;
  endpoint m_peer;
  std::optional<network_route> m_path;
  time_point m_moved_at{}, m_woken_at{};
  bool m_has_new_path = false;

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
  time_point m_last_audio_at{}, m_connected_at{}, m_fed_at{}, m_time_accounted{}, m_bitrate_asked_at{},
      m_draining_since{};
  duration m_age_limit{};
  uint64_t m_bytes_before = 0, m_acknowledged_before = 0, m_retransmits_before = 0, m_samples = 0;
  rate_counter m_too_big, m_refused_moves, m_refused_requests;
};

}  // namespace campush

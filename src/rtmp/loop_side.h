#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <optional>
#include <thread>

#include "net/link_monitor.h"
#include "rtmp/multi_session_manager.h"
#include "rtmp/session_manager.h"

namespace campush {

/// What a stream counted, as it crosses to other threads once a second.
struct stream_numbers {
  stream_state state = stream_state::waiting;
  media_stream_counters counters;
  encoder_counters packager;
  tag_pool_counters pool;
};
using shared_numbers = std::shared_ptr<snapshot<stream_numbers>>;

/// Where a camera's frames enter a stream that its loop is about to make: the observer exists at once, the stream a moment
/// later. Frames before that are lost; what the source said of itself is kept for the stream.
/// Thread: stream_observer calls on the capture-thread; attach() on the loop-thread.
class stream_inlet final : public stream_observer {
 public:
  void attach(media_stream* stream) noexcept { m_stream.store(stream, std::memory_order_release); }
  void on_frame(const media_frame& frame) override;
  void on_source_event(const source_event& event) override;

 private:
  void tell_description(media_stream& stream);

  std::atomic<media_stream*> m_stream{nullptr};
  std::optional<stream_description> m_description;  ///< opened, and no stream was there to hear it
};

/// The streams and sessions of one loop.
/// Thread: loop-thread; made on any, destroyed on the loop or while it does not run.
class loop_side final : private link_listener {
 public:
  loop_side(const loop_services& services, const media_stream_options& streams);
  ~loop_side();
  loop_side(const loop_side&) = delete;
  loop_side& operator=(const loop_side&) = delete;

  event_loop& loop() const noexcept { return *m_services.loop; }
  /// Called by all posted work: remembers the loop's thread.
  void note_thread() noexcept { m_thread.store(std::this_thread::get_id(), std::memory_order_relaxed); }
  /// Whether its loop was seen on another thread than the caller's. Any-thread.
  bool runs_elsewhere() const noexcept {
    const std::thread::id seen = m_thread.load(std::memory_order_relaxed);
    return seen != std::thread::id() && seen != std::this_thread::get_id();
  }

  void open_stream(stream_key key, const std::string& name, const std::shared_ptr<stream_inlet>& inlet,
                   const shared_numbers& numbers);
  void close_stream(stream_key key);
  void set_control(stream_key key, std::shared_ptr<stream_control> control);
  void create_session(const session_config& config, const shared_status& published);
  void destroy_session(stream_key key, const std::string& destination);
  void retry(stream_key key, const std::string& destination);
  void retry_all();
  void shutdown(duration deadline, std::function<void()> done);

 private:
  struct stream_node {
    stream_node(stream_key key, const std::string& name, event_loop& loop, const media_stream_options& options,
                session_pool& pool, session_manager::stream_finder siblings)
        : stream(key, name, loop, options), sessions(stream, pool, std::move(siblings)) {}
    media_stream stream;
    session_manager sessions;
    std::shared_ptr<stream_inlet> inlet;
    shared_numbers numbers;
    bool is_closed = false;
  };

  void on_link_changed(bool has_new_path) override;
  session_manager* sessions_of(stream_key key) noexcept;
  void release_stream(const media_stream& closing);
  void publish_numbers();
  void reap();

  const loop_services m_services;
  const media_stream_options m_options;
  std::atomic<std::thread::id> m_thread{};
  session_pool m_pool;
  std::map<stream_key, std::unique_ptr<stream_node>> m_streams;
  std::vector<std::unique_ptr<stream_node>> m_closing;
  std::unique_ptr<loop_timer> m_numbers_timer, m_reaper;
  bool m_hears_links = false;
  size_t m_shutting_down = 0;
  std::function<void()> m_on_shut_down;
};

}  // namespace campush

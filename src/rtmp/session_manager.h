#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "rtmp/session_pool.h"

namespace campush {

using shared_status = std::shared_ptr<snapshot<session_status>>;

/// The destinations of one stream: each a session of its own, with its own servers, queue and state.
/// Shape: create() starts one; destroy() unpublishes it and gives it back to the pool when that is done. A destination that is
///   created again while its predecessor still unpublishes connects after it, so that it does not meet its own name.
/// Errors: create: already_exists; destroy, retry: not_found.
/// Thread: loop-thread of the stream. Destroying it drops all connections at once.
class session_manager final : private session_surroundings {
 public:
  /// The other streams of the camera, by number; null if there is none.
  using stream_finder = std::function<media_stream*(uint32_t)>;

  session_manager(media_stream& stream, session_pool& pool, stream_finder siblings = nullptr);
  ~session_manager();
  session_manager(const session_manager&) = delete;
  session_manager& operator=(const session_manager&) = delete;

  [[nodiscard]] result<void> create(const session_config& config, shared_status published);
  [[nodiscard]] result<void> destroy(const std::string& destination);
  [[nodiscard]] result<void> retry(const std::string& destination);
  void retry_all();
  /// As link_listener::on_link_changed().
  void on_link_changed(bool has_new_path);
  /// Another stream of the camera is about to go: no session pushes it from here on.
  void on_stream_closing(const media_stream& stream);
  /// Null if there is none, or it is being destroyed.
  session* find(const std::string& destination) noexcept;
  size_t size() const noexcept;

  /// Passed on to the stream and to every session, present and future.
  void set_control(std::shared_ptr<stream_control> control);
  /// Unpublishes all; `done` runs on the loop, not from inside, when no session is left or after `deadline`.
  void shutdown(duration deadline, std::function<void()> done);

 private:
  struct entry {
    std::string destination;
    session* destination_session = nullptr;
    bool is_leaving = false;
  };

  media_stream* find_stream(uint32_t stream_id) override;
  result<void> ask_for_h264(const session& asker) override;
  bool join_h264(const session& asker) override;
  void release_h264(const session& asker) noexcept override;

  entry* find_entry(const std::string& destination) noexcept;
  bool is_leaving(const std::string& destination) const noexcept;
  void leave(entry& item, duration deadline);
  void on_left(session& gone);
  void tell_if_done();

  media_stream& m_stream;
  session_pool& m_pool;
  const stream_finder m_siblings;
  std::vector<entry> m_entries;
  std::vector<const session*> m_needs_h264;
  std::shared_ptr<stream_control> m_control;
  std::function<void()> m_on_done;
  std::unique_ptr<loop_timer> m_done_timer;
};

}  // namespace campush

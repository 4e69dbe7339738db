#pragma once

#include <atomic>
#include <condition_variable>
#include <thread>

#include "device/sound/sound_pump.h"
#include "device/sound_feed.h"
#include "device/wake_signal.h"
#include "util/snapshot.h"

namespace campush {

class sound_listener;

/// The microphone of sound_feed.h over any source of sound: a sound_pump on a thread mic{n}, and a bounded ring for each feed.
/// Shape: as microphone. A feed that is not emptied in time loses the newest frames.
/// Errors: feed.open(): cancelled, io_failed (no thread). Everything that the source says stands in the log, and is heard as silence.
/// Thread: as microphone.
class shared_microphone final : public microphone,
                                public std::enable_shared_from_this<shared_microphone>,
                                private frame_sink {
 public:
  /// `number`: for the names of thread and log lines.
  shared_microphone(uint32_t number, const audio_config& config, const clock& time, sound_maker maker);
  ~shared_microphone() override;

  [[nodiscard]] std::unique_ptr<media_source> feed() override;

 private:
  class sound_end;
  using listeners = std::vector<std::shared_ptr<sound_listener>>;

  // The thread's.
  void run_thread() noexcept;
  void on_frame(const media_frame& frame) override;
  void on_description(const stream_description& description) override;
  const listeners& heard_by() noexcept;

  // The feeds'.
  /// `is_interrupted` says it of that feed, and lives until remove().
  result<void> add(std::shared_ptr<sound_listener> who, const std::atomic<bool>& is_interrupted);
  void remove(const std::shared_ptr<sound_listener>& who) noexcept;
  /// What streams are told, as soon as it is known.
  std::optional<audio_description> description_after_first_try(const std::atomic<bool>& is_interrupted);
  std::optional<audio_description> description() const;
  /// A feed has been interrupted: when all are, the device has from now on to come to its end.
  void on_interrupt() noexcept;
  bool is_left() const noexcept;  ///< m_mutex is held
  void end_thread() noexcept;     ///< m_lifetime is held

  const uint32_t m_number;
  const audio_config m_config;
  const clock& m_time;
  sound_pump m_pump;
  wake_signal m_wake;
  std::atomic<bool> m_is_stopping{false};

  /// Held while the thread is started and joined: feeds come and go one after the other.
  std::mutex m_lifetime;
  std::thread m_thread;

  mutable std::mutex m_mutex;
  std::condition_variable m_tried;
  listeners m_listeners;                                // guarded by m_mutex
  std::vector<const std::atomic<bool>*> m_interrupted;  ///< of each listener; guarded by m_mutex
  std::optional<audio_description> m_description;       // guarded by m_mutex
  bool m_has_tried = false;                             // guarded by m_mutex
  std::atomic<uint32_t> m_changes{0};                   ///< of m_listeners
  snapshot<source_health> m_health;

  // Touched only by the thread.
  listeners m_heard_by;
  uint32_t m_seen_changes = 0;
};

}  // namespace campush

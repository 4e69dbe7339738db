#pragma once

#include <functional>
#include <mutex>

#include "device/reopen_delay.h"
#include "device/sound/sound_filler.h"

namespace campush {

/// Makes the source behind a microphone: sound alone, of any kind of device. It is asked for the `sample_rate` and `channels` of the config,
/// which are those that streams have been told of already, if any.
using sound_maker = std::function<result<std::unique_ptr<media_source>>(const audio_config&)>;

/// What the thread of a microphone does: opens the source, again after 1, 2, 4 … 30 s or when its node comes back, and gives its frames to
/// `outlet`, with silence where it gives none. It neither waits nor starts a thread.
/// Shape: the outlet hears a description, without sound where there is none to come, before the first frame, and again where it changes.
///   Muted, the source is never made.
/// Errors: none of its own; what the source reports stands in the log.
/// Thread: run_step(), descriptor(), health() and close() one thread; interrupt() any-thread.
class sound_pump final : private frame_sink {
 public:
  sound_pump(uint32_t number, const audio_config& config, const clock& time, sound_maker maker, frame_sink& outlet);
  ~sound_pump() override { close(); }
  sound_pump(const sound_pump&) = delete;
  sound_pump& operator=(const sound_pump&) = delete;

  /// Does what is due and returns when it wants to be called again; time_point::max(): never.
  time_point run_step() noexcept;
  /// When this is readable run_step() has something to do; -1: nothing to wait for but the time.
  int descriptor() const noexcept;
  /// A call of the source under way, or any until close(), returns soon.
  void interrupt() noexcept;
  /// Back to the beginning: the next run_step() opens.
  void close() noexcept;
  source_health health() const noexcept;

 private:
  void on_frame(const media_frame& frame) override;
  void on_description(const stream_description& description) override;
  result<void> advance(time_point now);
  result<void> open_source(time_point now);
  void on_failure(const error& failure, time_point now);
  void describe(const audio_description& sound, time_point now);
  void replace_source(std::unique_ptr<media_source> made) noexcept;
  bool is_due(time_point now) noexcept;
  audio_config wanted() const;

  const uint32_t m_number;
  const audio_config m_config;
  const clock& m_time;
  const sound_maker m_maker;
  frame_sink& m_outlet;

  std::mutex m_source_mutex;      ///< interrupt() against the source's replacement
  bool m_is_interrupted = false;  // guarded by m_source_mutex
  std::unique_ptr<media_source> m_source;
  audio_config m_made_for;
  bool m_is_running = false, m_is_described = false, m_has_seen_return = false;
  std::optional<audio_description> m_announced;
  sound_filler m_filler;
  time_point m_due{}, m_opened_at{};
  reopen_delay m_reopen_delay;
  std::string m_last_failure;
  source_health m_past;  ///< counted by sources before this one
};

}  // namespace campush

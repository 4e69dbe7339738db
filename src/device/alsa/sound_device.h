#pragma once

#include <cstdint>
#include <string>

#include "media/media_frame.h"
#include "util/result.h"

namespace campush {

/// How a sample is written. signed_16: the machine's byte order.
enum class sample_format : uint8_t { signed_16, a_law, mu_law };
constexpr uint32_t sample_bytes(sample_format format) noexcept {
  return format == sample_format::signed_16 ? 2 : 1;
}

/// What is asked of a sound card, and what it gives. 0: the card decides (about 48000 Hz, the fewest channels up to 2).
/// Units: a period is the sound of one wake-up, in samples of each channel.
struct sound_request {
  std::string name;  ///< "default", "hw:CARD=U18dB,DEV=0"
  sample_format format = sample_format::signed_16;
  uint32_t sample_rate = 0, channels = 0, period_us = 20'000;
};
struct sound_shape {
  uint32_t sample_rate = 0, channels = 0;
  uint32_t period = 0, buffer = 0;
};

enum class device_state : uint8_t { running, stopped, overrun, suspended, gone };

/// What a suspended device says to going on. impossible: it has to be started anew.
enum class resume_outcome : uint8_t { resumed, asleep, impossible };

/// One look at the card.
/// Units: samples of each channel. `available` can be read now; `captured` have been sampled at `stamp`, what is still on its way included.
struct sound_look {
  device_state state = device_state::running;
  uint32_t available = 0, captured = 0;
  time_point stamp{};
  bool is_stamped = false;  ///< false: the driver gave no usable time
};

/// The seam to a sound card: what alsa_source needs of one, so that every failure can be made to happen in a test.
/// Shape: open() negotiates, start(), then look() and read() as long as something is available; after an overrun or a suspend start()
///   again. close() in any state.
/// Errors: not_found (no such device, or it has gone), busy, permission_denied, invalid_argument (a shape that it does not have), io_failed;
///   each names the device.
/// Thread: one thread.
class sound_device {
 public:
  virtual ~sound_device() = default;
  [[nodiscard]] virtual result<sound_shape> open(const sound_request& request) = 0;
  virtual void close() noexcept = 0;
  /// Stops whatever is under way and captures from now on.
  [[nodiscard]] virtual result<void> start() = 0;
  /// After a suspend: goes on without loss.
  virtual resume_outcome resume() noexcept = 0;
  [[nodiscard]] virtual result<sound_look> look() = 0;
  /// How many samples of each channel were read into `into`: at most `count`, 0 when none are there or the state is no longer running.
  [[nodiscard]] virtual result<uint32_t> read(void* into, uint32_t count) = 0;
  /// Readable when a period is there or the state has changed; -1: none.
  virtual int poll_descriptor() const noexcept = 0;
  /// The wake-ups that a poll on the descriptor has seen are used up.
  virtual void acknowledge() noexcept = 0;
};

}  // namespace campush

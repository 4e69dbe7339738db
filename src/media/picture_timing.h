#pragma once

#include <array>
#include <optional>

#include "media/codec_config.h"

namespace campush {

/// Where a picture stands on a time line of equal frame periods:
/// dts = start + decode_index × period, pts = dts + composition × period.
struct picture_times {
  uint64_t decode_index = 0;
  uint32_t composition = 0;
};

/// Gives the access units of a stream without timestamps (a file) their DTS and PTS.
/// Shape: learn() the first access units (until has_learned(), or what there is), go back to the start, then
///   next() for every access unit in decoding order; start_over() before the first unit of another pass through the
///   same file. decode_index grows by one a picture for good, over all sequences and passes. Without learn() it
///   works too, but may need some pictures to find the delay (the first ones get shorter composition times).
/// Units: frame periods. A stream coded in single fields counts each field as a picture.
/// Errors: none. A picture whose slice header cannot be read is taken as being in order. Composition is never
///   negative: where the stream reorders deeper than it says, the delay grows once.
/// Thread: capture-thread.
/// Source: H.264 8.2.1, H.265 8.3.1; the step of the count (H.264 usually 2 a frame, some encoders 1; H.265 usually
///   1) is the smallest distance seen between pictures of one sequence.
class picture_timing {
 public:
  explicit picture_timing(codec_id codec);

  void learn(byte_view access_unit);
  bool has_learned() const noexcept { return m_samples.size() >= learned_pictures; }
  /// Nothing for a unit without a picture.
  std::optional<picture_times> next(byte_view access_unit);
  void start_over() noexcept;
  /// Composition time of a picture that is in order.
  uint32_t delay() const noexcept { return m_delay; }

 private:
  struct sample {
    size_t sequence = 0;
    int64_t order = 0;
  };
  static constexpr size_t learned_pictures = 64;
  static constexpr size_t remembered_orders = 32;

  void finish_learning();
  void learn_sequence(size_t begin, size_t end, int64_t& smallest_step);
  void begin_sequence() noexcept;
  void track_step(int64_t order) noexcept;
  uint32_t composition_of(int64_t order) noexcept;

  picture_order m_order, m_sample_order;
  std::vector<sample> m_samples;
  std::array<int64_t, remembered_orders> m_recent{};
  size_t m_recent_count = 0;
  int64_t m_step, m_base = 0;
  uint64_t m_decode_index = 0;
  uint32_t m_delay = 0;
  /// Pictures shown before the one that starts their sequence: the first sequence of a pass, and the largest of the others.
  int64_t m_leading_first = 0, m_leading_later = 0;
  bool m_is_learning_finished = false, m_is_first_sequence = true;
};

}  // namespace campush

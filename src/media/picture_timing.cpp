#include "media/picture_timing.h"

#include <algorithm>

namespace campush {
namespace {

/// Both standards hold at most 16 pictures back for output (H.264 A.3.1, H.265 A.4.2).
constexpr int64_t max_delay = 16;
/// A picture is shown at most this many periods after its turn in decoding order, else pictures were lost or the step is wrong.
constexpr int64_t max_composition = 3 * max_delay;

int64_t divide_down(int64_t value, int64_t divisor) noexcept {
  return value / divisor - (value % divisor < 0 ? 1 : 0);
}

}  // namespace

picture_timing::picture_timing(codec_id codec)
    : m_order(codec), m_sample_order(codec), m_step(codec == codec_id::h264 ? 2 : 1) {}

void picture_timing::learn(byte_view access_unit) {
  if (has_learned() || m_is_learning_finished) return;
  const auto position = m_sample_order.order_of(access_unit);
  if (!position) return;
  const size_t sequence = m_samples.empty() ? 0 : m_samples.back().sequence + (position->starts_sequence ? 1 : 0);
  m_samples.push_back({sequence, position->order});
}

void picture_timing::learn_sequence(size_t begin, size_t end, int64_t& smallest_step) {
  std::vector<int64_t> sorted;
  for (size_t i = begin; i < end; ++i) sorted.push_back(m_samples[i].order);
  std::sort(sorted.begin(), sorted.end());
  for (size_t i = 1; i < sorted.size(); ++i) {
    if (sorted[i] != sorted[i - 1]) smallest_step = std::min(smallest_step, sorted[i] - sorted[i - 1]);
  }
  int64_t leading = 0;
  for (size_t i = begin; i < end; ++i) {
    const auto rank = std::lower_bound(sorted.begin(), sorted.end(), m_samples[i].order) - sorted.begin();
    const int64_t late = static_cast<int64_t>(i - begin) - rank;
    m_delay = static_cast<uint32_t>(std::clamp<int64_t>(late, m_delay, max_delay));
    if (m_samples[i].order < 0) ++leading;
  }
  int64_t& known = begin == 0 ? m_leading_first : m_leading_later;
  known = std::max(known, std::min(leading, max_delay));
}

void picture_timing::finish_learning() {
  m_is_learning_finished = true;
  int64_t smallest_step = INT64_MAX;
  for (size_t begin = 0, end = 0; begin < m_samples.size(); begin = end) {
    while (end < m_samples.size() && m_samples[end].sequence == m_samples[begin].sequence) ++end;
    learn_sequence(begin, end, smallest_step);
  }
  if (smallest_step != INT64_MAX) m_step = smallest_step;
}

void picture_timing::start_over() noexcept {
  m_order.start_over();
  m_is_first_sequence = true;
}

void picture_timing::begin_sequence() noexcept {
  const int64_t leading = m_is_first_sequence ? m_leading_first : m_leading_later;
  m_base = static_cast<int64_t>(m_decode_index) + leading;
  m_is_first_sequence = false;
  m_recent_count = 0;
}

void picture_timing::track_step(int64_t order) noexcept {
  const size_t remembered = std::min(m_recent_count, m_recent.size());
  for (size_t i = 0; i < remembered; ++i) {
    const int64_t distance = std::abs(order - m_recent[i]);
    if (distance != 0) m_step = std::min(m_step, distance);
  }
  m_recent[m_recent_count++ % m_recent.size()] = order;
}

uint32_t picture_timing::composition_of(int64_t order) noexcept {
  const int64_t index = static_cast<int64_t>(m_decode_index);
  const int64_t early = m_base + divide_down(order, m_step) - index;
  int64_t composition = early + m_delay;
  if (composition < 0 && m_delay - composition <= max_delay) {
    m_delay = static_cast<uint32_t>(m_delay - composition);
    composition = 0;
  }
  if (composition < 0 || composition > max_composition) {
    m_base -= early;
    composition = m_delay;
  }
  return static_cast<uint32_t>(composition);
}

std::optional<picture_times> picture_timing::next(byte_view access_unit) {
  if (!m_is_learning_finished) finish_learning();
  const auto position = m_order.order_of(access_unit);
  if (!position && position.error().code == error_code::not_found) return std::nullopt;
  picture_times times;
  times.decode_index = m_decode_index;
  times.composition = m_delay;
  if (position) {
    if (position->starts_sequence) begin_sequence();
    m_delay = std::max(m_delay, std::min<uint32_t>(m_order.declared_reorder(), max_delay));
    track_step(position->order);
    times.composition = composition_of(position->order);
  }
  ++m_decode_index;
  return times;
}

}  // namespace campush

#include "device/v4l2/v4l2_device.h"

#include <algorithm>
#include <cerrno>
#include <utility>

namespace campush {

namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr int periods_to_a_stall = 5;
constexpr duration shortest_patience = milliseconds(500);
constexpr duration patience_without_rate = seconds(2);
/// USB cameras set their exposure before the first picture; v4l2loopback waits for its producer.
constexpr duration patience_at_start = seconds(5);
constexpr duration patience_after_restart = seconds(3);
constexpr duration between_recoveries = seconds(10);
constexpr short hang_up = POLLHUP | POLLNVAL;
/// A period measured over a pause is none.
constexpr duration longest_period = seconds(10);
/// Beyond this a jump of the sequence number is a new count, not a loss.
constexpr uint32_t most_lost_at_once = 1u << 20;

void add(std::atomic<uint64_t>& counter, uint64_t count) noexcept {
  counter.fetch_add(count, std::memory_order_relaxed);
}

/// Errors of one buffer or one moment, which a restart of the stream may end. EPROTO and EOVERFLOW are those of a disturbed USB bus;
/// EINVAL comes where a driver has ended the stream by itself, as newer ones do before they let go of a device.
bool may_pass(int errno_value) noexcept {
  constexpr int passing[] = {EIO, EPIPE, EPROTO, EOVERFLOW, EBADMSG, EINVAL};
  return std::find(std::begin(passing), std::end(passing), errno_value) != std::end(passing);
}

}  // namespace

result<void> v4l2_device::open(const std::string& path) {
  close();
  return m_node.open(path);
}

result<capture_format> v4l2_device::configure(const capture_request& request) {
  auto agreed = negotiate(m_node, request);
  if (agreed) m_format = *agreed;
  m_memory = {request.memory, request.dma_heap};
  return agreed;
}

result<void> v4l2_device::start(uint32_t buffers, time_point now) {
  m_times.reset();
  m_last_sequence.reset();
  m_measured_period = {};
  m_has_recovered = false;
  m_is_first = true;
  m_may_begin_stale = false;
  m_is_overdue = false;
  m_last_picture = {};
  m_silent_until = now + patience_at_start;
  auto started = m_queue.start(m_format, buffers, m_memory);
  if (started && m_queue.origin() != buffer_origin::driver) {
    log_info(log_module::device, "{}: its pictures come by {}", m_node.path(), buffer_origin_name(m_queue.origin()));
  }
  return started;
}

void v4l2_device::close() noexcept {
  m_queue.stop();
  m_node.close();
  m_silent_until = time_point::max();
}

result<bool> v4l2_device::take(time_point now, taken_buffer& out) {
  if (const int reason = m_queue.requeue_returned(); reason != 0) return handle_fault(now, reason, "VIDIOC_QBUF");
  // Buffers without a picture may come as fast as they are taken.
  if (std::exchange(m_is_overdue, false)) {
    if (auto fine = look_for_trouble(now); !fine) return tl::unexpected<error>(std::move(fine.error()));
  }
  // A driver that hands out nothing but damage must not hold the thread.
  for (uint32_t i = 0; i <= m_queue.buffer_count(); ++i) {
    const int reason = m_queue.take(out.buffer);
    if (reason == EAGAIN) break;
    if (reason != 0) return handle_fault(now, reason, "VIDIOC_DQBUF");
    if (!out.buffer.is_damaged) return accept(now, out);
    if (out.buffer.is_last) {
      m_queue.memory()->give_back(out.buffer.index);
      return handle_fault(now, EPIPE, "VIDIOC_DQBUF");
    }
    watch_sequence(out);
    reject(out.buffer, "damaged, empty or longer than can be, as its driver says", now);
  }
  auto fine = look_for_trouble(now);
  if (!fine) return tl::unexpected<error>(std::move(fine.error()));
  return false;
}

result<bool> v4l2_device::handle_fault(time_point now, int errno_value, const char* action) {
  const error why = m_node.error_of(errno_value, action);
  if (!may_pass(errno_value)) return tl::unexpected<error>(why);
  auto recovered = recover(now, why);
  if (!recovered) return tl::unexpected<error>(std::move(recovered.error()));
  return false;
}

bool v4l2_device::accept(time_point now, taken_buffer& out) noexcept {
  const captured_buffer& buffer = out.buffer;
  const auto kind =
      buffer.has_monotonic_stamp ? capture_timestamps::stamp_clock::monotonic : capture_timestamps::stamp_clock::other;
  out.captured_at = m_queue.uses_read() ? now : m_times.map(kind, buffer.stamp_us, now);
  watch_sequence(out);
  out.is_first = m_is_first;
  m_may_begin_stale = m_is_first && buffer.is_full;
  m_is_first = false;
  return true;
}

void v4l2_device::watch_sequence(taken_buffer& out) noexcept {
  out.follows_gap = false;
  if (m_queue.uses_read()) return;
  const uint32_t sequence = out.buffer.sequence;
  if (m_last_sequence) {
    const uint32_t missing = sequence - *m_last_sequence - 1;
    out.follows_gap = missing != 0;
    const bool is_loss = missing != 0 && missing < most_lost_at_once && !m_may_begin_stale;
    if (is_loss) add(m_counters.lost, missing);
  }
  m_last_sequence = sequence;
}

void v4l2_device::note_picture(time_point now) noexcept {
  if (m_last_picture != time_point{}) {
    const duration period = std::min<duration>(now - m_last_picture, longest_period);
    m_measured_period = m_measured_period == duration{} ? period : m_measured_period + (period - m_measured_period) / 8;
  }
  m_last_picture = now;
  m_silent_until = now + patience();
  m_is_overdue = false;
}

duration v4l2_device::patience() const noexcept {
  duration period = m_measured_period;
  if (m_format.frame_rate > 0) {
    const auto declared = static_cast<int64_t>(1e6 / m_format.frame_rate);
    period = std::max(period, duration(std::min<int64_t>(declared, longest_period.count())));
  }
  if (period == duration{}) return patience_without_rate;
  return std::max(period * periods_to_a_stall, shortest_patience);
}

void v4l2_device::give_back(const captured_buffer& buffer) noexcept {
  m_queue.memory()->give_back(buffer.index);
  // What the driver does not take now is offered again, and judged, by the next take().
  if (m_queue.requeue_returned() != 0) return;
}

void v4l2_device::reject(const captured_buffer& buffer, std::string_view why, time_point now) noexcept {
  add(m_counters.damaged, 1);
  m_is_overdue = now >= m_silent_until;
  if (const uint64_t count = m_damage_lines.add(now)) {
    log_warn(log_module::device, "{}: {} buffers are of no use, the last: {}", m_node.path(), count, why);
  }
  give_back(buffer);
}

short v4l2_device::poll_events() const noexcept {
  pollfd watched{m_node.descriptor(), POLLIN, 0};
  return m_node.calls().poll(&watched, 1, 0) > 0 ? watched.revents : short{0};
}

result<void> v4l2_device::look_for_trouble(time_point now) {
  const short events = poll_events();
  if ((events & hang_up) != 0) return tl::unexpected<error>(m_node.error_of(ENODEV, "poll"));
  // A queue without buffers is in error by definition; the pictures that are leased will come back.
  const bool has_error = (events & POLLERR) != 0 && m_queue.queued() > 0;
  if (has_error) return recover(now, m_node.error_of(EIO, "poll"));
  if (now < m_silent_until) return {};
  const duration without_first = m_has_recovered ? patience_after_restart : patience_at_start;
  const auto silence =
      std::chrono::duration_cast<milliseconds>(m_last_picture == time_point{} ? without_first : now - m_last_picture);
  return recover(
      now, {error_code::timed_out, m_node.path() + ": no picture for " + std::to_string(silence.count()) + " ms"});
}

result<void> v4l2_device::recover(time_point now, const error& why) {
  add(m_counters.stalls, 1);
  if ((poll_events() & hang_up) != 0) return tl::unexpected<error>(m_node.error_of(ENODEV, "poll"));
  const bool is_again = m_has_recovered && now - m_recovered_at < between_recoveries;
  if (is_again || m_queue.uses_read()) return tl::unexpected<error>(why);
  m_has_recovered = true;
  m_recovered_at = now;
  log_warn(log_module::device, "{}; switching its stream off and on", why.message);
  if (const int reason = m_queue.restart(); reason != 0) {
    return tl::unexpected<error>(wrap(m_node.error_of(reason, "restart of the stream"), why.message));
  }
  m_is_first = true;
  m_is_overdue = false;
  m_last_sequence.reset();
  m_last_picture = {};
  m_silent_until = now + patience_after_restart;
  return {};
}

}  // namespace campush

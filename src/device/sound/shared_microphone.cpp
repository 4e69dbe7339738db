#include "device/sound/shared_microphone.h"

#include <pthread.h>

#include <algorithm>
#include <system_error>

#include "device/sound/sound_listener.h"

namespace campush {

namespace {

using std::chrono::milliseconds;

/// How long a stream waits for a device that is slow to open, before it begins without sound.
constexpr auto longest_first_try = std::chrono::seconds(2);
/// The same where it can begin with what is expected of the device: its pictures are not read meanwhile, and a driver holds four or so.
constexpr auto longest_first_try_if_expected = milliseconds(100);
constexpr duration health_interval = std::chrono::seconds(1);
/// A feed without a descriptor is looked at this often.
constexpr duration blind_interval = milliseconds(20);

}  // namespace

/// One stream's end of a microphone.
class shared_microphone::sound_end final : public media_source {
 public:
  explicit sound_end(std::shared_ptr<shared_microphone> owner) : m_owner(std::move(owner)) {}
  ~sound_end() override { close(); }
  sound_end(const sound_end&) = delete;
  sound_end& operator=(const sound_end&) = delete;

  result<stream_description> open() override {
    leave();
    auto listener = std::make_shared<sound_listener>();
    if (auto added = m_owner->add(listener, m_is_interrupted); !added)
      return tl::unexpected<error>(std::move(added.error()));
    m_listener = std::move(listener);
    m_told = m_owner->description_after_first_try(m_is_interrupted);
    if (m_is_interrupted.load()) {
      close();
      return fail(error_code::cancelled, "the microphone was interrupted");
    }
    stream_description out;
    out.audio = m_told;
    return out;
  }
  void close() noexcept override {
    leave();
    m_is_interrupted.store(false);
  }
  time_point next_due() const noexcept override { return m_due; }
  result<step_outcome> step(time_point now, frame_sink& sink) override {
    if (m_is_interrupted.load()) {
      close();
      return fail(error_code::cancelled, "the microphone was interrupted");
    }
    const bool has_any = m_listener->take([this, &sink](const media_frame& frame) {
      if (frame.codec != codec_id::none) return sink.on_frame(frame);
      tell(sink);
    });
    m_lost.store(m_lost_before + m_listener->lost(), std::memory_order_relaxed);
    m_due = m_listener->descriptor() >= 0 ? time_point::max() : now + blind_interval;
    return has_any ? step_outcome::delivered : step_outcome::idle;
  }
  int poll_descriptor() const noexcept override { return m_listener ? m_listener->descriptor() : -1; }
  stream_control& control() noexcept override { return m_control; }
  source_health health() const noexcept override {
    source_health out = m_owner->m_health.read();
    out.overruns += m_lost.load(std::memory_order_relaxed);
    return out;
  }
  void interrupt() noexcept override {
    m_is_interrupted.store(true);
    m_owner->on_interrupt();
  }

 private:
  void leave() noexcept {
    if (!m_listener) return;
    m_owner->remove(m_listener);
    m_lost_before += m_listener->lost();
    m_listener.reset();
  }
  void tell(frame_sink& sink) {
    auto described = m_owner->description();
    const bool is_same =
        described.has_value() == m_told.has_value() && (!described || is_same_sound(*described, *m_told));
    if (is_same) return;
    m_told = std::move(described);
    stream_description out;
    out.audio = m_told;
    sink.on_description(out);
  }

  const std::shared_ptr<shared_microphone> m_owner;
  std::shared_ptr<sound_listener> m_listener;
  std::optional<audio_description> m_told;
  std::atomic<bool> m_is_interrupted{false};
  uint64_t m_lost_before = 0;  ///< by listeners before this one
  std::atomic<uint64_t> m_lost{0};
  time_point m_due{};
  no_stream_control m_control;
};

shared_microphone::shared_microphone(uint32_t number, const audio_config& config, const clock& time, sound_maker maker)
    : m_number(number), m_config(config), m_time(time), m_pump(number, config, time, std::move(maker), *this) {}

shared_microphone::~shared_microphone() = default;

std::unique_ptr<media_source> shared_microphone::feed() {
  return std::make_unique<sound_end>(shared_from_this());
}

result<void> shared_microphone::add(std::shared_ptr<sound_listener> who, const std::atomic<bool>& is_interrupted) {
  const std::lock_guard<std::mutex> one_at_a_time(m_lifetime);
  {
    const std::lock_guard<std::mutex> hold(m_mutex);
    m_listeners.push_back(std::move(who));
    m_interrupted.push_back(&is_interrupted);
    m_changes.fetch_add(1, std::memory_order_release);
  }
  // Those who were here before may all be on their way out, and the thread with them.
  if (m_is_stopping.load()) end_thread();
  if (m_thread.joinable()) return {};
  m_is_stopping.store(false);
  try {
    m_thread = std::thread([this] { run_thread(); });
  } catch (const std::system_error& refused) {
    const std::lock_guard<std::mutex> hold(m_mutex);
    m_listeners.clear();
    m_interrupted.clear();
    return tl::unexpected<error>(error_from_errno(refused.code().value(), "thread of a microphone"));
  }
  return {};
}

void shared_microphone::remove(const std::shared_ptr<sound_listener>& who) noexcept {
  const std::lock_guard<std::mutex> one_at_a_time(m_lifetime);
  {
    const std::lock_guard<std::mutex> hold(m_mutex);
    const auto found = std::find(m_listeners.begin(), m_listeners.end(), who);
    if (found == m_listeners.end()) return;
    m_interrupted.erase(m_interrupted.begin() + (found - m_listeners.begin()));
    m_listeners.erase(found);
    m_changes.fetch_add(1, std::memory_order_release);
    if (!m_listeners.empty()) return;
  }
  end_thread();
}

void shared_microphone::end_thread() noexcept {
  m_is_stopping.store(true);
  m_pump.interrupt();
  m_wake.raise();
  if (m_thread.joinable()) m_thread.join();
  // An interrupt that came after the thread's last look is not for the next one.
  m_pump.close();
  const std::lock_guard<std::mutex> hold(m_mutex);
  m_description.reset();
  m_has_tried = false;
}

std::optional<audio_description> shared_microphone::description_after_first_try(
    const std::atomic<bool>& is_interrupted) {
  std::unique_lock<std::mutex> hold(m_mutex);
  const duration longest = m_config.fills_with_silence ? longest_first_try_if_expected : longest_first_try;
  m_tried.wait_for(hold, longest, [&] { return m_has_tried || is_interrupted.load(); });
  if (m_has_tried || !m_config.fills_with_silence) return m_description;
  return expected_sound(m_config);
}

std::optional<audio_description> shared_microphone::description() const {
  const std::lock_guard<std::mutex> hold(m_mutex);
  return m_description;
}

bool shared_microphone::is_left() const noexcept {
  return std::all_of(m_interrupted.begin(), m_interrupted.end(), [](const auto* each) { return each->load(); });
}

void shared_microphone::on_interrupt() noexcept {
  // Held to the end: a feed that is added meanwhile must not be interrupted with the others.
  const std::lock_guard<std::mutex> hold(m_mutex);
  m_tried.notify_all();
  if (m_listeners.empty() || !is_left()) return;
  m_is_stopping.store(true);
  m_pump.interrupt();
  m_wake.raise();
}

void shared_microphone::run_thread() noexcept {
  pthread_setname_np(pthread_self(), ("mic" + std::to_string(m_number)).c_str());
  time_point health_due{};
  while (!m_is_stopping.load()) {
    const time_point due = m_pump.run_step();
    const time_point now = m_time.now();
    if (now >= health_due) {
      m_health.publish(m_pump.health());
      health_due = now + health_interval;
    }
    m_wake.wait_until(m_time, due, m_pump.descriptor());
  }
  m_pump.close();
  m_heard_by.clear();
  m_seen_changes = 0;
}

/// The list is copied when it has changed, so that a frame takes no lock.
const shared_microphone::listeners& shared_microphone::heard_by() noexcept {
  if (m_changes.load(std::memory_order_acquire) != m_seen_changes) {
    const std::lock_guard<std::mutex> hold(m_mutex);
    m_seen_changes = m_changes.load(std::memory_order_relaxed);
    m_heard_by = m_listeners;
  }
  return m_heard_by;
}

void shared_microphone::on_frame(const media_frame& frame) {
  for (const auto& listener : heard_by()) listener->give(frame);
}

void shared_microphone::on_description(const stream_description& description) {
  {
    const std::lock_guard<std::mutex> hold(m_mutex);
    m_description = description.audio;
    m_has_tried = true;
    m_tried.notify_all();
  }
  for (const auto& listener : heard_by()) listener->mark();
}

}  // namespace campush

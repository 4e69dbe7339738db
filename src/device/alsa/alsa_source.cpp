#include "device/alsa/alsa_source.h"

#include <algorithm>

#include "media/g711.h"
#include "media/opus.h"
#include "util/log.h"

namespace campush {

namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr uint32_t period_us = 20'000;
/// A card with long periods is still read in short blocks, so that frames leave when they are due.
constexpr uint32_t longest_block_us = 40'000;
constexpr uint32_t periods_of_a_stall = 5;
constexpr duration shortest_stall = seconds(1);
/// A suspended device is asked this often whether it is awake, one that does not run is started this often.
constexpr duration retry_interval = milliseconds(100);
constexpr uint32_t most_fruitless_starts = 8;
/// Per step: more than a full buffer has to be a driver that lies.
constexpr int most_blocks = 64;
/// A stamp outside this is of another clock.
constexpr duration oldest_stamp = seconds(5), newest_stamp = milliseconds(50);

constexpr int64_t us_per_second = 1'000'000;

duration length_of(uint64_t samples, uint32_t rate) noexcept {
  return duration(static_cast<int64_t>(samples) * us_per_second / rate);
}

sound_request request_of(const audio_config& config) {
  sound_request out;
  out.name = config.device.empty() ? "default" : config.device;
  out.sample_rate = config.sample_rate;
  out.channels = std::min(config.channels, 2u);
  out.period_us = period_us;
  if (config.codec == codec_id::opus) out.sample_rate = opus_sample_rate;
  if (config.codec == codec_id::g711a || config.codec == codec_id::g711u) {
    out.format = config.codec == codec_id::g711a ? sample_format::a_law : sample_format::mu_law;
    out.sample_rate = g711_sample_rate;
    out.channels = 1;
  }
  return out;
}

void count(std::atomic<uint64_t>& counter) noexcept {
  counter.store(counter.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
}

}  // namespace

alsa_source::alsa_source(const audio_config& config, const clock& time, codec_library& codecs,
                         std::unique_ptr<sound_device> device, std::string nodes)
    : m_config(config), m_time(time), m_codecs(codecs), m_device(std::move(device)), m_nodes(std::move(nodes)) {}

result<stream_description> alsa_source::open() {
  m_nodes.arm();
  auto description = open_device();
  if (description) {
    m_nodes.disarm();
  } else {
    close();
  }
  return description;
}

result<stream_description> alsa_source::open_device() {
  const sound_request request = request_of(m_config);
  const auto shape = m_device->open(request);
  if (!shape) return tl::unexpected<error>(shape.error());
  m_shape = *shape;
  stream_description description;
  if (is_companded()) {
    m_block = g711_samples_per_frame;
    description.audio = audio_description{m_config.codec, m_shape.sample_rate, m_shape.channels, 64, {}};
  } else {
    const audio_encoder_options options{m_config.codec, m_shape.sample_rate, m_shape.channels, m_config.bitrate_kbps};
    auto encoder = m_codecs.make_audio_encoder(options);
    if (!encoder) return tl::unexpected<error>(wrap(encoder.error(), "microphone " + request.name));
    m_encoder = std::move(*encoder);
    m_encoder_name.store(m_encoder->name(), std::memory_order_relaxed);
    const auto longest = static_cast<uint32_t>(int64_t{longest_block_us} * m_shape.sample_rate / us_per_second);
    m_block = std::clamp(m_shape.period, 1u, std::max(longest, 1u));
    description.audio = m_encoder->description();
  }
  m_samples.assign(size_t{m_block} * m_shape.channels, 0);
  m_clock.emplace(m_shape.sample_rate);
  m_seen_gaps = 0;
  m_position = 0;
  m_is_stalled = false;
  m_fruitless_starts = 0;
  m_retry_at = {};
  if (auto started = start_again(m_time.now()); !started) return tl::unexpected<error>(std::move(started.error()));
  return description;
}

void alsa_source::close() noexcept {
  m_device->close();
  m_encoder.reset();
  m_clock.reset();
}

void alsa_source::fail_closed() noexcept {
  close();
  m_nodes.arm();
}

time_point alsa_source::next_due() const noexcept {
  return m_due;
}

result<step_outcome> alsa_source::step(time_point now, frame_sink& sink) {
  m_device->acknowledge();
  auto outcome = step_outcome::idle;
  m_due = time_point::max();
  m_is_paused = false;
  for (int block = 0; block < most_blocks; ++block) {
    result<bool> has_more = false;
    if (auto look = m_device->look()) {
      has_more = is_running(*look, now);
      if (has_more && *has_more) has_more = take(*look, now, sink);
    } else {
      has_more = tl::unexpected<error>(look.error());
    }
    if (!has_more) {
      fail_closed();
      return tl::unexpected<error>(std::move(has_more.error()));
    }
    if (!*has_more) break;
    outcome = step_outcome::delivered;
  }
  if (auto checked = check_stall(now); !checked) {
    fail_closed();
    return tl::unexpected<error>(std::move(checked.error()));
  }
  return outcome;
}

/// False: there is nothing to read for now.
result<bool> alsa_source::is_running(const sound_look& look, time_point now) {
  if (look.state == device_state::running) return true;
  if (look.state == device_state::gone) {
    return fail(error_code::not_found, "microphone " + request_of(m_config).name + ": it was unplugged");
  }
  if (now < m_retry_at) {
    pause(now);
    return false;
  }
  if (look.state == device_state::suspended) {
    const resume_outcome outcome = m_device->resume();
    if (outcome != resume_outcome::impossible) {
      m_retry_at = now + retry_interval;
      pause(now);
      if (outcome == resume_outcome::resumed) go_on(now);
      return false;
    }
  }
  if (m_fruitless_starts == 0) count(m_overruns);
  // A device that stops at once is given time; one that sleeps has as much as it wants.
  if (++m_fruitless_starts > 1) m_retry_at = now + retry_interval;
  if (m_fruitless_starts > most_fruitless_starts && look.state != device_state::suspended) {
    return fail(error_code::io_failed,
                "microphone " + request_of(m_config).name + ": it stops as soon as it is started");
  }
  if (auto started = start_again(now); !started) return tl::unexpected<error>(std::move(started.error()));
  return false;
}

void alsa_source::pause(time_point now) noexcept {
  m_last_sample_at = now;
  m_due = m_retry_at;
  m_is_paused = true;
}

/// Nothing was lost, but the card's clock stood still: the next look says for how long.
void alsa_source::go_on(time_point now) noexcept {
  m_clock->restart(m_position);
  m_is_paused = false;
  m_due = now;
}

result<bool> alsa_source::take(const sound_look& look, time_point now, frame_sink& sink) {
  observe(look);
  const uint32_t missing = m_block - m_filled;
  if (look.available < std::min(missing, m_shape.period)) return false;
  const size_t unit = sample_bytes(is_companded() ? sample_format::a_law : sample_format::signed_16) * m_shape.channels;
  auto* const into = reinterpret_cast<uint8_t*>(m_samples.data()) + m_filled * unit;
  const auto got = m_device->read(into, std::min(missing, look.available));
  if (!got) return tl::unexpected<error>(got.error());
  if (*got == 0) return false;
  m_filled += std::min(*got, missing);
  m_last_sample_at = now;
  m_is_stalled = false;
  m_fruitless_starts = 0;
  if (m_filled < m_block) return true;
  if (auto delivered = deliver(sink); !delivered) return tl::unexpected<error>(std::move(delivered.error()));
  m_position += m_block;
  m_filled = 0;
  return true;
}

void alsa_source::observe(const sound_look& look) noexcept {
  // Without a sample of this run there is nothing to tell a time of.
  if (look.captured == 0 && m_filled == 0) return;
  const time_point now = m_time.now();
  const bool is_usable = look.is_stamped && look.stamp >= now - oldest_stamp && look.stamp <= now + newest_stamp;
  m_clock->observe(m_position + m_filled + look.captured, is_usable ? look.stamp : now);
  m_drift_ppm.store(m_clock->drift_ppm(), std::memory_order_relaxed);
  if (m_clock->silent_gaps() == m_seen_gaps) return;
  m_seen_gaps = m_clock->silent_gaps();
  count(m_overruns);
}

result<void> alsa_source::deliver(frame_sink& sink) {
  const time_point captured_at = m_clock->time_of(m_position);
  if (m_encoder) return m_encoder->encode({m_samples.data(), m_block, captured_at}, sink);
  media_frame frame;
  frame.codec = m_config.codec;
  frame.dts = frame.pts = frame.capture_time = captured_at;
  frame.payload = {reinterpret_cast<const uint8_t*>(m_samples.data()), m_block};
  sink.on_frame(frame);
  return {};
}

/// What was read of a block before the gap goes with it.
result<void> alsa_source::start_again(time_point now) {
  m_position += m_filled;
  m_filled = 0;
  m_clock->restart(m_position);
  m_last_sample_at = now;
  m_due = now;
  return m_device->start();
}

result<void> alsa_source::check_stall(time_point now) {
  const duration patience =
      std::max(shortest_stall, length_of(m_shape.period, m_shape.sample_rate) * periods_of_a_stall);
  if (now - m_last_sample_at >= patience) {
    count(m_stalls);
    const std::string text = "microphone " + request_of(m_config).name + ": no sound for " +
                             std::to_string(std::chrono::duration_cast<milliseconds>(patience).count()) + " ms";
    if (m_is_stalled) return fail(error_code::timed_out, text + ", also after a new start");
    m_is_stalled = true;
    log_warn(log_module::device, "{}, it is started again", text);
    if (auto started = start_again(now); !started) return started;
  }
  m_due = std::min(m_due, m_last_sample_at + patience);
  // A device that cannot be waited for is looked at once a period.
  if (m_device->poll_descriptor() < 0) m_due = std::min(m_due, now + length_of(m_block, m_shape.sample_rate));
  return {};
}

source_health alsa_source::health() const noexcept {
  source_health out;
  out.encoder = m_encoder_name.load(std::memory_order_relaxed);
  out.overruns = m_overruns.load(std::memory_order_relaxed);
  out.stalls = m_stalls.load(std::memory_order_relaxed);
  out.drift_ppm = m_drift_ppm.load(std::memory_order_relaxed);
  return out;
}

}  // namespace campush

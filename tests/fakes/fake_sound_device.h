#pragma once

#include <algorithm>
#include <cstring>
#include <optional>

#include "device/alsa/sound_device.h"
#include "fakes/fake_clock.h"

namespace campush::test {

/// What a test does to the card, kept where it outlives the source that owns the device.
struct sound_card_script {
  sound_shape shape{48'000, 1, 960, 24'000};
  std::optional<error> open_failure, start_failure, look_failure, read_failure;
  device_state state = device_state::running;
  bool is_silent = false;  ///< it runs and gives nothing
  bool is_asleep = false;  ///< a suspend that has not ended
  bool can_resume = true;  ///< false: it has to be started anew
  bool has_stamps = true;
  uint64_t lost = 0;        ///< samples that it drops without a word
  duration stamp_offset{};  ///< a clock that is not the monotonic one
  uint32_t largest_read = 1'000'000;

  sound_request request;
  int opens = 0, closes = 0, starts = 0;
  bool is_open = false;
};

/// A card that captures as the fake clock goes: sample n of a run holds the low bits of n.
class fake_sound_device final : public sound_device {
 public:
  fake_sound_device(sound_card_script& script, const fake_clock& time) : m_script(script), m_time(time) {}
  ~fake_sound_device() override { close(); }

  result<sound_shape> open(const sound_request& request) override {
    ++m_script.opens;
    m_script.request = request;
    if (m_script.open_failure) return tl::unexpected<error>(*m_script.open_failure);
    if (request.sample_rate != 0) m_script.shape.sample_rate = request.sample_rate;
    if (request.channels != 0) m_script.shape.channels = request.channels;
    m_script.is_open = true;
    m_format = request.format;
    return m_script.shape;
  }
  void close() noexcept override {
    if (m_script.is_open) ++m_script.closes;
    m_script.is_open = false;
  }
  result<void> start() override {
    ++m_script.starts;
    if (m_script.start_failure) return tl::unexpected<error>(*m_script.start_failure);
    if (m_script.state != device_state::gone) m_script.state = device_state::running;
    m_started_at = m_time.now();
    m_read = 0;
    return {};
  }
  resume_outcome resume() noexcept override {
    if (m_script.is_asleep) return resume_outcome::asleep;
    if (!m_script.can_resume) return resume_outcome::impossible;
    m_script.state = device_state::running;
    m_started_at = m_time.now() - duration(static_cast<int64_t>(m_read * 1'000'000 / m_script.shape.sample_rate));
    return resume_outcome::resumed;
  }
  result<sound_look> look() override {
    if (m_script.look_failure) return tl::unexpected<error>(*m_script.look_failure);
    sound_look out;
    const uint64_t there = captured() - m_read;
    if (m_script.state == device_state::running && there > m_script.shape.buffer)
      m_script.state = device_state::overrun;
    out.state = m_script.state;
    if (out.state != device_state::running) return out;
    out.available = out.captured = static_cast<uint32_t>(there);
    out.stamp = m_time.now() + m_script.stamp_offset;
    out.is_stamped = m_script.has_stamps;
    return out;
  }
  result<uint32_t> read(void* into, uint32_t count) override {
    if (m_script.read_failure) return tl::unexpected<error>(*m_script.read_failure);
    const auto there = static_cast<uint32_t>(captured() - m_read);
    const uint32_t got = std::min({count, there, m_script.largest_read});
    for (uint32_t i = 0; i < got * m_script.shape.channels; ++i) {
      const auto value = static_cast<int16_t>((m_read + i / m_script.shape.channels) & 0x7fff);
      if (m_format == sample_format::signed_16) {
        std::memcpy(static_cast<uint8_t*>(into) + i * 2, &value, 2);
      } else {
        static_cast<uint8_t*>(into)[i] = static_cast<uint8_t>(value);
      }
    }
    m_read += got;
    return got;
  }
  int poll_descriptor() const noexcept override { return -1; }
  void acknowledge() noexcept override {}

 private:
  uint64_t captured() const {
    if (m_script.is_silent) return m_read;
    const auto passed = static_cast<uint64_t>((m_time.now() - m_started_at).count());
    return passed * m_script.shape.sample_rate / 1'000'000 - m_script.lost;
  }

  sound_card_script& m_script;
  const fake_clock& m_time;
  sample_format m_format = sample_format::signed_16;
  time_point m_started_at{};
  uint64_t m_read = 0;
};

}  // namespace campush::test

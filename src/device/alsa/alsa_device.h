#pragma once

#include <memory>
#include <vector>

#include "device/alsa/alsa_library.h"
#include "device/alsa/sound_device.h"

namespace campush {

/// A PCM of libasound: a card, or whatever the machine's ALSA configuration makes of a name. What the card cannot do itself (rate, channels,
/// A-law and mu-law) is done by ALSA's plug on top of it.
/// Shape, errors, thread: as sound_device.
class alsa_device final : public sound_device {
 public:
  alsa_device();
  ~alsa_device() override;
  alsa_device(const alsa_device&) = delete;
  alsa_device& operator=(const alsa_device&) = delete;

  [[nodiscard]] result<sound_shape> open(const sound_request& request) override;
  void close() noexcept override;
  [[nodiscard]] result<void> start() override;
  resume_outcome resume() noexcept override;
  [[nodiscard]] result<sound_look> look() override;
  [[nodiscard]] result<uint32_t> read(void* into, uint32_t count) override;
  int poll_descriptor() const noexcept override { return m_poll_descriptor; }
  void acknowledge() noexcept override;

 private:
  [[nodiscard]] result<sound_shape> open_as(const std::string& name, const sound_request& request);
  [[nodiscard]] result<sound_shape> negotiate(const sound_request& request);
  [[nodiscard]] result<void> ask_for_stamps(const sound_shape& shape);
  [[nodiscard]] result<void> watch();
  tl::unexpected<error> failed(const char* what, int code) const;

  const alsa_calls* m_calls = nullptr;
  std::string m_name;
  snd_pcm_t* m_pcm = nullptr;
  snd_pcm_status_t* m_status = nullptr;
  uint32_t m_longest_delay = 0;
  bool m_is_stamped = false;
  std::vector<pollfd> m_watched;
  int m_poll_descriptor = -1, m_epoll = -1;
};

}  // namespace campush

#include <memory>

#include "device/alsa/alsa_library.h"
#include "device/device_report.h"

namespace campush {

namespace {

/// libasound's own allocation, freed by its own function.
template <class Thing>
using owned = std::unique_ptr<Thing, void (*)(Thing*)>;

template <class Thing>
owned<Thing> make(int (*allocate)(Thing**), void (*release)(Thing*)) {
  Thing* made = nullptr;
  if (allocate(&made) < 0) made = nullptr;
  return owned<Thing>(made, release);
}

void describe_range(const alsa_calls& calls, microphone_report& report) {
  snd_pcm_t* pcm = nullptr;
  int code = calls.pcm_open(&pcm, report.device.c_str(), SND_PCM_STREAM_CAPTURE, SND_PCM_NONBLOCK);
  if (code < 0) {
    report.error = calls.strerror(code);
    return;
  }
  const auto params = make(calls.pcm_hw_params_malloc, calls.pcm_hw_params_free);
  int direction = 0;
  code = params ? calls.pcm_hw_params_any(pcm, params.get()) : -ENOMEM;
  if (code >= 0) {
    calls.pcm_hw_params_get_rate_min(params.get(), &report.min_rate, &direction);
    calls.pcm_hw_params_get_rate_max(params.get(), &report.max_rate, &direction);
    calls.pcm_hw_params_get_channels_min(params.get(), &report.min_channels);
    calls.pcm_hw_params_get_channels_max(params.get(), &report.max_channels);
  } else {
    report.error = calls.strerror(code);
  }
  calls.pcm_close(pcm);
}

void add_devices(const alsa_calls& calls, int card, std::vector<microphone_report>& out) {
  snd_ctl_t* control = nullptr;
  const std::string name = "hw:" + std::to_string(card);
  if (const int code = calls.ctl_open(&control, name.c_str(), SND_CTL_NONBLOCK); code < 0) {
    microphone_report unreadable;
    unreadable.device = name;
    unreadable.error = calls.strerror(code);
    out.push_back(unreadable);
    return;
  }
  const auto card_info = make(calls.ctl_card_info_malloc, calls.ctl_card_info_free);
  const auto info = make(calls.pcm_info_malloc, calls.pcm_info_free);
  const bool is_known = card_info && info && calls.ctl_card_info(control, card_info.get()) >= 0;
  int device = -1;
  while (is_known && calls.ctl_pcm_next_device(control, &device) >= 0 && device >= 0) {
    calls.pcm_info_set_device(info.get(), static_cast<unsigned>(device));
    calls.pcm_info_set_subdevice(info.get(), 0);
    calls.pcm_info_set_stream(info.get(), SND_PCM_STREAM_CAPTURE);
    if (calls.ctl_pcm_info(control, info.get()) < 0) continue;
    microphone_report report;
    report.device =
        std::string("hw:CARD=") + calls.ctl_card_info_get_id(card_info.get()) + ",DEV=" + std::to_string(device);
    report.name = calls.pcm_info_get_name(info.get());
    describe_range(calls, report);
    out.push_back(std::move(report));
  }
  calls.ctl_close(control);
}

}  // namespace

std::vector<microphone_report> list_microphones() {
  std::vector<microphone_report> out;
  const auto calls = load_alsa();
  if (!calls) {
    microphone_report missing;
    missing.error = calls.error().message;
    return {missing};
  }
  int card = -1;
  while ((*calls)->card_next(&card) >= 0 && card >= 0) add_devices(**calls, card, out);
  return out;
}

}  // namespace campush

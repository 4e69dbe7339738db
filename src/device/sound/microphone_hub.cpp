#include "device/sound/microphone_hub.h"

#include <algorithm>

#include "device/sound/shared_microphone.h"

namespace campush {

namespace {

/// A device that more is known of than its config is one, whoever asks for silence in its place: two would fight over it.
bool is_same_device(audio_config known, const audio_config& asked, const std::string& origin) {
  if (!origin.empty()) known.fills_with_silence = asked.fills_with_silence;
  return known == asked;
}

}  // namespace

std::shared_ptr<microphone> microphone_hub::find(uint32_t number, const audio_config& config, const std::string& origin,
                                                 const sound_maker& maker, const clock& time) {
  const std::lock_guard<std::mutex> hold(m_mutex);
  for (const entry& known : m_entries) {
    if (known.origin != origin || !is_same_device(known.config, config, origin)) continue;
    if (auto living = known.living.lock()) return living;
  }
  const auto is_gone = [](const entry& known) { return known.living.expired(); };
  m_entries.erase(std::remove_if(m_entries.begin(), m_entries.end(), is_gone), m_entries.end());
  auto made = std::make_shared<shared_microphone>(number, config, time, maker);
  m_entries.push_back({config, origin, made});
  return made;
}

}  // namespace campush

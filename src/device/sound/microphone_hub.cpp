#include "device/sound/microphone_hub.h"

#include <algorithm>

#include "device/sound/shared_microphone.h"

namespace campush {

std::shared_ptr<microphone> microphone_hub::find(uint32_t number, const audio_config& config, const std::string& origin,
                                                 const sound_maker& maker, const clock& time) {
  const std::lock_guard<std::mutex> hold(m_mutex);
  for (const entry& known : m_entries) {
    if (!(known.config == config) || known.origin != origin) continue;
    if (auto living = known.living.lock()) return living;
  }
  const auto is_gone = [](const entry& known) { return known.living.expired(); };
  m_entries.erase(std::remove_if(m_entries.begin(), m_entries.end(), is_gone), m_entries.end());
  auto made = std::make_shared<shared_microphone>(number, config, time, maker);
  m_entries.push_back({config, origin, made});
  return made;
}

}  // namespace campush

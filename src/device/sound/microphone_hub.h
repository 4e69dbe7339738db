#pragma once

#include <mutex>
#include <string>
#include <vector>

#include "device/sound/sound_pump.h"
#include "device/sound_feed.h"

namespace campush {

/// The microphones of one process: streams that ask for the same sound share one. A microphone lives as long as a feed of it does.
/// Thread: any-thread.
class microphone_hub {
 public:
  microphone_hub() = default;
  microphone_hub(const microphone_hub&) = delete;
  microphone_hub& operator=(const microphone_hub&) = delete;

  /// `origin`: what besides the config says which device it is (a plug-in's file); with one, fills_with_silence makes no difference.
  /// `number`, `maker` and the filling are of the first to ask.
  [[nodiscard]] std::shared_ptr<microphone> find(uint32_t number, const audio_config& config, const std::string& origin,
                                                 const sound_maker& maker, const clock& time);

 private:
  struct entry {
    audio_config config;
    std::string origin;
    std::weak_ptr<microphone> living;
  };

  std::mutex m_mutex;
  std::vector<entry> m_entries;
};

}  // namespace campush

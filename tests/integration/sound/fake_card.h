#pragma once

#include <stdlib.h>
#include <unistd.h>

#include <cstdio>
#include <fstream>
#include <string>

namespace campush::test {

/// An ALSA configuration with one microphone "mic" of the type fakecap, for this process alone. To be made before libasound is first
/// used, once: the library reads its configuration when it is loaded and when the file changes.
class fake_card {
 public:
  explicit fake_card(const std::string& settings) : m_folder("/tmp/campush_sound_XXXXXX") {
    if (::mkdtemp(m_folder.data()) == nullptr) std::abort();
    std::ofstream(config()) << "</usr/share/alsa/alsa.conf>\n"
                            << "pcm_type.fakecap { lib \"" CAMPUSH_FAKECAP "\" }\n"
                            << "pcm.mic { type fakecap control \"" << control() << "\" " << settings << " }\n";
    ::setenv("ALSA_CONFIG_PATH", config().c_str(), 1);
  }
  ~fake_card() {
    heal();
    ::unlink(config().c_str());
    ::rmdir(m_folder.c_str());
  }
  fake_card(const fake_card&) = delete;
  fake_card& operator=(const fake_card&) = delete;

  /// xrun, suspend, unplug, stall, busy. Seen at once as a whole.
  void tell(const std::string& fault) const {
    const std::string draft = m_folder + "/draft";
    std::ofstream(draft) << fault;
    ::rename(draft.c_str(), control().c_str());
  }
  void heal() const { ::unlink(control().c_str()); }
  bool is_told() const { return ::access(control().c_str(), F_OK) == 0; }

 private:
  std::string config() const { return m_folder + "/asound.conf"; }
  std::string control() const { return m_folder + "/control"; }

  std::string m_folder;
};

}  // namespace campush::test

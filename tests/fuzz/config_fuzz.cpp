#include <cstdlib>
#include <string>

#include "config/loader.h"
#include "config/reload_plan.h"

/// A file either loads or gives one printable line; what loads compares equal to itself.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace campush;
  const std::string text(reinterpret_cast<const char*>(data), size);
  const auto config = load_system_config_text(text, "", "f");
  if (!config) {
    for (const char c : config.error().message) {
      if (static_cast<unsigned char>(c) < 0x20) std::abort();
    }
    return 0;
  }
  if (!make_reload_plan(*config, *config).empty()) std::abort();
  return 0;
}

#include <unistd.h>

#include "app/commands/commands.h"

namespace campush {

std::string resolve_config_path(const config_choice& choice) {
  if (!choice.path.empty()) return choice.path;
  for (const char* path : default_config_paths) {
    if (::access(path, F_OK) == 0) return path;
  }
  return default_config_paths[0];
}

}  // namespace campush

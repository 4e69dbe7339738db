#include "codec/module_loader.h"

#include <dlfcn.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <cstring>

#include "codec/module_entry.h"

namespace campush {

namespace {

constexpr const char* file_name = "libcampush_libav.so";
constexpr const char* packages =
    "Debian: libavcodec-dev libswscale-dev libswresample-dev to build, the libraries they bring to run";

tl::unexpected<error> refuse(const std::string& why) {
  return fail(error_code::unsupported, why + " (" + packages + ")");
}

std::string running_program() {
  std::array<char, 4096> path{};
  const ssize_t length = ::readlink("/proc/self/exe", path.data(), path.size() - 1);
  return length > 0 ? std::string(path.data(), static_cast<size_t>(length)) : std::string();
}

std::string text_of_environment(const char* name) {
  const char* const value = std::getenv(name);
  return value != nullptr ? value : "";
}

bool can_read(const std::string& path) noexcept {
  return ::access(path.c_str(), R_OK) == 0;
}

result<codec_library*> open_module(const std::string& path) {
  void* const module = ::dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (module == nullptr) {
    const char* const why = ::dlerror();
    return refuse("the encoders cannot be loaded: " + std::string(why != nullptr ? why : path));
  }
  const auto* const entry = static_cast<const codec_module*>(::dlsym(module, codec_module_symbol));
  if (entry == nullptr || std::strcmp(entry->build_id, CAMPUSH_CODEC_BUILD_ID) != 0) {
    ::dlclose(module);
    return refuse(path + " is of another build of campush: install both from one");
  }
  static const clock& time = *new system_clock;
  return entry->open({&time, &is_logged, &write_log});
}

}  // namespace

std::vector<std::string> codec_module_places(const std::string& directory, const std::string& program) {
  if (!directory.empty()) return {directory + "/" + file_name};
  std::vector<std::string> places;
  const size_t slash = program.rfind('/');
  if (slash != std::string::npos) {
    const std::string prefix = program.substr(0, slash) + "/../";
    places.push_back(prefix + "lib/campush/" + file_name);
    places.push_back(prefix + CAMPUSH_LIBDIR + "/campush/" + file_name);
  }
  places.push_back(std::string(CAMPUSH_FULL_LIBDIR) + "/campush/" + file_name);
  return places;
}

result<codec_library*> load_codec_module_from(const std::vector<std::string>& places) {
  if (CAMPUSH_HAS_LIBAV == 0) return refuse("encoders are not in this build: build with CAMPUSH_WITH_LIBAV=ON");
  for (const std::string& place : places) {
    if (can_read(place)) return open_module(place);
  }
  return refuse("the encoders (CAMPUSH_WITH_LIBAV=ON) are not installed: there is no " + places.back());
}

result<codec_library*> load_codec_module() {
  static const result<codec_library*>& loaded = *new result<codec_library*>(
      load_codec_module_from(codec_module_places(text_of_environment("CAMPUSH_MODULE_DIR"), running_program())));
  return loaded;
}

}  // namespace campush

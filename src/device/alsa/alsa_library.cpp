#include "device/alsa/alsa_library.h"

#include <dlfcn.h>

#include <array>
#include <cstdarg>
#include <cstdio>

#include "util/log.h"

namespace campush {

namespace {

/// The name that every distribution gives version 2 of its binary interface, which the header is of.
constexpr const char* library_name = "libasound.so.2";

[[gnu::format(printf, 5, 6)]] void log_of_library(const char*, int, const char* function, int, const char* format,
                                                  ...) {
  if (!is_logged(log_module::device, log_level::debug)) return;
  std::array<char, 256> text{};
  va_list arguments;
  va_start(arguments, format);
  std::vsnprintf(text.data(), text.size(), format, arguments);
  va_end(arguments);
  log_debug(log_module::device, "libasound: {}: {}", function, text.data());
}

template <class Function>
bool find(void* library, const char* name, Function& function) noexcept {
  function = reinterpret_cast<Function>(::dlsym(library, name));
  return function != nullptr;
}

tl::unexpected<error> refusal() {
  const char* const why = ::dlerror();
  return fail(error_code::not_found,
              std::string("ALSA's library (Debian: libasound2): ") + (why != nullptr ? why : "it cannot be loaded"));
}

result<alsa_calls> load() {
  void* const library = ::dlopen(library_name, RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) return refusal();
  alsa_calls calls;
  bool has_all = true;
#define CAMPUSH_ALSA_FIND(name) has_all = has_all && find(library, "snd_" #name, calls.name);
  CAMPUSH_ALSA_CALLS(CAMPUSH_ALSA_FIND)
#undef CAMPUSH_ALSA_FIND
  if (!has_all) return refusal();
  calls.lib_error_set_handler(log_of_library);
  return calls;
}

}  // namespace

result<const alsa_calls*> load_alsa() {
  static const result<alsa_calls>& loaded = *new result<alsa_calls>(load());
  if (!loaded) return tl::unexpected<error>(loaded.error());
  return &*loaded;
}

}  // namespace campush

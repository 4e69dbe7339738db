#include "rtmp/librtmp_library.h"

#include <dlfcn.h>

#include <array>
#include <cstdarg>
#include <cstdio>

#include "util/log.h"

namespace campush {

namespace {

/// The name that every distribution gives version 1 of its binary interface, which the header is of.
constexpr const char* library_name = "librtmp.so.1";

[[gnu::format(printf, 2, 0)]] void log_of_library(int level, const char* format, va_list arguments) {
  if (level > RTMP_LOGERROR || !is_logged(log_module::rtmp, log_level::debug)) return;
  std::array<char, 256> text{};
  std::vsnprintf(text.data(), text.size(), format, arguments);
  log_debug(log_module::rtmp, "librtmp: {}", text.data());
}

template <class Function>
bool find(void* library, const char* name, Function& function) noexcept {
  function = reinterpret_cast<Function>(::dlsym(library, name));
  return function != nullptr;
}

tl::unexpected<error> refusal() {
  const char* const why = ::dlerror();
  return fail(error_code::not_found, std::string("librtmp: ") + (why != nullptr ? why : "it cannot be loaded"));
}

void set_globals(const librtmp_calls& calls) {
  calls.log_set_callback(log_of_library);
  // Warnings come per message, debug lines show keys.
  calls.log_set_level(RTMP_LOGERROR);
  // Makes the library's TLS context, which is not ours to use but which it makes with the first object.
  RTMP* const first = calls.alloc();
  if (first == nullptr) return;
  calls.init(first);
  calls.free(first);
}

result<librtmp_calls> load() {
  void* const library = ::dlopen(library_name, RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) return refusal();
  librtmp_calls calls;
  const bool has_all = find(library, "RTMP_Alloc", calls.alloc) && find(library, "RTMP_Init", calls.init) &&
                       find(library, "RTMP_Close", calls.close) && find(library, "RTMP_Free", calls.free) &&
                       find(library, "RTMP_EnableWrite", calls.enable_write) &&
                       find(library, "RTMP_Connect1", calls.connect1) &&
                       find(library, "RTMP_SendPacket", calls.send_packet) &&
                       find(library, "RTMP_LogSetCallback", calls.log_set_callback) &&
                       find(library, "RTMP_LogSetLevel", calls.log_set_level);
  if (!has_all) return refusal();
  set_globals(calls);
  return calls;
}

}  // namespace

result<librtmp_calls> load_librtmp() {
  static const result<librtmp_calls>& loaded = *new result<librtmp_calls>(load());
  return loaded;
}

}  // namespace campush

#pragma once

#include <librtmp/log.h>
#include <librtmp/rtmp.h>

#include "util/result.h"

namespace campush {

/// The functions of librtmp that this program calls, with the names of <librtmp/rtmp.h>.
struct librtmp_calls {
  decltype(&RTMP_Alloc) alloc = nullptr;
  decltype(&RTMP_Init) init = nullptr;
  decltype(&RTMP_Close) close = nullptr;
  decltype(&RTMP_Free) free = nullptr;
  decltype(&RTMP_EnableWrite) enable_write = nullptr;
  decltype(&RTMP_Connect1) connect1 = nullptr;
  decltype(&RTMP_SendPacket) send_packet = nullptr;
  decltype(&RTMP_LogSetCallback) log_set_callback = nullptr;
  decltype(&RTMP_LogSetLevel) log_set_level = nullptr;
};

/// Loads the library when it is first asked for, and sets its globals before any thread of it runs: a process that never needs it
/// does not carry it and its GnuTLS (2.4 MiB). It is never unloaded.
/// Errors: not_found with the loader's own words (no library, a function missing).
/// Thread: any-thread. The first call reads files.
[[nodiscard]] result<librtmp_calls> load_librtmp();

}  // namespace campush

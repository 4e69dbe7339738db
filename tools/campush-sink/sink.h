#pragma once

#include "net/tls_listener.h"
#include "server/rtmp_server.h"

namespace campush {

struct sink_options {
  rtmp_server_options server;
  rtmp_server_faults faults;
  bool is_json = false;
  bool ends_after_first = false;  ///< --once
  tls_server_options tls;         ///< without a certificate: plain RTMP
};

/// Runs the server until SIGINT, SIGTERM or the end of the first publisher, and reports on stdout.
/// Returns the exit code: 0 good, 1 when it cannot listen or a picture came without its reference.
/// Thread: called once, on the main thread.
int run_sink(const sink_options& options);

}  // namespace campush

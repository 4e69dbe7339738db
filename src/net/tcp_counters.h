#pragma once

#include "net/byte_stream.h"

namespace campush {

/// Fills what the kernel knows of a connected TCP socket; what it does not give stays empty and is logged once.
/// Shape: three system calls; for sampling, not for the frame path.
/// Source: tcp(7), linux/tcp.h; fields only within the length that TCP_INFO returned (older kernels return less).
/// Thread: any-thread.
void sample_tcp_counters(int fd, stream_counters& counters) noexcept;

}  // namespace campush

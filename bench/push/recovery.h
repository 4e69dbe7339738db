#pragma once

#include <string>

#include "bench/push/clip.h"
#include "bench/push/senders.h"

namespace campush::bench {

/// create_session() to the last byte of the first keyframe in the kernel's hands: a second session of a stream whose GOP cache is in
/// use. `count` times.
[[nodiscard]] result<latency_figures> time_first_keyframe(const clip& played, const std::string& drain_program,
                                                          uint32_t count);
/// SIGKILL of the server to the same moment on the backup.
[[nodiscard]] result<latency_figures> time_failover(const clip& played, const std::string& drain_program,
                                                    uint32_t count);

}  // namespace campush::bench

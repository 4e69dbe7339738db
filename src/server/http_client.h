#pragma once

#include <string>

#include "net/endpoint.h"
#include "util/clock.h"
#include "util/result.h"
#include "util/secret_text.h"

namespace campush {

struct http_answer {
  unsigned status = 0;
  std::string body;
};

/// One request without a body, for `campush status` and `campush retry`. At most 4 MiB of answer.
/// Errors: connection_refused, unreachable, timed_out, malformed (no HTTP), too_big, io_failed.
/// Thread: blocks its caller for at most `timeout`; not for loops.
[[nodiscard]] result<http_answer> http_get(const endpoint& server, const std::string& target, const secret_text& token,
                                           duration timeout);
[[nodiscard]] result<http_answer> http_post(const endpoint& server, const std::string& target, const secret_text& token,
                                            duration timeout);

}  // namespace campush

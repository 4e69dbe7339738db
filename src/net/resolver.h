#pragma once

#include <vector>

#include "net/byte_stream.h"

namespace campush {

/// The name service seam. A numeric host answers without asking anybody.
/// Shape: one query a name however many ask; the answer keeps the system's order (RFC 6724). A dead name delays no
///   other. There is no deadline inside: the caller's timer destroys the pending_operation.
/// Errors: name_not_resolved (no such host, no address), name_service_failed (temporary failure, no name server, …), each with the
///   resolver's own text.
/// Thread: loop-thread of the loop it was made for; the callback comes on that loop, never from inside the call.
class resolver {
 public:
  virtual ~resolver() = default;
  using resolve_callback = std::function<void(result<std::vector<endpoint>>)>;
  [[nodiscard]] virtual std::unique_ptr<pending_operation> resolve(const std::string& host, uint16_t port,
                                                                   resolve_callback done) = 0;
};

}  // namespace campush

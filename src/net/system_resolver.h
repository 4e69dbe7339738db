#pragma once

#include <mutex>

#include "net/event_loop.h"
#include "net/lookup_pool.h"
#include "net/resolver.h"

namespace campush {

/// The resolver of one loop on the threads of a lookup_pool.
/// Shape: may be destroyed, and its loop after it, while a worker hangs: the late answer is dropped.
/// Errors: as resolver.
/// Thread: loop-thread.
class system_resolver final : public resolver {
 public:
  explicit system_resolver(event_loop& loop, std::shared_ptr<lookup_pool> pool = lookup_pool::of_process());
  ~system_resolver() override;
  system_resolver(const system_resolver&) = delete;
  system_resolver& operator=(const system_resolver&) = delete;

  [[nodiscard]] std::unique_ptr<pending_operation> resolve(const std::string& host, uint16_t port,
                                                           resolve_callback done) override;

 private:
  struct loop_link;
  class query;
  class pending_query;

  const std::shared_ptr<loop_link> m_link;
  const std::shared_ptr<lookup_pool> m_pool;
};

}  // namespace campush

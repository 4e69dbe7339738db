#pragma once

#include <memory>
#include <vector>

#include "rtmp/session.h"

namespace campush {

/// Sessions of one loop, used again and again: a released one keeps its timers, queue and tables, so that taking it anew
/// allocates nothing big.
/// Shape: acquire() gives a closed session, release() closes it and takes it back; both ends may come in any order. It never gives
///   memory back before its own end: as many sessions stay as were in use at once.
/// Thread: loop-thread. It outlives nothing it handed out: release everything first.
class session_pool {
 public:
  struct pool_counters {
    uint64_t made = 0;    ///< since the pool began
    uint64_t in_use = 0;  ///< handed out now
  };

  session_pool(event_loop& loop, publisher_factory& publishers, const session_services& services = {})
      : m_loop(loop), m_publishers(publishers), m_services(services) {}

  session& acquire();
  void release(session& used);
  pool_counters counters() const noexcept { return {m_all.size(), m_all.size() - m_idle.size()}; }

 private:
  event_loop& m_loop;
  publisher_factory& m_publishers;
  const session_services m_services;
  std::vector<std::unique_ptr<session>> m_all;
  std::vector<session*> m_idle;
};

}  // namespace campush

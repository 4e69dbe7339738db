#pragma once

#include <memory>

#include "rtmp/flv_tag.h"

namespace campush {

/// Counters of one pool, for benches and metrics.
struct tag_pool_counters {
  uint64_t tags_made = 0;        ///< handed out since the pool began
  uint64_t blocks_allocated = 0; ///< heap allocations: stands still once the stream is steady
  uint64_t bytes_held = 0;       ///< memory of the pool, in use or free
};

/// Storage of one stream's tags: control block, tag and body in one block, recycled through size classes.
/// Shape: make() gives a writable tag and its body; publish by converting the pointer to tag_ptr. Tags may outlive the pool.
///   Free blocks beyond what the last 10 s needed are returned to the heap, so a burst does not stay for years.
/// Errors: make() returns null when `body_bytes` exceeds 16 MiB.
/// Thread: make() on one capture-thread; the last reference may go on any-thread, without a lock.
class tag_pool {
 public:
  tag_pool();
  ~tag_pool();
  tag_pool(const tag_pool&) = delete;
  tag_pool& operator=(const tag_pool&) = delete;

  struct writable_tag {
    std::shared_ptr<flv_tag> tag;
    uint8_t* body = nullptr;   ///< body_bytes of room; tag->body already views it
  };
  writable_tag make(size_t body_bytes);
  tag_pool_counters counters() const noexcept;

 private:
  struct state;
  std::shared_ptr<state> m_state;
};

}  // namespace campush

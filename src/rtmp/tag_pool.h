#pragma once

#include <memory>

#include "rtmp/flv_tag.h"

namespace campush {

/// Counters of one pool, for benches and metrics.
struct tag_pool_counters {
  uint64_t tags_made = 0;         ///< handed out since the pool began
  uint64_t blocks_allocated = 0;  ///< heap allocations: stands still once the stream is steady
  uint64_t bytes_held = 0;        ///< memory of the pool, in use or free
};

/// Storage of one stream's tags: control block, tag and body in one block, recycled through size classes.
/// Shape: make() gives a writable tag and its body; publish by converting the pointer to tag_ptr. Tags may outlive the pool.
///   A request takes a free block of its own class or of one up to twice as large before it asks the heap. Blocks that lay unused
///   for 10 s go back to the heap, except 256 KiB or half of what is in use, so a burst does not stay for years.
/// Units: `now` is any clock that goes on with the frames (their dts); without it nothing is given back before the end.
/// Errors: make() returns null when `body_bytes` exceeds 16 MiB or the heap has no more.
/// Thread: make() on one capture-thread; the last reference may go on any-thread, without a lock. counters() any-thread.
class tag_pool {
 public:
  tag_pool();
  ~tag_pool();
  tag_pool(const tag_pool&) = delete;
  tag_pool& operator=(const tag_pool&) = delete;

  struct writable_tag {
    std::shared_ptr<flv_tag> tag;
    uint8_t* body = nullptr;  ///< body_bytes of room; tag->body already views it
  };
  writable_tag make(size_t body_bytes, time_point now = {});
  tag_pool_counters counters() const noexcept;

 private:
  struct block;
  struct core;
  template <class Value>
  struct block_allocator;

  core* m_core;
};

}  // namespace campush

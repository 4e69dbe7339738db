#include "rtmp/tag_pool.h"

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <new>

namespace campush {
namespace {

constexpr size_t max_body_bytes = 16u << 20;
// What allocate_shared puts in front of the body: control block and tag. Its allocator checks that it fits.
constexpr size_t node_bytes = (sizeof(flv_tag) + 6 * sizeof(void*) + 15) / 16 * 16;

// Four classes an octave: a block wastes at most a fifth, an eighth on average.
constexpr size_t steps_per_octave = 4;
constexpr size_t smallest_block = 512;
constexpr size_t class_count = 4 * 16;
constexpr size_t class_bytes(size_t index) noexcept {
  const size_t octave = smallest_block << (index / steps_per_octave);
  return octave + octave / steps_per_octave * (index % steps_per_octave);
}

constexpr duration trim_period = std::chrono::seconds(10);
// An encoder whose picture sizes wander would otherwise free and allocate the same blocks for ever.
constexpr uint64_t always_kept_bytes = 256u << 10;
constexpr uint64_t kept_share_of_used = 2;

}  // namespace

/// Header of each block; the room for allocate_shared's node and the body follow it.
struct alignas(std::max_align_t) tag_pool::block {
  block* next = nullptr;
  core* owner = nullptr;
  uint32_t bytes = 0;
  uint32_t last_period = 0;
  uint8_t size_class = 0;

  uint8_t* storage() noexcept { return static_cast<uint8_t*>(static_cast<void*>(this + 1)); }
};

/// Outlives the pool while a tag is out: `references` counts the pool and every tag. Free lists and the trimming state belong to the
/// capture-thread. Other threads only push on `returned`, and the capture-thread takes that list as a whole, so no block can
/// leave and come back between a load and an exchange (no ABA).
struct tag_pool::core {
  std::array<block*, class_count> free_blocks{};
  uint32_t period = 0;
  time_point period_end{};
  uint64_t bytes_free = 0;

  std::atomic<block*> returned{nullptr};
  std::atomic<uint32_t> references{1};
  std::atomic<bool> is_abandoned{false};
  std::atomic<uint64_t> tags_made{0}, blocks_allocated{0}, bytes_held{0};

  block* take(size_t size_class) noexcept;
  void collect_returned() noexcept;
  void pass_time(time_point now) noexcept;
  void trim() noexcept;
  void free_all() noexcept;
  void free_block(block* unused) noexcept;
  void give_back(block* unused) noexcept;
  void drop_reference() noexcept;
};

tag_pool::block* tag_pool::core::take(size_t size_class) noexcept {
  for (size_t index = size_class; index <= size_class + steps_per_octave && index < class_count; ++index) {
    block* found = free_blocks[index];
    if (!found) continue;
    free_blocks[index] = found->next;
    bytes_free -= found->bytes;
    return found;
  }
  const size_t bytes = class_bytes(size_class);
  void* memory = ::operator new(bytes, std::nothrow);
  if (!memory) return nullptr;
  block* fresh = new (memory) block;
  fresh->owner = this;
  fresh->bytes = static_cast<uint32_t>(bytes);
  fresh->size_class = static_cast<uint8_t>(size_class);
  blocks_allocated.fetch_add(1, std::memory_order_relaxed);
  bytes_held.fetch_add(bytes, std::memory_order_relaxed);
  return fresh;
}

void tag_pool::core::collect_returned() noexcept {
  if (!returned.load(std::memory_order_relaxed)) return;
  block* list = returned.exchange(nullptr, std::memory_order_acquire);
  while (list) {
    block* unused = list;
    list = list->next;
    unused->next = free_blocks[unused->size_class];
    free_blocks[unused->size_class] = unused;
    bytes_free += unused->bytes;
  }
}

void tag_pool::core::pass_time(time_point now) noexcept {
  if (now < period_end && now + 2 * trim_period > period_end) return;
  period_end = now + trim_period;
  ++period;
  trim();
}

/// The lists are stacks: what is in use stays at their top, so what has the age to go is what the stream did without.
void tag_pool::core::trim() noexcept {
  const uint64_t bytes_used = bytes_held.load(std::memory_order_relaxed) - bytes_free;
  const uint64_t kept = std::max(always_kept_bytes, bytes_used / kept_share_of_used);
  for (size_t index = class_count; index-- > 0;) {
    block** link = &free_blocks[index];
    while (*link && bytes_free > kept) {
      block* candidate = *link;
      if (period - candidate->last_period < 2) {
        link = &candidate->next;
        continue;
      }
      *link = candidate->next;
      bytes_free -= candidate->bytes;
      free_block(candidate);
    }
  }
}

void tag_pool::core::free_all() noexcept {
  collect_returned();
  for (block*& list : free_blocks) {
    while (list) {
      block* unused = list;
      list = list->next;
      free_block(unused);
    }
  }
}

void tag_pool::core::free_block(block* unused) noexcept {
  bytes_held.fetch_sub(unused->bytes, std::memory_order_relaxed);
  unused->~block();
  ::operator delete(unused);
}

void tag_pool::core::give_back(block* unused) noexcept {
  if (is_abandoned.load(std::memory_order_acquire)) {
    free_block(unused);
  } else {
    unused->next = returned.load(std::memory_order_relaxed);
    while (
        !returned.compare_exchange_weak(unused->next, unused, std::memory_order_release, std::memory_order_relaxed)) {
    }
  }
  drop_reference();
}

void tag_pool::core::drop_reference() noexcept {
  if (references.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
  free_all();
  delete this;
}

/// Hands allocate_shared one block that was chosen before, and takes it back when the last reference goes.
template <class Value>
struct tag_pool::block_allocator {
  using value_type = Value;

  block* source;

  explicit block_allocator(block* chosen) noexcept : source(chosen) {}
  template <class Other>
  block_allocator(const block_allocator<Other>& other) noexcept : source(other.source) {}

  Value* allocate(size_t) noexcept {
    static_assert(sizeof(Value) <= node_bytes, "node_bytes must have room for the control block");
    static_assert(alignof(Value) <= alignof(std::max_align_t), "blocks are aligned for every plain type");
    return static_cast<Value*>(static_cast<void*>(source->storage()));
  }
  void deallocate(Value*, size_t) noexcept { source->owner->give_back(source); }

  template <class Other>
  bool operator==(const block_allocator<Other>& other) const noexcept {
    return source == other.source;
  }
  template <class Other>
  bool operator!=(const block_allocator<Other>& other) const noexcept {
    return source != other.source;
  }
};

tag_pool::tag_pool() : m_core(new core) {}

tag_pool::~tag_pool() {
  m_core->is_abandoned.store(true, std::memory_order_release);
  m_core->free_all();
  m_core->drop_reference();
}

tag_pool::writable_tag tag_pool::make(size_t body_bytes, time_point now) {
  if (body_bytes > max_body_bytes) return {};
  const size_t needed = sizeof(block) + node_bytes + body_bytes;
  size_t size_class = 0;
  while (class_bytes(size_class) < needed) ++size_class;

  m_core->collect_returned();
  block* chosen = m_core->take(size_class);
  if (!chosen) return {};
  chosen->last_period = m_core->period;
  if (now != time_point{}) m_core->pass_time(now);
  m_core->references.fetch_add(1, std::memory_order_relaxed);
  m_core->tags_made.fetch_add(1, std::memory_order_relaxed);

  writable_tag made;
  made.tag = std::allocate_shared<flv_tag>(block_allocator<flv_tag>(chosen));
  made.body = chosen->storage() + node_bytes;
  made.tag->body = {made.body, body_bytes};
  return made;
}

tag_pool_counters tag_pool::counters() const noexcept {
  tag_pool_counters now;
  now.tags_made = m_core->tags_made.load(std::memory_order_relaxed);
  now.blocks_allocated = m_core->blocks_allocated.load(std::memory_order_relaxed);
  now.bytes_held = m_core->bytes_held.load(std::memory_order_relaxed);
  return now;
}

}  // namespace campush

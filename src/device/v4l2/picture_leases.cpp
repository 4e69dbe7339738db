#include "device/v4l2/picture_leases.h"

#include <algorithm>
#include <new>

namespace campush {

namespace {

constexpr uint32_t slot_count = buffer_memory::max_buffers + picture_leases::max_copies;
/// What a shared_ptr needs for its counts, a deleter and an allocator. Checked where it is used.
constexpr size_t block_bytes = 128;

struct count_block {
  alignas(std::max_align_t) std::array<std::byte, block_bytes> bytes;
};

}  // namespace

/// Slots 0 … 31 belong to the buffers of the driver, those above to the copies.
struct picture_leases::pool {
  explicit pool(std::shared_ptr<buffer_memory> of) : memory(std::move(of)) {}

  void release(uint32_t slot) noexcept {
    if (slot < buffer_memory::max_buffers) {
      memory->give_back(slot);
    } else {
      copies_in_use.fetch_and(~(1u << (slot - buffer_memory::max_buffers)), std::memory_order_release);
    }
  }

  template <class Value>
  struct allocator {
    using value_type = Value;
    explicit allocator(std::shared_ptr<pool> from, uint32_t number) noexcept : of(std::move(from)), slot(number) {}
    template <class Other>
    allocator(const allocator<Other>& other) noexcept : of(other.of), slot(other.slot) {}
    Value* allocate(size_t) noexcept {
      static_assert(sizeof(Value) <= block_bytes && alignof(Value) <= alignof(std::max_align_t));
      return static_cast<Value*>(static_cast<void*>(of->blocks[slot].bytes.data()));
    }
    /// The block is free, and only now may the slot be used again.
    void deallocate(Value*, size_t) noexcept { of->release(slot); }
    template <class Other>
    bool operator==(const allocator<Other>& other) const noexcept {
      return of == other.of && slot == other.slot;
    }
    template <class Other>
    bool operator!=(const allocator<Other>& other) const noexcept {
      return !(*this == other);
    }
    std::shared_ptr<pool> of;
    uint32_t slot;
  };
  struct no_deleter {
    void operator()(const raw_picture*) const noexcept {}
  };

  static picture_lease lease(const std::shared_ptr<pool>& of, uint32_t slot) {
    return picture_lease(&of->pictures[slot], no_deleter{}, allocator<raw_picture>(of, slot));
  }

  const std::shared_ptr<buffer_memory> memory;
  std::array<raw_picture, slot_count> pictures;
  std::array<count_block, slot_count> blocks;
  std::array<std::vector<uint8_t>, max_copies> copies;
  std::atomic<uint32_t> copies_in_use{0};
};

picture_leases::picture_leases(const capture_format& format, std::shared_ptr<buffer_memory> memory)
    : m_format(format), m_pool(std::make_shared<pool>(std::move(memory))) {}

picture_leases::~picture_leases() = default;

std::optional<raw_picture> picture_leases::describe(const captured_buffer& buffer,
                                                    time_point captured_at) const noexcept {
  const auto layout = layout_of(m_format.format.raw, m_format.width, m_format.height, m_format.strides[0]);
  if (!layout) return std::nullopt;
  raw_picture out;
  out.shape = {m_format.format.raw, m_format.width, m_format.height, m_format.is_full_range};
  out.captured_at = captured_at;
  const bool has_own_memory = m_format.plane_count > 1;
  size_t offset = 0;
  for (uint32_t plane = 0; plane < layout->plane_count; ++plane) {
    const captured_buffer::plane& memory = buffer.planes[has_own_memory ? plane : 0];
    if (has_own_memory) offset = 0;
    out.strides[plane] = has_own_memory ? m_format.strides[plane] : layout->planes[plane].stride;
    const size_t size = size_t{out.strides[plane]} * layout->planes[plane].rows;
    if (offset + size > memory.used) return std::nullopt;
    out.planes[plane] = byte_view(memory.data + offset, size);
    offset += size;
  }
  return out;
}

picture_lease picture_leases::lend(const captured_buffer& buffer, const raw_picture& picture) {
  m_pool->pictures[buffer.index] = picture;
  return pool::lease(m_pool, buffer.index);
}

picture_lease picture_leases::copy(const raw_picture& picture) {
  const uint32_t in_use = m_pool->copies_in_use.load(std::memory_order_acquire);
  uint32_t number = 0;
  while (number < max_copies && (in_use >> number & 1) != 0) ++number;
  if (number == max_copies) return nullptr;
  size_t total = 0;
  for (const byte_view& plane : picture.planes) total += plane.size();
  std::vector<uint8_t>& bytes = m_pool->copies[number];
  bytes.resize(total);
  const uint32_t slot = buffer_memory::max_buffers + number;
  raw_picture& out = m_pool->pictures[slot];
  out = picture;
  size_t offset = 0;
  for (byte_view& plane : out.planes) {
    if (plane.empty()) continue;
    std::copy(plane.begin(), plane.end(), bytes.begin() + static_cast<ptrdiff_t>(offset));
    plane = byte_view(bytes.data() + offset, plane.size());
    offset += plane.size();
  }
  m_pool->copies_in_use.fetch_or(1u << number, std::memory_order_relaxed);
  return pool::lease(m_pool, slot);
}

}  // namespace campush

#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <memory>
#include <optional>
#include <vector>

#include "codec/picture.h"
#include "device/v4l2/capture_queue.h"

namespace campush {

/// Makes raw pictures of captured buffers that several streams may hold. The last to let go gives the buffer back.
/// Shape: a buffer is lent as it is while the driver keeps two others, otherwise its picture is copied, so that a slow stream never starves
///   the driver. Lent memory lives until the last lease has ended. Pictures, their counts and the copies are of a fixed number and used
///   again: nothing is allocated for a picture once every copy has been used.
/// Thread: lend() and copy() the capture-thread; leases any-thread.
class picture_leases {
 public:
  static constexpr uint32_t max_copies = 4;

  picture_leases(const capture_format& format, std::shared_ptr<buffer_memory> memory);
  ~picture_leases();

  /// None: the buffer is shorter than its picture.
  std::optional<raw_picture> describe(const captured_buffer& buffer, time_point captured_at) const noexcept;
  picture_lease lend(const captured_buffer& buffer, const raw_picture& picture);
  /// Null when all copies are in use.
  picture_lease copy(const raw_picture& picture);

 private:
  struct pool;
  const capture_format m_format;
  const std::shared_ptr<pool> m_pool;
};

}  // namespace campush

#pragma once

#include "codec/picture.h"
#include "util/result.h"

namespace campush {

/// The raw pictures of one camera for one stream of it. Several feeds of one camera share its device: it is opened with the first and
/// closed with the last.
/// Shape: open(), then take() whenever poll_descriptor() is readable, then close(). A feed that is not emptied in time keeps the newest
///   picture and counts the others as lost. JPEG images of a webcam arrive decoded.
/// Errors: those of the device, in words that name it; the feed is closed then and may be opened again.
/// Thread: one thread (capture-thread); interrupt() any-thread.
class picture_feed {
 public:
  virtual ~picture_feed() = default;
  /// What pictures come, and how many a second as the driver says (0: unknown).
  struct feed_description {
    picture_shape shape;
    double frame_rate = 0;
  };
  [[nodiscard]] virtual result<feed_description> open() = 0;
  virtual void close() noexcept = 0;
  virtual int poll_descriptor() const noexcept = 0;
  /// The newest picture, or none when there is none yet. The driver waits for its buffer: let go of the lease soon.
  [[nodiscard]] virtual result<picture_lease> take(time_point now) = 0;
  virtual void interrupt() noexcept = 0;
  virtual uint64_t lost_pictures() const noexcept = 0;
};

}  // namespace campush

#pragma once

#include <memory>

#include "net/connector.h"
#include "rtmp/publisher.h"

namespace campush {

class asio_event_loop;

/// Whether this program was built with librtmp (CMake option CAMPUSH_WITH_LIBRTMP).
bool has_librtmp() noexcept;
/// True for the schemes that only librtmp speaks: rtmpt, rtmpe, rtmpte, rtmpts.
bool needs_librtmp(url_scheme scheme) noexcept;

/// Picks the backend of each publisher: by scheme where only librtmp speaks it, else as publish_target::backend says.
/// Shape: one per loop; it outlives what it makes. `native` makes the others and outlives this.
/// Errors: a target that needs librtmp where it is not in the build fails with bad_url, naming the build option.
/// Thread: loop-thread; made and destroyed while the loop does not run, or on it.
class publisher_switch final : public publisher_factory {
 public:
  publisher_switch(publisher_factory& native, asio_event_loop& loop, connector& ways);
  ~publisher_switch() override;

  std::unique_ptr<publisher> make(const publish_target& target, publisher_events& events) override;

 private:
  publisher_factory& m_native;
  asio_event_loop& m_loop;
  std::unique_ptr<publisher_factory> m_librtmp;  ///< null where it is not in the build
};

}  // namespace campush

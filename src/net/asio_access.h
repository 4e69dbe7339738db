#pragma once

#include <boost/asio/io_context.hpp>

#include "net/asio_event_loop.h"

namespace campush {

/// The io_context behind a loop, for what is built on Asio: net itself and server/http (Beast).
/// Thread: loop-thread.
struct asio_access {
  static boost::asio::io_context& context_of(asio_event_loop& loop) noexcept;
};

}  // namespace campush

#include <memory>
#include <thread>

#include "net/asio_event_loop.h"
#include "net/netlink_monitor.h"
#include "net/system_resolver.h"
#include "net/tcp_network.h"
#include "rtmp/multi_session_manager.h"
#include "rtmp/native_publisher.h"
#include "rtmp/publisher_switch.h"
#include "util/log.h"

namespace campush {

namespace {

/// What a firmware that embeds us needs around the manager: one loop with its thread, sockets, names.
class embedded_manager {
 public:
  embedded_manager() : m_thread([this] { m_loop.run(); }) {}
  ~embedded_manager() {
    m_manager.reset();
    m_loop.stop();
    m_thread.join();
  }
  multi_session_manager& manager() noexcept { return *m_manager; }

 private:
  asio_event_loop m_loop;
  tcp_network m_network{m_loop};
  system_resolver m_names{m_loop};
  const std::unique_ptr<netlink_monitor> m_links = netlink_monitor::make_if_possible(m_loop);
  connector m_ways{m_loop, m_network, m_names, m_links.get()};
  native_publisher_factory m_native{m_loop, m_ways};
  publisher_switch m_publishers{m_native, m_loop, m_ways};
  std::unique_ptr<multi_session_manager> m_manager = std::make_unique<multi_session_manager>(
      std::vector<loop_services>{{&m_loop, &m_publishers, m_links.get()}}, media_stream_options{});
  std::thread m_thread;
};

std::shared_ptr<multi_session_manager> make_instance() {
  try {
    const auto holder = std::make_shared<embedded_manager>();
    return {holder, &holder->manager()};
  } catch (const std::exception& failure) {
    log_error(log_module::session, "no event loop, nothing will be published: {}", failure.what());
    return std::make_shared<multi_session_manager>(std::vector<loop_services>{}, media_stream_options{});
  }
}

}  // namespace

#ifdef __clang__
#pragma clang diagnostic ignored "-Wexit-time-destructors"
#endif

// Its loop runs until this object is destroyed, so that code which runs there may use no static object that is destroyed before it:
// clang refuses them in all our libraries, and allows this one.
std::shared_ptr<multi_session_manager> multi_session_manager::instance() {
  static const std::shared_ptr<multi_session_manager> only = make_instance();
  return only;
}

}  // namespace campush

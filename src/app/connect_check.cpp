#include "app/connect_check.h"

#include <algorithm>

#include "app/url_probe.h"
#include "net/asio_event_loop.h"
#include "net/connector.h"
#include "net/system_resolver.h"
#include "net/tcp_network.h"
#include "rtmp/native_publisher.h"
#include "rtmp/publisher_switch.h"

namespace campush {

namespace {

/// The publishers of the agent, with somebody who watches them.
struct check_lane {
  check_lane()
      : resolver(loop),
        network(loop),
        names(loop, resolver),
        streams(network),
        ways(loop, streams, names),
        native(loop, ways),
        publishers(native, loop, ways) {
    ways.secure().set_certificate_listener(
        [this](const std::string& server, const certificate_facts& facts) { watch.certificates[server] = facts; });
  }

  asio_event_loop loop;
  system_resolver resolver;
  tcp_network network;
  watched_resolver names;
  watched_network streams;
  connection_watch watch{names, streams, {}};
  connector ways;
  native_publisher_factory native;
  publisher_switch publishers;
};

bool is_hevc(const system_config& config, const session_config& session) {
  for (const camera_config& camera : config.cameras) {
    if (camera.camera_id != session.camera_id) continue;
    for (const stream_config& stream : camera.streams) {
      if (stream.stream_id == session.stream_id) return declared_codec(stream) == codec_id::h265;
    }
  }
  return false;
}

/// Keeps at most `at_once` probes going until all are done or the time is up.
class probe_queue {
 public:
  probe_queue(check_lane& lane, const connect_check_options& options)
      : m_lane(lane), m_options(options), m_deadline(lane.loop.make_timer([this] { end_all(); })) {}

  void add(probe_request request) {
    m_probes.push_back(std::make_unique<url_probe>(m_lane.loop, m_lane.publishers, m_lane.watch, std::move(request),
                                                   [this] { on_done(); }));
  }
  void run() {
    m_deadline->arm_after(m_options.longest);
    m_lane.loop.post([this] { start_more(); });
    m_lane.loop.run();
  }
  std::vector<url_report> reports() const {
    std::vector<url_report> all;
    for (const auto& probe : m_probes) all.push_back(probe->report());
    return all;
  }

 private:
  void start_more() {
    while (m_started < m_probes.size() && m_started - m_finished < m_options.at_once) m_probes[m_started++]->start();
    if (m_finished == m_probes.size()) m_lane.loop.stop();
  }
  void on_done() {
    ++m_finished;
    // A probe may end inside its own start().
    m_lane.loop.post([this] { start_more(); });
  }
  /// What is published takes leave first, so the loop goes on until all are done.
  void end_all() {
    if (m_is_over) return m_lane.loop.stop();
    m_is_over = true;
    m_deadline->arm_after(2 * url_probe::leave_time);
    m_started = m_probes.size();
    for (const auto& probe : m_probes) probe->give_up("the time of the whole check was over");
  }

  check_lane& m_lane;
  const connect_check_options m_options;
  std::vector<std::unique_ptr<url_probe>> m_probes;
  size_t m_started = 0, m_finished = 0;
  bool m_is_over = false;
  const std::unique_ptr<loop_timer> m_deadline;
};

}  // namespace

std::vector<url_report> check_connections(const system_config& config, const connect_check_options& options) {
  // On the heap: the publishers' shared room is large.
  const auto lane = std::make_unique<check_lane>();
  probe_queue queue(*lane, options);
  for (const session_config& session : config.sessions) {
    size_t order = 0;
    for (const url_entry& address : effective_urls(session)) {
      queue.add({session, address, order++, is_hevc(config, session), options.publishes});
    }
  }
  queue.run();
  return queue.reports();
}

}  // namespace campush

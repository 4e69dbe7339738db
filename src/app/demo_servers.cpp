#include "app/demo_servers.h"

#include <pthread.h>

#include <algorithm>
#include <future>

namespace campush {

namespace {

rtmp_server_options loopback_options() {
  rtmp_server_options options;
  options.listen.address = {127, 0, 0, 1};
  return options;
}

}  // namespace

demo_servers::demo_servers()
    : m_network(m_loop),
      m_primary(m_loop, m_network, loopback_options()),
      m_backup(m_loop, m_network, loopback_options(), this),
      m_thread([this] {
        pthread_setname_np(pthread_self(), "demo-servers");
        m_loop.run();
      }) {}

demo_servers::~demo_servers() {
  on_loop([this] {
    m_primary.stop();
    m_backup.stop();
  });
  m_loop.stop();
  m_thread.join();
}

void demo_servers::on_loop(const std::function<void()>& work) {
  std::promise<void> done;
  m_loop.post([&] {
    work();
    done.set_value();
  });
  done.get_future().wait();
}

result<void> demo_servers::start() {
  result<endpoint> primary, backup;
  on_loop([&] {
    primary = m_primary.start();
    backup = m_backup.start();
  });
  if (!primary) return tl::unexpected(primary.error());
  if (!backup) return tl::unexpected(backup.error());
  m_primary_at = *primary;
  m_backup_at = *backup;
  return {};
}

void demo_servers::kill_primary() {
  on_loop([this] {
    m_killed_at = m_loop.now();
    m_primary.stop();
  });
}

void demo_servers::on_tag(const rtmp_stream_stats& stream, const received_tag& tag) {
  if (tag.kind == received_kind::video && tag.is_keyframe) m_first_keyframes.try_emplace(stream.id, m_loop.now());
}

demo_received demo_servers::received() {
  demo_received out;
  on_loop([&] {
    for (const rtmp_server* server : {&m_primary, &m_backup}) {
      for (const rtmp_stream_stats& stream : server->streams()) {
        out.frames += stream.video.count + stream.audio.count;
        out.missing_references += stream.pictures.missing_references();
        if (server == &m_backup) out.backup_holes += stream.pictures.skipped();
      }
    }
    out.backup_streams = m_backup.live_streams();
  });
  return out;
}

std::optional<duration> demo_servers::failover_time(size_t streams) {
  std::optional<duration> out;
  on_loop([&] {
    if (!m_killed_at || m_first_keyframes.size() < streams) return;
    time_point last{};
    for (const auto& [id, at] : m_first_keyframes) last = std::max(last, at);
    out = last - *m_killed_at;
  });
  return out;
}

}  // namespace campush

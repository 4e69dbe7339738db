// Pushes what an obeying encoder makes, over real TCP, and writes ten times a second what became of it. For
// tests/python/adaptive_bitrate_test.py, which makes the link narrower and wider meanwhile.
// usage: adaptive_push URL CSV KBPS

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <memory>

#include "fakes/obeying_encoder.h"
#include "net/asio_event_loop.h"
#include "net/connector.h"
#include "net/system_resolver.h"
#include "net/tcp_network.h"
#include "rtmp/native_publisher.h"
#include "rtmp/session_manager.h"

namespace campush {
namespace {

volatile std::sig_atomic_t is_stopping = 0;

constexpr duration row_period = std::chrono::milliseconds(100);

/// Pictures and sounds that the queue dropped: not those from before a connection or its first keyframe.
uint64_t dropped_by_queue(const drop_counters& dropped) {
  uint64_t sum = dropped.total();
  for (const auto& kind : dropped.count) {
    sum -= kind[static_cast<size_t>(drop_reason::before_start)] + kind[static_cast<size_t>(drop_reason::not_connected)];
  }
  return sum;
}

/// Times are those of CLOCK_MONOTONIC, which the caller reads, too.
void write_row(std::FILE* csv, time_point now, const obeying_encoder& camera, const session_status& status) {
  std::fprintf(csv, "%.3f,%u,%u,%.0f,%llu,%.1f,%llu,%llu,%.0f,%llu,%.1f\n",
               std::chrono::duration<double>(now.time_since_epoch()).count(), camera.kbps(), status.bitrate_target_kbps,
               static_cast<double>(status.bitrate_current_bps) / 1000, static_cast<unsigned long long>(status.queue_ms),
               status.rtt_us / 1000.0, static_cast<unsigned long long>(dropped_by_queue(status.dropped)),
               static_cast<unsigned long long>(status.retransmits),
               static_cast<double>(status.delivery_rate_bps) / 1000, static_cast<unsigned long long>(status.connects),
               static_cast<double>(status.latency_us) / 1000);
  std::fflush(csv);
}

int push(const char* url, std::FILE* csv, uint32_t kbps) {
  asio_event_loop loop;
  tcp_network network(loop);
  system_resolver names(loop);
  connector ways(loop, network, names);
  native_publisher_factory publishers(loop, ways);
  media_stream stream({0, 0}, "main", loop, media_stream_options{});
  session_pool pool(loop, publishers);
  session_manager sessions(stream, pool);
  obeying_encoder::options encoder;
  encoder.kbps = kbps;
  obeying_encoder camera(loop, stream, encoder);
  sessions.set_control(camera.control());

  session_config config;
  config.urls = {url};
  config.adaptive_bitrate.enabled = true;
  config.encoder_kbps = kbps;
  const auto published = std::make_shared<snapshot<session_status>>();
  if (!sessions.create(config, published)) return 1;
  camera.start();

  std::fputs(
      "time_s,encoder_kbps,asked_kbps,sent_kbps,queue_ms,rtt_ms,dropped,retransmits,delivery_kbps,connects,latency_"
      "ms\n",
      csv);
  const std::unique_ptr<loop_timer> row = loop.make_timer([&] {
    write_row(csv, loop.now(), camera, published->read());
    row->arm_after(row_period);
  });
  row->arm_after(row_period);
  while (is_stopping == 0) loop.run_one_for(row_period);
  camera.stop();
  bool is_over = false;
  sessions.shutdown(std::chrono::seconds(1), [&is_over] { is_over = true; });
  while (!is_over) loop.run_one_for(row_period);
  return 0;
}

}  // namespace
}  // namespace campush

int main(int argc, char** argv) {
  if (argc != 4) return 2;
  std::signal(SIGPIPE, SIG_IGN);
  std::signal(SIGTERM, [](int) { campush::is_stopping = 1; });
  std::FILE* csv = std::fopen(argv[2], "w");
  if (csv == nullptr) return 2;
  const int code = campush::push(argv[1], csv, static_cast<uint32_t>(std::strtoul(argv[3], nullptr, 10)));
  std::fclose(csv);
  return code;
}

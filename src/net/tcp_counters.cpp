#include "net/tcp_counters.h"

#include <linux/sockios.h>
#include <linux/tcp.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <array>
#include <atomic>
#include <cstddef>

#include "util/log.h"

namespace campush {

namespace {

constexpr int protocol_tcp = 6;  // IPPROTO_TCP: <netinet/in.h> does not compile beside <linux/tcp.h> everywhere

enum missing : size_t {
  siocoutqnsd,
  siocoutq,
  tcp_info_rtt,
  tcp_info_retransmits,
  tcp_info_delivery_rate,
  tcp_info_shortest_rtt,
  tcp_info_window_limited,
  missing_count
};
constexpr std::array<const char*, missing_count> missing_names{"SIOCOUTQNSD (unsent bytes)",
                                                               "SIOCOUTQ (unacknowledged bytes)",
                                                               "TCP_INFO round-trip times",
                                                               "TCP_INFO retransmits",
                                                               "TCP_INFO delivery rate",
                                                               "TCP_INFO shortest round trip",
                                                               "TCP_INFO time limited by the receiver's window"};

void say_missing_once(missing what) noexcept {
  static std::array<std::atomic<bool>, missing_count> said{};
  if (said[what].exchange(true)) return;
  log_warn(log_module::net, "this kernel does not give {}: it counts as unknown", missing_names[what]);
}

std::optional<uint64_t> queued_bytes(int fd, unsigned long request, missing name) noexcept {
  int value = 0;
  if (::ioctl(fd, request, &value) == 0 && value >= 0) return static_cast<uint64_t>(value);
  say_missing_once(name);
  return std::nullopt;
}

}  // namespace

void sample_tcp_counters(int fd, stream_counters& counters) noexcept {
  counters.unsent_bytes = queued_bytes(fd, SIOCOUTQNSD, siocoutqnsd);
  counters.unacked_bytes = queued_bytes(fd, SIOCOUTQ, siocoutq);

  tcp_info info{};
  socklen_t length = sizeof info;
  if (::getsockopt(fd, protocol_tcp, TCP_INFO, &info, &length) != 0) length = 0;
  const auto has = [length](size_t offset, size_t size, missing name) {
    if (offset + size <= length) return true;
    say_missing_once(name);
    return false;
  };
  if (has(offsetof(tcp_info, tcpi_rttvar), sizeof info.tcpi_rttvar, tcp_info_rtt)) {
    counters.rtt_us = info.tcpi_rtt;
    counters.rtt_var_us = info.tcpi_rttvar;
  }
  if (has(offsetof(tcp_info, tcpi_min_rtt), sizeof info.tcpi_min_rtt, tcp_info_shortest_rtt)) {
    // All ones stand for "none measured yet".
    if (info.tcpi_min_rtt != UINT32_MAX) counters.shortest_rtt_us = info.tcpi_min_rtt;
  }
  if (has(offsetof(tcp_info, tcpi_rwnd_limited), sizeof info.tcpi_rwnd_limited, tcp_info_window_limited)) {
    counters.window_limited_us = info.tcpi_rwnd_limited;
  }
  if (has(offsetof(tcp_info, tcpi_total_retrans), sizeof info.tcpi_total_retrans, tcp_info_retransmits)) {
    counters.retransmits = info.tcpi_total_retrans;
  }
  const bool has_rate =
      has(offsetof(tcp_info, tcpi_delivery_rate), sizeof info.tcpi_delivery_rate, tcp_info_delivery_rate);
  // 0 stands for "no sample yet".
  if (has_rate && info.tcpi_delivery_rate > 0) counters.delivery_rate_bps = info.tcpi_delivery_rate * 8;
}

}  // namespace campush

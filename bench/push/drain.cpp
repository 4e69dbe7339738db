#include "bench/push/drain.h"

#include <fmt/format.h>

#include <csignal>
#include <sstream>

namespace campush::bench {

result<drain_process> drain_process::start(const std::string& program, uint32_t chunk_size) {
  auto process =
      child_process::start({program, std::to_string(chunk_size)}, core_side::receivers, child_process::talk::pipes);
  if (!process) return tl::unexpected<error>(process.error());
  drain_process drain(std::move(*process));
  const auto line = drain.m_process.read_line(std::chrono::seconds(5));
  if (!line) return tl::unexpected<error>(wrap(line.error(), program));
  std::istringstream(*line) >> drain.m_rtmp_port >> drain.m_raw_port >> drain.m_rtmps_port >> drain.m_raw_tls_port;
  while (drain.m_certificate.find("END CERTIFICATE") == std::string::npos) {
    const auto part = drain.m_process.read_line(std::chrono::seconds(5));
    if (!part) return tl::unexpected<error>(wrap(part.error(), program));
    drain.m_certificate += *part + "\n";
  }
  return drain;
}

std::string drain_process::rtmp_url(const std::string& name, wire_kind wire) const {
  if (wire == wire_kind::tls) return fmt::format("rtmps://localhost:{}/live/{}", m_rtmps_port, name);
  return fmt::format("rtmp://127.0.0.1:{}/live/{}", m_rtmp_port, name);
}

result<drain_counts> drain_process::counts() {
  if (auto asked = m_process.write_line("counts"); !asked) return tl::unexpected<error>(asked.error());
  const auto line = m_process.read_line(std::chrono::seconds(5));
  if (!line) return tl::unexpected<error>(line.error());
  drain_counts counts;
  std::istringstream(*line) >> counts.bytes >> counts.connections >> counts.publishing;
  return counts;
}

result<void> drain_process::wait_for_publishers(uint32_t count, duration limit) {
  const time_point deadline = now() + limit;
  while (true) {
    const auto seen = counts();
    if (!seen) return tl::unexpected<error>(seen.error());
    if (seen->publishing == count) return {};
    if (now() >= deadline) {
      return fail(error_code::timed_out, fmt::format("{} of {} senders publish", seen->publishing, count));
    }
    sleep_for(std::chrono::milliseconds(10));
  }
}

void drain_process::kill() noexcept {
  m_process.kill(SIGKILL);
  m_process.end();
}

}  // namespace campush::bench

#pragma once

#include "bench/push/process.h"

namespace campush::bench {

/// What the receivers have seen since they began.
struct drain_counts {
  uint64_t bytes = 0;
  uint32_t connections = 0, publishing = 0;
};

enum class wire_kind : uint8_t { plain, tls };

/// The process that receives (drain_main.cpp), seen from the bench.
/// Errors: those of child_process.
/// Thread: one at a time, over all processes that share it: the one that measures.
class drain_process {
 public:
  /// `chunk_size` is what it announces to publishers; ffmpeg then uses it for what it sends.
  [[nodiscard]] static result<drain_process> start(const std::string& program, uint32_t chunk_size = 4096);

  std::string rtmp_url(const std::string& name, wire_kind wire = wire_kind::plain) const;
  uint16_t raw_port(wire_kind wire) const noexcept { return wire == wire_kind::tls ? m_raw_tls_port : m_raw_port; }
  /// Its certificate for localhost, PEM.
  const std::string& certificate() const noexcept { return m_certificate; }
  [[nodiscard]] result<drain_counts> counts();
  /// Errors: timed_out.
  [[nodiscard]] result<void> wait_for_publishers(uint32_t count, duration limit);
  void kill() noexcept;

 private:
  explicit drain_process(child_process process) noexcept : m_process(std::move(process)) {}

  child_process m_process;
  std::string m_certificate;
  uint16_t m_rtmp_port = 0, m_raw_port = 0, m_rtmps_port = 0, m_raw_tls_port = 0;
};

}  // namespace campush::bench

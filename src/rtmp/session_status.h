#pragma once

#include <array>
#include <cstring>

#include "rtmp/connection_manager.h"
#include "rtmp/media_stream.h"
#include "rtmp/send_queue.h"

namespace campush {

enum class session_state : uint8_t { disconnected = 1, connecting, connected, error };
enum class connect_phase : uint8_t { none, resolve, tcp, tls, handshake, connect, publish };
const char* state_name(session_state state) noexcept;
const char* phase_name(connect_phase phase) noexcept;

/// How the encoder follows the network: not at all, as it is asked, it cannot, it was asked and does something else.
enum class bitrate_control : uint8_t { off, following, unsupported, ignored };
const char* bitrate_control_name(bitrate_control control) noexcept;

/// Text of bounded size, cut at whole UTF-8 characters: status must not allocate.
template <size_t Capacity>
class fixed_text {
 public:
  fixed_text() = default;
  fixed_text& operator=(std::string_view text) noexcept {
    size_t size = text.size() < Capacity ? text.size() : Capacity - 1;
    while (size < text.size() && size > 0 && (static_cast<uint8_t>(text[size]) & 0xc0) == 0x80) --size;
    std::memcpy(m_text.data(), text.data(), size);
    m_text[size] = 0;
    return *this;
  }
  const char* c_str() const noexcept { return m_text.data(); }
  std::string_view view() const noexcept { return m_text.data(); }

 private:
  std::array<char, Capacity> m_text{};
};

/// What one session tells about itself (DESIGN 8): fixed size, published with each sample (5 Hz) and at each state change,
/// read by API and metrics from a snapshot.
/// Units: bitrates in bit/s over 1 s (current), the connection (average), the best second (peak); times on the monotonic clock,
///   zero where nothing happened yet; *_wall are for people.
struct session_status {
  uint32_t camera_id = 0, stream_id = 0;
  fixed_text<32> stream_name, camera_name, destination;
  session_state state = session_state::disconnected;
  connect_phase phase = connect_phase::none;
  disconnect_reason reason = disconnect_reason::not_started;
  fixed_text<192> url;  ///< masked
  uint32_t url_index = 0, url_count = 0;

  uint64_t bitrate_current_bps = 0, bitrate_average_bps = 0, bitrate_peak_bps = 0;
  std::array<uint64_t, frame_kind_count> frames_sent{};
  drop_counters dropped;
  uint64_t bytes_sent = 0, bytes_acknowledged = 0;
  queue_level level = queue_level::normal;
  uint64_t queue_bytes = 0, queue_ms = 0;
  double frames_per_second = 0;

  uint64_t errors = 0, connects = 0, failed_attempts = 0;
  uint32_t attempts = 0, pass = 0;
  time_point state_since{};
  duration uptime_total{}, downtime_total{};
  time_point next_retry_at{};
  bool is_waiting_for_turn = false;  ///< others of this process reconnect first
  uint64_t turn_waits = 0;
  bool is_name_in_use = false;

  bool is_failback_waiting = false;
  time_point failback_at{};
  uint32_t failback_attempts = 0;
  fixed_text<96> failback_error;

  fixed_text<160> last_error;
  disconnect_reason last_error_reason = disconnect_reason::none;
  std::chrono::system_clock::time_point last_error_wall{};

  uint32_t rtt_us = 0;  ///< 0 where the kernel does not say
  uint32_t rtt_var_us = 0;
  uint64_t delivery_rate_bps = 0;    ///< the kernel's estimate; 0 where it does not say
  uint64_t retransmits = 0;          ///< segments, over all connections
  uint32_t bitrate_target_kbps = 0;  ///< what the encoder was last asked for by its destinations; 0: nothing
  bitrate_control adaptive_bitrate = bitrate_control::off;
  fixed_text<48> local_address, remote_address;
  fixed_text<96> security;     ///< byte_stream::security()
  fixed_text<160> codec_note;  ///< H.265 was refused: by whom, and what is pushed instead
  bool is_on_fallback = false;
  uint32_t redirects = 0, link_changes = 0;
  uint64_t latency_us = 0;        ///< capture to acknowledged, smoothed; 0 while unknown
  bool is_acknowledging = false;  ///< TCP acknowledged data within the last 8 s, or nothing waits
  codec_id video_codec = codec_id::none, audio_codec = codec_id::none;
  video_dialect dialect = video_dialect::legacy;
};

}  // namespace campush

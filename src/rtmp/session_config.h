#pragma once

#include <optional>
#include <string>
#include <vector>

#include "net/endpoint.h"
#include "net/tls_options.h"
#include "rtmp/publisher.h"
#include "rtmp/retry_policy.h"
#include "rtmp/send_queue.h"
#include "rtmp/url_signer.h"

namespace campush {

enum class resume_mode : uint8_t { keyframe, gop_cache };
enum class hevc_mode : uint8_t { automatic, enhanced, legacy12, h264_only };

/// One address of a static list. The key may stand apart, and then may hold slashes; both may be templates.
struct url_entry {
  std::string url;
  std::optional<std::string> stream_key;
  url_entry() = default;
  url_entry(std::string text) : url(std::move(text)) {}
  url_entry(const char* text) : url(text) {}
  url_entry(std::string text, std::string key) : url(std::move(text)), stream_key(std::move(key)) {}
};

/// What a stream does for a destination that does not take its H.265.
struct hevc_fallback {
  enum class kind : uint8_t { none, encoder, stream };
  kind what = kind::none;  ///< encoder: ask it for H.264; stream: push another stream of the same camera instead
  uint32_t stream_id = 0;  ///< of that other stream
  friend bool operator==(const hevc_fallback& left, const hevc_fallback& right) {
    return left.what == right.what && left.stream_id == right.stream_id;
  }
};

/// Follow the network with the encoder's bitrate, beside dropping. Units: kbit/s.
struct adaptive_bitrate_options {
  bool enabled = false;
  uint32_t floor_kbps = 0;  ///< 0: min(configured, max(150, 25 % of configured))
  friend bool operator==(const adaptive_bitrate_options& left, const adaptive_bitrate_options& right) {
    return left.enabled == right.enabled && left.floor_kbps == right.floor_kbps;
  }
};

struct deadlines {
  std::chrono::milliseconds resolve{5000}, tcp{5000}, handshake{5000}, ack_stall{8000}, unpublish{1000};
};

/// Everything one session needs to know. Defaults are those of system_config.json's `rtmp`.
/// Shape: `urls` (static list) wins over url_template + fallback_urls. A session is known by (camera_id, stream_id, destination).
/// Thread: a value type.
struct session_config {
  uint32_t camera_id = 0;
  uint32_t stream_id = 0;
  std::string stream_name = "main";
  std::string camera_name;
  std::string destination = "default";
  std::string device_id;

  std::string url_template;
  std::vector<std::string> fallback_urls;
  std::vector<url_entry> urls;

  campush::retry_policy retry_policy;
  failback_policy failback;
  queue_limits queue;
  deadlines timeouts;
  uint32_t chunk_size = 60000;
  uint32_t max_message_bytes = 1048576;
  resume_mode resume = resume_mode::keyframe;
  hevc_mode hevc = hevc_mode::automatic;
  std::chrono::seconds max_session_age{1728000};  ///< 0 = no limit
  publish_backend backend = publish_backend::native;
  tls_options tls;
  std::string bind_address;    ///< numeric; empty: as the routes say
  std::string bind_interface;  ///< empty: any
  sign_options sign;
  /// Does not count where destinations of one encoder disagree: its bitrate, its codec.
  bool is_secondary = false;
  hevc_fallback fallback;
  adaptive_bitrate_options adaptive_bitrate;
  uint32_t encoder_kbps = 0;  ///< configured bitrate of the stream's encoder; 0: unknown
  /// Test only: where the wire clock of each connection starts.
  uint32_t initial_timestamp_ms = 0;

  friend bool operator==(const session_config& left, const session_config& right);
  friend bool operator!=(const session_config& left, const session_config& right) { return !(left == right); }
};

/// The addresses in order, template first if there is no static list.
std::vector<url_entry> effective_urls(const session_config& config);

}  // namespace campush

#include "rtmp/session_config.h"

#include <algorithm>
#include <tuple>

namespace campush {

namespace {

// Each struct is taken apart whole: a field that is added to one of them and not compared here, and so would be missed by
// a reload, does not compile.

auto values_of(const url_entry& entry) {
  const auto& [url, stream_key] = entry;
  return std::tie(url, stream_key);
}

auto values_of(const retry_policy& policy) {
  const auto& [auto_reconnect, max_attempts, initial_delay, max_delay, jitter, stable, rest, busy_wait, splay] = policy;
  return std::tie(auto_reconnect, max_attempts, initial_delay, max_delay, jitter, stable, rest, busy_wait, splay);
}

auto values_of(const failback_policy& policy) {
  const auto& [enabled, after] = policy;
  return std::tie(enabled, after);
}

auto values_of(const queue_limits& limits) {
  const auto& [warning_bytes, warning_time, high_bytes, high_time, flush_time, critical_bytes] = limits;
  return std::tie(warning_bytes, warning_time, high_bytes, high_time, flush_time, critical_bytes);
}

auto values_of(const deadlines& times) {
  const auto& [resolve, tcp, handshake, ack_stall, unpublish] = times;
  return std::tie(resolve, tcp, handshake, ack_stall, unpublish);
}

template <class Struct>
bool is_same(const Struct& left, const Struct& right) {
  return values_of(left) == values_of(right);
}

bool is_same(const std::vector<url_entry>& left, const std::vector<url_entry>& right) {
  return std::equal(left.begin(), left.end(), right.begin(), right.end(),
                    [](const url_entry& a, const url_entry& b) { return values_of(a) == values_of(b); });
}

}  // namespace

bool operator==(const session_config& left, const session_config& right) {
  const auto& [camera_id, stream_id, stream_name, camera_name, destination, device_id, url_template, fallback_urls,
               urls, retry, failback, queue, timeouts, chunk_size, max_message_bytes, resume, hevc, max_session_age,
               backend, tls, bind_address, bind_interface, sign, is_secondary, fallback, adaptive_bitrate, encoder_kbps,
               initial_timestamp_ms] = left;
  return camera_id == right.camera_id && stream_id == right.stream_id && stream_name == right.stream_name &&
         camera_name == right.camera_name && destination == right.destination && device_id == right.device_id &&
         url_template == right.url_template && fallback_urls == right.fallback_urls && is_same(urls, right.urls) &&
         is_same(retry, right.retry_policy) && is_same(failback, right.failback) && is_same(queue, right.queue) &&
         is_same(timeouts, right.timeouts) && chunk_size == right.chunk_size &&
         max_message_bytes == right.max_message_bytes && resume == right.resume && hevc == right.hevc &&
         max_session_age == right.max_session_age && backend == right.backend && tls == right.tls &&
         bind_address == right.bind_address && bind_interface == right.bind_interface && sign == right.sign &&
         is_secondary == right.is_secondary && fallback == right.fallback &&
         adaptive_bitrate == right.adaptive_bitrate && encoder_kbps == right.encoder_kbps &&
         initial_timestamp_ms == right.initial_timestamp_ms;
}

std::vector<url_entry> effective_urls(const session_config& config) {
  if (!config.urls.empty()) return config.urls;
  std::vector<url_entry> addresses;
  if (!config.url_template.empty()) addresses.emplace_back(config.url_template);
  for (const std::string& fallback : config.fallback_urls) addresses.emplace_back(fallback);
  return addresses;
}

}  // namespace campush

#include "rtmp/session_config.h"

#include <tuple>

namespace campush {

namespace {

bool is_same(const url_entry& left, const url_entry& right) {
  return left.url == right.url && left.stream_key == right.stream_key;
}

bool is_same(const std::vector<url_entry>& left, const std::vector<url_entry>& right) {
  if (left.size() != right.size()) return false;
  for (size_t i = 0; i < left.size(); ++i) {
    if (!is_same(left[i], right[i])) return false;
  }
  return true;
}

auto values_of(const retry_policy& p) {
  return std::tie(p.auto_reconnect, p.max_attempts, p.initial_delay, p.max_delay, p.jitter, p.stable, p.rest,
                  p.busy_wait, p.failover_splay);
}

auto values_of(const failback_policy& p) {
  return std::tie(p.enabled, p.after);
}

auto values_of(const queue_limits& l) {
  return std::tie(l.warning_bytes, l.warning_time, l.high_bytes, l.high_time, l.flush_time, l.critical_bytes);
}

auto values_of(const deadlines& d) {
  return std::tie(d.resolve, d.tcp, d.handshake, d.ack_stall, d.unpublish);
}

auto values_of(const session_config& c) {
  return std::tie(c.camera_id, c.stream_id, c.stream_name, c.camera_name, c.destination, c.device_id, c.url_template,
                  c.fallback_urls, c.chunk_size, c.max_message_bytes, c.resume, c.hevc, c.max_session_age,
                  c.initial_timestamp_ms);
}

// A field added to one of these and not compared above would be missed by a reload. The sizes are those of the
// 64-bit ABI of libstdc++, where every developer builds.
#if defined(__x86_64__) && defined(__GLIBCXX__)
static_assert(sizeof(retry_policy) == 72 && sizeof(failback_policy) == 16);
static_assert(sizeof(queue_limits) == 48 && sizeof(deadlines) == 40);
#endif

}  // namespace

bool operator==(const session_config& left, const session_config& right) {
  return values_of(left) == values_of(right) && is_same(left.urls, right.urls) &&
         values_of(left.retry_policy) == values_of(right.retry_policy) &&
         values_of(left.failback) == values_of(right.failback) && values_of(left.queue) == values_of(right.queue) &&
         values_of(left.timeouts) == values_of(right.timeouts);
}

std::vector<url_entry> effective_urls(const session_config& config) {
  if (!config.urls.empty()) return config.urls;
  std::vector<url_entry> addresses;
  if (!config.url_template.empty()) addresses.emplace_back(config.url_template);
  for (const std::string& fallback : config.fallback_urls) addresses.emplace_back(fallback);
  return addresses;
}

}  // namespace campush

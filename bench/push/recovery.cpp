#include "bench/push/recovery.h"

#include <condition_variable>
#include <mutex>

#include "bench/push/push_world.h"

namespace campush::bench {

namespace {

/// Waits for the first keyframe of a connection that did not exist before.
class keyframe_watch final : public handover_listener {
 public:
  void on_handed_over(const flv_tag& tag, uint32_t connection, time_point at) override {
    if (tag.kind != tag_kind::video || !tag.is_keyframe) return;
    const std::lock_guard<std::mutex> hold(m_mutex);
    if (connection < m_next_connection) return;
    m_next_connection = connection + 1;
    m_last_at = at;
    ++m_count;
    m_came.notify_all();
  }
  /// The moment of the `count`th first keyframe.
  result<time_point> wait_for(uint32_t count, duration limit) {
    std::unique_lock<std::mutex> hold(m_mutex);
    if (!m_came.wait_for(hold, limit, [&] { return m_count >= count; })) {
      return fail(error_code::timed_out, "no keyframe on the new connection");
    }
    return m_last_at;
  }

 private:
  std::mutex m_mutex;
  std::condition_variable m_came;
  uint32_t m_next_connection = 0, m_count = 0;
  time_point m_last_at{};
};

constexpr duration keyframe_limit = std::chrono::seconds(10);

uint64_t microseconds(duration span) noexcept {
  return static_cast<uint64_t>(span.count());
}

/// One failover, everything new: servers, sessions, cache.
result<uint64_t> fail_over_once(const clip& played, const std::string& drain_program, uint32_t number) {
  auto primary = drain_process::start(drain_program);
  auto backup = drain_process::start(drain_program);
  if (!primary || !backup) return tl::unexpected<error>(!primary ? primary.error() : backup.error());
  keyframe_watch watch;
  push_world world(&watch);
  world.start_cameras(played, 1);
  const auto session = world.add_session(0, 0, {primary->rtmp_url("s"), backup->rtmp_url("s")}, resume_mode::gop_cache);
  if (!session) return tl::unexpected<error>(session.error());
  if (auto came = watch.wait_for(1, keyframe_limit); !came) return tl::unexpected<error>(came.error());
  // A GOP lasts 2 s: the server dies at another place of it each time.
  sleep_for(std::chrono::milliseconds(2000 + number % 8 * 250));
  const time_point killed = now();
  primary->kill();
  const auto came = watch.wait_for(2, keyframe_limit);
  if (!came) return tl::unexpected<error>(came.error());
  return microseconds(*came - killed);
}

}  // namespace

result<latency_figures> time_first_keyframe(const clip& played, const std::string& drain_program, uint32_t count) {
  auto drain = drain_process::start(drain_program);
  if (!drain) return tl::unexpected<error>(drain.error());
  keyframe_watch watch;
  push_world world(&watch);
  world.start_cameras(played, 1);
  const auto holder = world.add_session(0, 0, {drain->rtmp_url("holder")}, resume_mode::gop_cache);
  if (!holder) return tl::unexpected<error>(holder.error());
  if (auto came = watch.wait_for(1, keyframe_limit); !came) return tl::unexpected<error>(came.error());
  std::vector<uint64_t> times_us;
  for (uint32_t i = 1; i <= count; ++i) {
    sleep_for(std::chrono::milliseconds(330));
    const time_point begin = now();
    const auto session = world.add_session(0, i, {drain->rtmp_url("s" + std::to_string(i))}, resume_mode::gop_cache);
    if (!session) return tl::unexpected<error>(session.error());
    const auto came = watch.wait_for(i + 1, keyframe_limit);
    if (!came) return tl::unexpected<error>(came.error());
    times_us.push_back(microseconds(*came - begin));
    if (auto gone = world.sessions().destroy_session(*session); !gone) return tl::unexpected<error>(gone.error());
  }
  return summarize(times_us);
}

result<latency_figures> time_failover(const clip& played, const std::string& drain_program, uint32_t count) {
  std::vector<uint64_t> times_us;
  for (uint32_t i = 0; i < count; ++i) {
    const auto time = fail_over_once(played, drain_program, i);
    if (!time) return tl::unexpected<error>(time.error());
    times_us.push_back(*time);
  }
  return summarize(times_us);
}

}  // namespace campush::bench

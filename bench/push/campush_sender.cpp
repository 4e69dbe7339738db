#include "bench/push/counted_heap.h"
#include "bench/push/push_world.h"
#include "bench/push/senders.h"
#include "bench/push/statistics.h"

namespace campush::bench {

namespace {

/// Keeps every latency of the window; its room is made before, so that it does not allocate on the frame path.
class latency_recorder final : public handover_listener {
 public:
  explicit latency_recorder(size_t room) { m_latencies.reserve(room); }
  void on_handed_over(const flv_tag& tag, uint32_t, time_point at) override {
    if (!m_is_recording.load(std::memory_order_relaxed) || m_latencies.size() == m_latencies.capacity()) return;
    if (tag.kind != tag_kind::video && tag.kind != tag_kind::audio) return;
    m_latencies.push_back(static_cast<uint64_t>((at - tag.capture_time).count()));
  }
  void record(bool is_recording) noexcept { m_is_recording = is_recording; }
  /// After the loop has ended.
  latency_figures figures() const { return summarize(m_latencies); }

 private:
  std::atomic<bool> m_is_recording{false};
  std::vector<uint64_t> m_latencies;
};

void add_session_counts(multi_session_manager& sessions, sender_figures& figures) {
  for (const session_status& status : sessions.status()) {
    for (const uint64_t sent : status.frames_sent) figures.sent += sent;
    figures.dropped += status.dropped.total();
  }
}

result<sender_figures> measure(push_world& world, const load& wanted, drain_process& drain,
                               latency_recorder& latencies) {
  sleep_for(wanted.warm_up);
  sender_figures before;
  add_session_counts(world.sessions(), before);
  const auto counts_before = drain.counts();
  if (!counts_before) return tl::unexpected<error>(counts_before.error());
  latencies.record(true);
  const uint64_t frames_before = world.frames_from_cameras();
  const duration cpu_before = own_cpu_time();
  const uint64_t allocations_before = heap_allocations();
  sleep_for(wanted.window);
  const uint64_t allocations = heap_allocations() - allocations_before;
  const duration cpu = own_cpu_time();
  const uint64_t frames = world.frames_from_cameras() - frames_before;
  latencies.record(false);
  const auto counts = drain.counts();
  if (!counts) return tl::unexpected<error>(counts.error());

  sender_figures figures;
  add_session_counts(world.sessions(), figures);
  figures.sent -= before.sent;
  figures.dropped -= before.dropped;
  figures.cpu = cpu - cpu_before;
  figures.bytes = counts->bytes - counts_before->bytes;
  figures.frames = frames;
  figures.allocations = allocations;
  return figures;
}

}  // namespace

latency_figures summarize(const std::vector<uint64_t>& times_us) {
  return {times_us.size(), median(times_us), quantile(times_us, 0.99), quantile(times_us, 1.0)};
}

result<sender_figures> push_with_campush(const clip& played, const load& wanted, drain_process& drain,
                                         probing listens) {
  constexpr size_t frames_per_second = 80;
  const auto seconds = static_cast<size_t>(wanted.window / std::chrono::seconds(1)) + 2;
  latency_recorder latencies(listens == probing::on ? wanted.sessions * frames_per_second * seconds : 0);
  result<sender_figures> figures;
  {
    push_world world(listens == probing::on ? &latencies : nullptr);
    world.start_cameras(played, wanted.streams);
    for (uint32_t i = 0; i < wanted.sessions; ++i) {
      const auto added =
          world.add_session(i % wanted.streams, i, {drain.rtmp_url("s" + std::to_string(i), wanted.wire)});
      if (!added) return tl::unexpected<error>(added.error());
    }
    const auto connected = world.wait_until_connected(wanted.sessions, std::chrono::seconds(20));
    if (!connected) return tl::unexpected<error>(connected.error());
    figures = measure(world, wanted, drain, latencies);
  }
  if (figures) figures->latency = latencies.figures();
  return figures;
}

}  // namespace campush::bench

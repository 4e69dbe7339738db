#include "bench/push/senders.h"

namespace campush::bench {

namespace {

/// ffmpeg looks into its input for about a CPU second before it sends.
constexpr uint32_t started_together = 8;

duration sum_of_cpu(const std::vector<child_process>& processes) {
  duration sum{};
  for (const child_process& process : processes) sum += cpu_time_of(process.pid());
  return sum;
}

}  // namespace

result<sender_figures> push_with_ffmpeg(const std::string& flv_path, const load& wanted, drain_process& drain) {
  std::vector<child_process> processes;
  for (uint32_t i = 0; i < wanted.sessions; ++i) {
    auto process =
        child_process::start({"ffmpeg", "-nostdin", "-hide_banner", "-loglevel", "fatal", "-stream_loop", "-1", "-re",
                              "-i", flv_path, "-c", "copy", "-f", "flv", drain.rtmp_url("ff" + std::to_string(i))},
                             core_side::senders);
    if (!process) return tl::unexpected<error>(process.error());
    processes.push_back(std::move(*process));
    const bool is_group_full = (i + 1) % started_together == 0 || i + 1 == wanted.sessions;
    if (!is_group_full) continue;
    const auto published = drain.wait_for_publishers(i + 1, std::chrono::seconds(60));
    if (!published) return tl::unexpected<error>(wrap(published.error(), "ffmpeg"));
  }
  sleep_for(wanted.warm_up);
  const auto counts_before = drain.counts();
  if (!counts_before) return tl::unexpected<error>(counts_before.error());
  const duration cpu_before = sum_of_cpu(processes);
  sleep_for(wanted.window);
  sender_figures figures;
  figures.cpu = sum_of_cpu(processes) - cpu_before;
  const auto counts = drain.counts();
  if (!counts) return tl::unexpected<error>(counts.error());
  figures.bytes = counts->bytes - counts_before->bytes;
  for (child_process& process : processes) {
    if (!process.is_running()) return fail(error_code::io_failed, "an ffmpeg process has ended early");
  }
  if (const auto memory = memory_of(processes.front().pid())) figures.pss_bytes = memory->pss;
  for (child_process& process : processes) process.kill(9);
  return figures;
}

}  // namespace campush::bench

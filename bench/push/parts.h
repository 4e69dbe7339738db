#pragma once

#include <string>

#include "bench/push/options.h"
#include "bench/push/report.h"
#include "util/result.h"

namespace campush::bench {

/// Where a run keeps its clips and configurations; removed at the end.
struct bench_place {
  bench_options options;
  std::string folder;
  std::string drain_program() const { return options.program_folder + "/push_bench_drain"; }
  std::string agent_program() const { return options.program_folder + "/campush"; }
};

/// The parts of push_bench: each measures and adds its figures.
/// Errors: whatever kept it from measuring.
result<void> measure_cpu(const bench_place& place, report& out);
result<void> measure_rtmps(const bench_place& place, report& out);
result<void> measure_allocations(const bench_place& place, report& out);
result<void> measure_latency(const bench_place& place, report& out);
result<void> measure_first_keyframe(const bench_place& place, report& out);
result<void> measure_failover(const bench_place& place, report& out);
result<void> measure_memory(const bench_place& place, report& out);
result<void> measure_calls(const bench_place& place, report& out);
result<void> measure_share(const bench_place& place, report& out);
result<void> measure_recorder(const bench_place& place, report& out);

}  // namespace campush::bench

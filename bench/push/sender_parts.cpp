#include <fmt/format.h>

#include "bench/push/counted_heap.h"
#include "bench/push/parts.h"
#include "bench/push/recovery.h"
#include "bench/push/senders.h"
#include "bench/push/statistics.h"

namespace campush::bench {

namespace {

using std::chrono::seconds;

constexpr uint32_t camera_streams = 4;  ///< of one recorder; the sessions of a row share them

clip_options clip_of(const bench_options& options, bool has_audio) {
  clip_options chosen;
  chosen.kbps = options.kbps;
  chosen.frame_rate = options.frame_rate;
  chosen.has_audio = has_audio;
  return chosen;
}

load load_of(const bench_options& options, uint32_t sessions, uint32_t streams) {
  load wanted;
  wanted.sessions = sessions;
  wanted.streams = std::min(sessions, streams);
  wanted.window = seconds(options.seconds);
  return wanted;
}

double ms(uint64_t us) noexcept {
  return static_cast<double>(us) / 1000;
}

using sender = std::function<result<sender_figures>(const load&)>;

/// One sender in the rounds of a row.
struct contender {
  std::string name;
  load wanted;
  sender push;
  std::vector<sender_figures> rounds;

  double cpu_s_per_gbit() const {
    std::vector<double> all;
    for (const sender_figures& each : rounds) all.push_back(each.cpu_s_per_gbit());
    return median(all);
  }
  /// Median of the ratios, each within one round: what slows a round down slows both.
  double ratio_to(const contender& other) const {
    std::vector<double> all;
    for (size_t i = 0; i < rounds.size(); ++i) {
      all.push_back(rounds[i].cpu_s_per_gbit() / other.rounds[i].cpu_s_per_gbit());
    }
    return median(all);
  }
  /// That every sender of a row moved the same: the rate of one session, and what it dropped.
  std::string note() const {
    uint64_t bytes = 0, dropped = 0;
    for (const sender_figures& each : rounds) {
      bytes += each.bytes;
      dropped += each.dropped;
    }
    const double measured_s = std::chrono::duration<double>(wanted.window).count() * static_cast<double>(rounds.size());
    std::string text =
        fmt::format("{:.2f} Mbit/s a session", static_cast<double>(bytes) * 8e-6 / measured_s / wanted.sessions);
    if (dropped > 0) text += fmt::format(", {} frames dropped", dropped);
    if (const uint64_t pss = rounds.front().pss_bytes; pss > 0) {
      text += fmt::format(", PSS of one {:.1f} MiB", static_cast<double>(pss) / (1 << 20));
    }
    return text;
  }
};

/// What takes turns at one number of sessions.
struct cpu_row {
  uint32_t sessions = 0;
  std::vector<contender> campush,
      bare;                       ///< by layout: sessions that share streams, then (where that differs) a stream each
  std::vector<contender> ffmpeg;  ///< one or none
  std::vector<contender*> all() {
    std::vector<contender*> turns;
    for (auto* group : {&campush, &bare, &ffmpeg}) {
      for (contender& each : *group) turns.push_back(&each);
    }
    return turns;
  }
};

cpu_row row_of(const bench_place& place, const clip& played, const std::string& flv_path, uint32_t sessions,
               drain_process& drain) {
  const auto apart = [](auto push) {
    return [push](const load& wanted) { return run_apart<sender_figures>([&] { return push(wanted); }); };
  };
  const auto campush = apart([&](const load& to) { return push_with_campush(played, to, drain, probing::off); });
  const auto bare = apart([&](const load& to) { return push_with_bare_writer(played, to, drain, probing::off); });
  const auto ffmpeg = apart([&, flv_path](const load& to) { return push_with_ffmpeg(flv_path, to, drain); });
  cpu_row row;
  row.sessions = sessions;
  const load shared = load_of(place.options, sessions, camera_streams),
             own = load_of(place.options, sessions, sessions);
  for (const load& layout : {shared, own}) {
    if (!row.bare.empty() && own.streams == shared.streams) break;
    const std::string streams = fmt::format("{} stream{}", layout.streams, layout.streams == 1 ? "" : "s");
    row.campush.push_back({"campush, " + streams, layout, campush, {}});
    row.bare.push_back({"bare writer, " + streams, layout, bare, {}});
  }
  if (place.options.has_ffmpeg) row.ffmpeg.push_back({"ffmpeg, a process each", own, ffmpeg, {}});
  return row;
}

/// Lets the senders of a row take turns.
result<void> measure_row(const bench_place& place, cpu_row& row, drain_process& drain) {
  for (uint32_t round = 0; round < place.options.repeat; ++round) {
    for (contender* each : row.all()) {
      fmt::print(stderr, "cpu: round {}, {} sessions: {}\n", round + 1, row.sessions, each->name);
      auto figures = each->push(each->wanted);
      if (!figures) return tl::unexpected<error>(wrap(figures.error(), each->name));
      each->rounds.push_back(*figures);
      if (auto gone = drain.wait_for_publishers(0, seconds(20)); !gone) return gone;
    }
  }
  return {};
}

void add_row(cpu_row& row, report& out) {
  constexpr double goal_to_bare = 1.3, goal_to_ffmpeg = 1.0 / 8;
  const auto named = [&](const std::string& what) {
    return fmt::format("{} session{}: {}", row.sessions, row.sessions == 1 ? "" : "s", what);
  };
  const auto goal_at = [&](uint32_t sessions, double goal) {
    return row.sessions == sessions ? std::optional<double>(goal) : std::nullopt;
  };
  for (const contender* each : row.all()) {
    out.add({"cpu", named(each->name), "CPU s/Gbit", each->cpu_s_per_gbit(), {}, each->note()});
  }
  for (size_t i = 0; i < row.campush.size(); ++i) {
    const contender& ours = row.campush[i];
    out.add(
        {"cpu", named(ours.name + " / bare writer"), "×", ours.ratio_to(row.bare[i]), goal_at(128, goal_to_bare), ""});
    if (row.ffmpeg.empty()) continue;
    out.add(
        {"cpu", named(ours.name + " / ffmpeg"), "×", ours.ratio_to(row.ffmpeg[0]), goal_at(16, goal_to_ffmpeg), ""});
  }
}

}  // namespace

result<void> measure_cpu(const bench_place& place, report& out) {
  const clip played(clip_of(place.options, place.options.has_audio));
  const std::string flv_path = place.folder + "/clip.flv";
  if (auto written = played.write_flv(flv_path); !written) return written;
  auto drain = drain_process::start(place.drain_program(), place.options.server_chunk);
  if (!drain) return tl::unexpected<error>(drain.error());
  for (const uint32_t sessions : place.options.sessions) {
    cpu_row row = row_of(place, played, flv_path, sessions, *drain);
    if (auto measured = measure_row(place, row, *drain); !measured) return measured;
    add_row(row, out);
  }
  return {};
}

/// The same over TLS. A frame of the bare writer is one SSL_write, which OpenSSL cuts into records and sends one by one.
result<void> measure_rtmps(const bench_place& place, report& out) {
  constexpr uint32_t sessions = 64;
  constexpr double goal_to_bare = 1.2;
  const clip played(clip_of(place.options, place.options.has_audio));
  auto drain = drain_process::start(place.drain_program(), place.options.server_chunk);
  if (!drain) return tl::unexpected<error>(drain.error());
  bench_place without_ffmpeg = place;
  without_ffmpeg.options.has_ffmpeg = false;
  cpu_row row = row_of(without_ffmpeg, played, "", sessions, *drain);
  for (contender* each : row.all()) each->wanted.wire = wire_kind::tls;
  if (auto measured = measure_row(place, row, *drain); !measured) return measured;
  for (const contender* each : row.all()) {
    out.add({"rtmps",
             fmt::format("{} sessions: {}", sessions, each->name),
             "CPU s/Gbit",
             each->cpu_s_per_gbit(),
             {},
             each->note()});
  }
  for (size_t i = 0; i < row.campush.size(); ++i) {
    out.add({"rtmps", fmt::format("{} sessions: {} / bare SSL_write writer", sessions, row.campush[i].name), "×",
             row.campush[i].ratio_to(row.bare[i]), goal_to_bare, ""});
  }
  return {};
}

result<void> measure_allocations(const bench_place& place, report& out) {
  if (!has_counted_heap()) return fail(error_code::unsupported, "the heap of this C library is not counted");
  constexpr uint32_t few = 1, many = 33;
  const clip played(clip_of(place.options, true));
  auto drain = drain_process::start(place.drain_program());
  if (!drain) return tl::unexpected<error>(drain.error());
  std::vector<sender_figures> both;
  for (const uint32_t sessions : {few, many}) {
    fmt::print(stderr, "allocations: {} sessions\n", sessions);
    load wanted = load_of(place.options, sessions, 1);
    // The clip has to come round once before every size has been seen.
    wanted.warm_up = seconds(25);
    const auto figures =
        run_apart<sender_figures>([&] { return push_with_campush(played, wanted, *drain, probing::off); });
    if (!figures) return tl::unexpected<error>(figures.error());
    both.push_back(*figures);
  }
  const auto per_frame = [](const sender_figures& each) {
    return static_cast<double>(each.allocations) / static_cast<double>(std::max<uint64_t>(each.frames, 1));
  };
  const double slope = (per_frame(both[1]) - per_frame(both[0])) / (many - few);
  const auto counted = [](const sender_figures& each) {
    return fmt::format("{} in {} frames", each.allocations, each.frames);
  };
  out.add({"allocations", "per frame, each session more", "", slope, 0.0,
           counted(both[1]) + fmt::format(", {} sessions", many)});
  out.add({"allocations", "per frame, one session", "", per_frame(both[0]), 0.0, counted(both[0])});
  return {};
}

result<void> measure_latency(const bench_place& place, report& out) {
  constexpr uint32_t sessions = 16;
  constexpr double goal_ms = 2;
  const clip played(clip_of(place.options, true));
  auto drain = drain_process::start(place.drain_program());
  if (!drain) return tl::unexpected<error>(drain.error());
  const load wanted = load_of(place.options, sessions, camera_streams);
  fmt::print(stderr, "latency: {} sessions\n", sessions);
  const auto ours = run_apart<sender_figures>([&] { return push_with_campush(played, wanted, *drain, probing::on); });
  if (!ours) return tl::unexpected<error>(ours.error());
  const auto bare =
      run_apart<sender_figures>([&] { return push_with_bare_writer(played, wanted, *drain, probing::on); });
  if (!bare) return tl::unexpected<error>(bare.error());
  const auto note = [](const latency_figures& each) {
    return fmt::format("p50 {:.3f} ms, {} frames", ms(each.p50_us), each.count);
  };
  out.add(
      {"latency", "capture to kernel, 16 sessions, p99", "ms", ms(ours->latency.p99_us), goal_ms, note(ours->latency)});
  out.add({"latency", "the same, bare writer, p99", "ms", ms(bare->latency.p99_us), {}, note(bare->latency)});
  return {};
}

result<void> measure_first_keyframe(const bench_place& place, report& out) {
  constexpr uint32_t count = 30;
  constexpr double goal_ms = 50;
  const clip played(clip_of(place.options, true));
  fmt::print(stderr, "keyframe: {} connections\n", count);
  const auto times =
      run_apart<latency_figures>([&] { return time_first_keyframe(played, place.drain_program(), count); });
  if (!times) return tl::unexpected<error>(times.error());
  out.add({"keyframe", "connect to first keyframe sent, GOP cache, slowest", "ms", ms(times->max_us), goal_ms,
           fmt::format("median {:.2f} ms of {}", ms(times->p50_us), times->count)});
  return {};
}

result<void> measure_failover(const bench_place& place, report& out) {
  constexpr uint32_t count = 16;
  constexpr double goal_ms = 250;
  const clip played(clip_of(place.options, true));
  fmt::print(stderr, "failover: {} times\n", count);
  const auto times = run_apart<latency_figures>([&] { return time_failover(played, place.drain_program(), count); });
  if (!times) return tl::unexpected<error>(times.error());
  out.add({"failover", "server killed to first keyframe on the backup, slowest", "ms", ms(times->max_us), goal_ms,
           fmt::format("median {:.2f} ms of {}", ms(times->p50_us), times->count)});
  return {};
}

}  // namespace campush::bench

#include <fmt/format.h>

#include <algorithm>

#include "bench/push/agent_run.h"
#include "bench/push/clip.h"
#include "bench/push/parts.h"

namespace campush::bench {

namespace {

using std::chrono::seconds;

constexpr duration settle = seconds(6);
constexpr double kibibyte = 1024, mebibyte = 1024 * 1024;

/// The files of a main (4 Mbit/s) and a sub stream (0.5 Mbit/s), 2 s long: a file source keeps its whole clip in memory.
struct agent_clips {
  agent_stream main, sub;
  uint64_t bytes = 0;
};

result<agent_clips> write_clips(const bench_place& place) {
  agent_clips clips;
  for (auto& [stream, name, kbps] :
       {std::tuple<agent_stream*, const char*, uint32_t>{&clips.main, "main", place.options.kbps},
        {&clips.sub, "sub", place.options.kbps / 8}}) {
    clip_options chosen;
    chosen.kbps = kbps;
    chosen.frame_rate = place.options.frame_rate;
    chosen.seconds = 2;
    chosen.has_audio = true;
    const clip made(chosen);
    stream->video_path = fmt::format("{}/{}.h264", place.folder, name);
    stream->audio_path = fmt::format("{}/{}.aac", place.folder, name);
    stream->frame_rate = chosen.frame_rate;
    if (auto written = made.write_annexb(stream->video_path); !written) return tl::unexpected<error>(written.error());
    if (auto written = made.write_adts(stream->audio_path); !written) return tl::unexpected<error>(written.error());
    for (const clip_frame& frame : made.frames()) clips.bytes += frame.bytes.size();
  }
  return clips;
}

result<memory_use> memory_with(const bench_place& place, agent_clips clips, uint32_t destinations, wire_kind wire) {
  auto drain = drain_process::start(place.drain_program());
  if (!drain) return tl::unexpected<error>(drain.error());
  clips.main.destinations = clips.sub.destinations = destinations;
  clips.main.wire = clips.sub.wire = wire;
  const auto agent = agent_run::start(place.agent_program(), place.folder, {clips.main, clips.sub}, *drain);
  if (!agent) return tl::unexpected<error>(agent.error());
  sleep_for(settle);
  return memory_of(agent->pid());
}

/// System calls by kind, per second and over the window.
struct call_counts {
  double sends = 0, others = 0;
  std::string most;
};

call_counts sort_calls(const std::map<std::string, uint64_t>& calls) {
  call_counts out;
  std::vector<std::pair<uint64_t, std::string>> others;
  for (const auto& [name, count] : calls) {
    if (name == "sendmsg") {
      out.sends += static_cast<double>(count);
    } else {
      out.others += static_cast<double>(count);
      others.emplace_back(count, name);
    }
  }
  std::sort(others.rbegin(), others.rend());
  for (size_t i = 0; i < others.size() && i < 8; ++i) {
    out.most += fmt::format("{}{} {}", i == 0 ? "" : ", ", others[i].second, others[i].first);
  }
  return out;
}

}  // namespace

result<void> measure_memory(const bench_place& place, report& out) {
  constexpr uint32_t many = 16;  // the most that the schema allows a stream
  constexpr struct {
    wire_kind wire;
    const char* name;
    double goal_mib, goal_session_kib;
  } rows[] = {{wire_kind::plain, "", 8, 64}, {wire_kind::tls, "RTMPS, ", 12, 64}};
  const auto clips = write_clips(place);
  if (!clips) return tl::unexpected<error>(clips.error());
  for (const auto& row : rows) {
    fmt::print(stderr, "memory: {}2 and {} sessions\n", row.name, 2 * many);
    const auto base = memory_with(place, *clips, 1, row.wire);
    if (!base) return tl::unexpected<error>(base.error());
    const auto more = memory_with(place, *clips, many, row.wire);
    if (!more) return tl::unexpected<error>(more.error());
    out.add({"memory", fmt::format("PSS, {}1 camera, 2 streams, 2 sessions", row.name), "MiB",
             static_cast<double>(base->pss) / mebibyte, row.goal_mib,
             fmt::format("RSS {:.1f} MiB, written pages {:.1f} MiB, of them the clips {:.1f} MiB",
                         static_cast<double>(base->rss) / mebibyte, static_cast<double>(base->private_dirty) / mebibyte,
                         static_cast<double>(clips->bytes) / mebibyte)});
    const double slope =
        (static_cast<double>(more->pss) - static_cast<double>(base->pss)) / (2 * (many - 1)) / kibibyte;
    out.add({"memory", fmt::format("PSS, {}each session more", row.name), "KiB", slope, row.goal_session_kib,
             fmt::format("{} sessions", 2 * many)});
  }
  return {};
}

result<void> measure_calls(const bench_place& place, report& out) {
  constexpr uint32_t few = 1, many = 16;
  constexpr double sample_calls_per_s = 5 * 3;  // SIOCOUTQ, SIOCOUTQNSD, TCP_INFO
  const auto clips = write_clips(place);
  if (!clips) return tl::unexpected<error>(clips.error());
  const duration window = seconds(place.options.seconds);
  std::vector<call_counts> both;
  for (const uint32_t sessions : {few, many}) {
    fmt::print(stderr, "calls: {} sessions\n", sessions);
    auto drain = drain_process::start(place.drain_program());
    if (!drain) return tl::unexpected<error>(drain.error());
    agent_stream stream = clips->main;
    stream.destinations = sessions;
    const auto agent = agent_run::start(place.agent_program(), place.folder, {stream}, *drain);
    if (!agent) return tl::unexpected<error>(agent.error());
    sleep_for(seconds(2));
    const auto calls = agent->count_system_calls(window);
    if (!calls) return tl::unexpected<error>(calls.error());
    both.push_back(sort_calls(*calls));
  }
  constexpr double sounds_per_second = 48000.0 / 1024;
  const double frames = (place.options.frame_rate + sounds_per_second) * static_cast<double>(place.options.seconds);
  const double sends = (both[1].sends - both[0].sends) / (many - few) / frames;
  const double others = (both[1].others - both[0].others) / (many - few) / static_cast<double>(place.options.seconds);
  out.add({"calls", "sendmsg per frame, each session more", "", sends, 1.0, ""});
  out.add({"calls",
           "other calls per second, each session more",
           "",
           others,
           {},
           fmt::format("the 5 Hz sample makes {:.0f}; {}", sample_calls_per_s, both[1].most)});
  out.add({"calls", "calls per frame, one session, sendmsg left out", "", both[0].others / frames, {}, both[0].most});
  return {};
}

result<void> measure_share(const bench_place& place, report& out) {
  constexpr double goal_percent = 1;
  const auto clips = write_clips(place);
  if (!clips) return tl::unexpected<error>(clips.error());
  auto drain = drain_process::start(place.drain_program());
  if (!drain) return tl::unexpected<error>(drain.error());
  fmt::print(stderr, "share: four streams\n");
  const std::vector<agent_stream> four = {clips->main, clips->sub, clips->main, clips->sub};
  const auto agent = agent_run::start(place.agent_program(), place.folder, four, *drain);
  if (!agent) return tl::unexpected<error>(agent.error());
  sleep_for(settle);
  const time_point begin = now();
  const duration before = cpu_time_of(agent->pid());
  sleep_for(seconds(place.options.seconds));
  const duration used = cpu_time_of(agent->pid()) - before;
  const double percent = 100 * static_cast<double>(used.count()) / static_cast<double>((now() - begin).count());
  out.add({"share", "four streams (2 × 4 + 2 × 0.5 Mbit/s, with AAC), of one core", "%", percent, goal_percent, ""});
  return {};
}

result<void> measure_recorder(const bench_place& place, report& out) {
  constexpr size_t cameras = 64, streams_per_camera = 2;
  const auto clips = write_clips(place);
  if (!clips) return tl::unexpected<error>(clips.error());
  auto drain = drain_process::start(place.drain_program());
  if (!drain) return tl::unexpected<error>(drain.error());
  fmt::print(stderr, "recorder: {} cameras\n", cameras);
  std::vector<agent_stream> streams;
  for (size_t i = 0; i < cameras; ++i) streams.insert(streams.end(), {clips->main, clips->sub});
  const time_point started = now();
  const auto agent = agent_run::start(place.agent_program(), place.folder, streams, *drain, streams_per_camera);
  if (!agent) return tl::unexpected<error>(agent.error());
  const double until_all_publish_s = std::chrono::duration<double>(now() - started).count();
  sleep_for(settle);
  const auto memory = memory_of(agent->pid());
  if (!memory) return tl::unexpected<error>(memory.error());
  const time_point begin = now();
  const duration before = cpu_time_of(agent->pid());
  sleep_for(seconds(place.options.seconds));
  const duration used = cpu_time_of(agent->pid()) - before;
  const double percent = 100 * static_cast<double>(used.count()) / static_cast<double>((now() - begin).count());
  const double clip_mib = static_cast<double>(clips->bytes * cameras) / mebibyte;
  out.add({"recorder", "64 cameras × 2 streams, start to all publishing", "s", until_all_publish_s, {}, ""});
  out.add({"recorder", "threads", "", static_cast<double>(thread_count_of(agent->pid())), {}, "one a stream"});
  out.add({"recorder",
           "PSS",
           "MiB",
           static_cast<double>(memory->pss) / mebibyte,
           {},
           fmt::format("of them the clips, a copy a stream: {:.0f} MiB", clip_mib)});
  out.add({"recorder",
           "PSS without the clips, a session",
           "KiB",
           (static_cast<double>(memory->pss) / mebibyte - clip_mib) * kibibyte / (cameras * streams_per_camera),
           {},
           ""});
  out.add({"recorder",
           "CPU, of one core",
           "%",
           percent,
           {},
           fmt::format("{:.0f} Mbit/s of pictures", place.options.kbps * 1.125 * cameras / 1000)});
  return {};
}

}  // namespace campush::bench

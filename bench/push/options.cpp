#include "bench/push/options.h"

#include <CLI/CLI.hpp>
#include <climits>
#include <filesystem>

namespace campush::bench {

namespace {

constexpr const char* description =
    "Measures what pushing costs, against other senders of the same bytes in the same run, and prints it beside the "
    "goals.";

constexpr const char* footer = R"(
Parts:
  cpu          CPU s per Gbit of campush, of a bare sendmsg writer and (--with-ffmpeg) of ffmpeg -re -c copy processes, at each
               number of --sessions; the senders take turns, --repeat times; medians are shown
  rtmps        the same over TLS with 64 sessions, against a bare SSL_write writer
  allocations  heap allocations per frame and session, process-wide, once the push is steady
  latency      capture to the last byte in the kernel, 16 sessions, pictures and sounds
  keyframe     create_session() to the first keyframe sent, from the GOP cache
  failover     server killed to the first keyframe on the backup
  memory       PSS of `campush run` with 2 streams and 2 sessions, and of each session more; both over RTMPS too
  calls        system calls of `campush run` per frame and session (needs strace and the right to trace)
  share        CPU of `campush run` with four streams as a share of one core
  recorder     threads, memory and CPU of `campush run` with 64 cameras of two streams each

Examples:
  push_bench --with-ffmpeg                       everything; about 15 minutes
  push_bench --only cpu --sessions 16 --seconds 5
  push_bench --only latency,failover --json

Receivers are a process of their own (push_bench_drain), all traffic stays on loopback. CPU times hold on a busy machine, latencies
do not: read them beside those of the bare writer. Exit status: 0 measured, 1 a part could not be measured, 2 usage.)";

std::string folder_of_this_program() {
  std::error_code ignored;
  return std::filesystem::read_symlink("/proc/self/exe", ignored).parent_path().string();
}

}  // namespace

std::optional<bench_options> read_options(int argument_count, char** arguments, int& exit_code) {
  bench_options options;
  options.program_folder = folder_of_this_program();
  std::vector<std::string> parts = part_names;
  CLI::App app(description);
  app.footer(footer);
  app.add_option("--sessions", options.sessions, "Numbers of sessions, e.g. 1,16,128")
      ->delimiter(',')
      ->check(CLI::Range(1u, 1024u));
  app.add_option("--seconds", options.seconds, "Length of one measurement (10)")->check(CLI::Range(1u, 600u));
  app.add_option("--repeat", options.repeat, "How often each is repeated in part cpu (3)")->check(CLI::Range(1u, 50u));
  app.add_option("--only", parts, "Some parts, e.g. cpu,memory")->delimiter(',')->check(CLI::IsMember(part_names));
  app.add_option("--kbps", options.kbps, "Bitrate of the pictures of one stream (4000)")
      ->check(CLI::Range(100u, 50000u));
  app.add_option("--fps", options.frame_rate, "Pictures a second (25)")->check(CLI::Range(5u, 60u));
  app.add_flag("--audio", options.has_audio,
               "Part cpu with 64 kbit/s AAC beside the pictures: 47 more frames a second");
  app.add_flag("--with-ffmpeg", options.has_ffmpeg, "Part cpu with ffmpeg processes too, one a session");
  app.add_option(
         "--server-chunk", options.server_chunk,
         "Chunk size that the server announces in part cpu (4096, as nginx-rtmp; ffmpeg sends in chunks of that size)")
      ->check(CLI::Range(128u, 65536u));
  app.add_flag("--json", options.as_json, "Figures as JSON instead of tables");
  app.add_option("--programs", options.program_folder,
                 "Folder of campush and push_bench_drain (where this program is)");
  try {
    app.parse(argument_count, arguments);
  } catch (const CLI::ParseError& problem) {
    exit_code = app.exit(problem) == 0 ? 0 : 2;
    return std::nullopt;
  }
  options.parts = {parts.begin(), parts.end()};
  return options;
}

}  // namespace campush::bench

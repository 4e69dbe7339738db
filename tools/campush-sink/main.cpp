#include <CLI/CLI.hpp>
#include <cstdio>
#include <filesystem>
#include <map>

#include "sink.h"
#include "util/log.h"

namespace {

using campush::rtmp_server_faults;

struct flag_row {
  const char* name;
  const char* help;
  bool rtmp_server_faults::*field;
};
constexpr flag_row flag_rows[] = {
    {"--refuse", "refuse every connection", &rtmp_server_faults::refuse_connections},
    {"--bad-name", "answer every publish NetStream.Publish.BadName and stay open", &rtmp_server_faults::bad_name},
    {"--deny-connect", "answer every connect NetConnection.Connect.Rejected, then close",
     &rtmp_server_faults::deny_connect},
    {"--deny-publish", "answer every publish NetStream.Publish.Denied, then close", &rtmp_server_faults::deny_publish},
    {"--silent-after-accept", "never say a byte", &rtmp_server_faults::silent_after_accept},
    {"--silent-after-connect", "never answer the connect command", &rtmp_server_faults::silent_after_connect},
    {"--garbage", "answer the connect command with bytes that are not RTMP",
     &rtmp_server_faults::garbage_after_handshake},
    {"--close-after-start", "accept the publish, then close", &rtmp_server_faults::close_after_start},
};

struct bytes_row {
  const char* name;
  const char* help;
  uint64_t rtmp_server_faults::*field;
};
constexpr bytes_row bytes_rows[] = {
    {"--close-after-bytes", "reset each connection once it has received so many bytes",
     &rtmp_server_faults::close_after_bytes},
    {"--stop-reading-after-bytes", "stop reading each connection after so many bytes, leave it open",
     &rtmp_server_faults::stop_reading_after_bytes},
    {"--slow", "read at most so many bytes per second of each connection", &rtmp_server_faults::read_bytes_per_s},
};

struct seconds_row {
  const char* name;
  const char* help;
  campush::duration rtmp_server_faults::*field;
};
constexpr seconds_row seconds_rows[] = {
    {"--late-acks", "acknowledge only every so many seconds, whatever the window",
     &rtmp_server_faults::acknowledge_every},
    {"--unpublish-after", "kick each publisher after so many seconds", &rtmp_server_faults::unpublish_after},
};

const std::map<std::string, campush::duplicate_policy> policies = {{"refuse", campush::duplicate_policy::refuse},
                                                                   {"replace", campush::duplicate_policy::replace},
                                                                   {"allow", campush::duplicate_policy::allow}};

constexpr const char* description =
    "Receives RTMP publishers, counts what they send, records it, and misbehaves on request.\n"
    "Its first line tells where it listens (\"listening 127.0.0.1:41235\"); port 0 takes a free one.\n"
    "Any app and stream name is accepted, e.g.\n"
    "  campush-sink --listen 127.0.0.1:0 --record /tmp --once\n"
    "  ffmpeg -re -f lavfi -i testsrc2 -c:v libx264 -f flv rtmp://127.0.0.1:PORT/live/test";

constexpr const char* footer =
    "Streams are reported once a second on a terminal or with --json, and summed up at SIGINT or SIGTERM.\n"
    "Exit codes: 0 good, 1 cannot listen or a marked picture came without its reference, 2 usage.";

void add_fault_options(CLI::App& app, campush::sink_options& options) {
  const char* const group = "Misbehaviour (each is off by default; they combine)";
  for (const flag_row& row : flag_rows) app.add_flag(row.name, options.faults.*row.field, row.help)->group(group);
  for (const bytes_row& row : bytes_rows) {
    app.add_option(row.name, options.faults.*row.field, row.help)
        ->type_name("BYTES")
        ->check(CLI::Range(uint64_t{1}, uint64_t{1} << 40))
        ->group(group);
  }
  for (const seconds_row& row : seconds_rows) {
    app.add_option_function<double>(
           row.name,
           [&options, &row](const double& seconds) {
             options.faults.*row.field =
                 std::chrono::duration_cast<campush::duration>(std::chrono::duration<double>(seconds));
           },
           row.help)
        ->type_name("SECONDS")
        ->check(CLI::Range(0.001, 1e6))
        ->group(group);
  }
}

void add_options(CLI::App& app, campush::sink_options& options, std::string& listen) {
  app.add_option("--listen", listen, "where to listen; IPv6 in brackets: [::1]:1935")
      ->type_name("HOST:PORT")
      ->capture_default_str();
  app.add_option("--record", options.server.record_dir,
                 "write each stream to an FLV file in this folder (made if missing)")
      ->type_name("DIR");
  app.add_flag("--wire-times", options.server.writes_wire_times,
               "beside each recording, FILE.flv.times: type, raw 32-bit timestamp and size of every message")
      ->needs("--record");
  app.add_flag("--json", options.is_json, "one JSON object a line instead of text");
  app.add_flag("--once", options.ends_after_first, "end when the first publisher has gone");
  app.add_option_function<std::string>(
         "--duplicates", [&options](const std::string& policy) { options.server.duplicates = policies.at(policy); },
         "a name already being published: refuse it (BadName, as nginx-rtmp), replace the old one, allow both")
      ->type_name("refuse|replace|allow")
      ->check([](const std::string& policy) {
        return policies.count(policy) != 0 ? std::string() : policy + " is not refuse, replace or allow";
      });
  app.add_option("--chunk-size", options.server.chunk_size, "chunk size announced to clients")
      ->type_name("BYTES")
      ->check(CLI::Range(128, 65536))
      ->capture_default_str();
  app.add_option("--gap-ms", options.server.gap_ms, "a step of a track's time that counts as a gap")
      ->type_name("MS")
      ->check(CLI::Range(1, 1000000000))
      ->capture_default_str();
}

int usage_error(const std::string& text) {
  std::fprintf(stderr, "campush-sink: %s\n", text.c_str());
  return 2;
}

int run(int argc, char** argv) {
  campush::sink_options options;
  std::string listen = "127.0.0.1:1935";
  CLI::App app(description, "campush-sink");
  app.footer(footer);
  add_options(app, options, listen);
  add_fault_options(app, options);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& problem) {
    return app.exit(problem) == 0 ? 0 : 2;
  }
  const auto at = campush::parse_listen_address(listen);
  if (!at) return usage_error("--listen " + listen + ": " + at.error().message);
  options.server.listen = *at;
  if (!options.server.record_dir.empty()) {
    std::error_code failure;
    std::filesystem::create_directories(options.server.record_dir, failure);
    if (failure) return usage_error("--record " + options.server.record_dir + ": " + failure.message());
  }
  // stdout belongs to the report.
  campush::set_log_level(campush::log_level::warn);
  return campush::run_sink(options);
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return run(argc, argv);
  } catch (const std::exception& problem) {
    return usage_error(problem.what());
  }
}

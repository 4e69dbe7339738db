#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace campush::bench {

struct bench_options {
  std::vector<uint32_t> sessions{1, 16, 128};
  std::set<std::string> parts;  ///< names of the parts to run; see part_names
  uint32_t seconds = 10, repeat = 3, kbps = 4000, frame_rate = 25, server_chunk = 4096;
  bool has_ffmpeg = false, has_audio = false, as_json = false;
  std::string program_folder;  ///< of campush and push_bench_drain
};

inline const std::vector<std::string> part_names = {"cpu",      "rtmps",  "allocations", "latency", "keyframe",
                                                    "failover", "memory", "calls",       "share",   "recorder"};

/// Reads the command line. Without a value the program should end with `exit_code` (0 after --help, 2 for a mistake).
std::optional<bench_options> read_options(int argument_count, char** arguments, int& exit_code);

}  // namespace campush::bench

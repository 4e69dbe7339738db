#include <fmt/format.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>

#include "bench/push/parts.h"

namespace campush::bench {
namespace {

struct bench_part {
  const char* name;
  result<void> (*measure)(const bench_place& place, report& out);
};
constexpr bench_part parts[] = {
    {"cpu", measure_cpu},
    {"rtmps", measure_rtmps},
    {"allocations", measure_allocations},
    {"latency", measure_latency},
    {"keyframe", measure_first_keyframe},
    {"failover", measure_failover},
    {"memory", measure_memory},
    {"calls", measure_calls},
    {"share", measure_share},
    {"recorder", measure_recorder},
};

/// A folder of its own, gone with this object.
class scratch_folder {
 public:
  scratch_folder() {
    std::string pattern = (std::filesystem::temp_directory_path() / "push_bench.XXXXXX").string();
    if (::mkdtemp(pattern.data()) != nullptr) m_path = pattern;
  }
  ~scratch_folder() {
    std::error_code ignored;
    if (!m_path.empty()) std::filesystem::remove_all(m_path, ignored);
  }
  scratch_folder(const scratch_folder&) = delete;
  scratch_folder& operator=(const scratch_folder&) = delete;
  const std::string& path() const noexcept { return m_path; }

 private:
  std::string m_path;
};

int run(const bench_options& options) {
  const scratch_folder scratch;
  if (scratch.path().empty()) {
    fmt::print(stderr, "push_bench: no folder can be made for temporary files\n");
    return 1;
  }
  const bench_place place{options, scratch.path()};
  report out;
  for (const bench_part& part : parts) {
    if (options.parts.count(part.name) == 0) continue;
    if (const auto done = part.measure(place, out); !done) out.add_failure(part.name, done.error().message);
  }
  fmt::print("{}", options.as_json ? out.as_json() : out.as_tables());
  return out.has_failures() ? 1 : 0;
}

}  // namespace
}  // namespace campush::bench

int main(int argument_count, char** arguments) {
  std::signal(SIGPIPE, SIG_IGN);
  int exit_code = 0;
  const auto options = campush::bench::read_options(argument_count, arguments, exit_code);
  return options ? campush::bench::run(*options) : exit_code;
}

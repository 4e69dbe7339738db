#include "util/cpu_time.h"

#include <dirent.h>
#include <time.h>

#include <cstdlib>
#include <fstream>
#include <memory>

namespace campush {

namespace {

duration read_clock(clockid_t id) noexcept {
  timespec used{};
  if (::clock_gettime(id, &used) != 0) return duration::zero();
  return std::chrono::duration_cast<duration>(std::chrono::seconds(used.tv_sec) +
                                              std::chrono::nanoseconds(used.tv_nsec));
}

struct folder_closer {
  void operator()(DIR* folder) const noexcept { ::closedir(folder); }
};

}  // namespace

duration own_cpu_time() noexcept {
  return read_clock(CLOCK_THREAD_CPUTIME_ID);
}

duration cpu_time_of(int thread_id) noexcept {
  // The kernel's form of a clock id made of a thread's: complement, shifted, "per thread" (4), "time it was scheduled" (2).
  constexpr unsigned per_thread_scheduled = 6;
  return read_clock(static_cast<clockid_t>(~static_cast<unsigned>(thread_id) << 3 | per_thread_scheduled));
}

std::vector<int> threads_of_process() {
  std::vector<int> ids;
  const std::unique_ptr<DIR, folder_closer> folder(::opendir("/proc/self/task"));
  if (!folder) return ids;
  while (const dirent* entry = ::readdir(folder.get())) {
    if (const int id = std::atoi(entry->d_name); id > 0) ids.push_back(id);
  }
  return ids;
}

std::string name_of_thread(int thread_id) {
  std::ifstream file("/proc/self/task/" + std::to_string(thread_id) + "/comm");
  std::string name;
  std::getline(file, name);
  return name;
}

}  // namespace campush

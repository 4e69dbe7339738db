#include "bench/push/process.h"

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <utility>

namespace campush::bench {

namespace {

cpu_set_t cores_of_this_process() noexcept {
  cpu_set_t cores;
  CPU_ZERO(&cores);
  ::sched_getaffinity(0, sizeof cores, &cores);
  return cores;
}
/// As they were when the program began: a child may take cores that its parent gave up.
const cpu_set_t all_cores = cores_of_this_process();

duration to_duration(const timespec& time) noexcept {
  return std::chrono::seconds(time.tv_sec) + duration(time.tv_nsec / 1000);
}
bool write_all(int descriptor, const void* data, size_t size) noexcept {
  const char* at = static_cast<const char*>(data);
  while (size > 0) {
    const ssize_t count = ::write(descriptor, at, size);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return false;
    at += count;
    size -= static_cast<size_t>(count);
  }
  return true;
}

std::string read_all(int descriptor) {
  std::string bytes;
  char buffer[4096];
  while (true) {
    const ssize_t count = ::read(descriptor, buffer, sizeof buffer);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return bytes;
    bytes.append(buffer, static_cast<size_t>(count));
  }
}

/// In the forked child: the other program takes over, or the child ends with 127.
[[noreturn]] void become(const std::vector<std::string>& command, core_side side, int input, int output) noexcept {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  take_cores(side);
  const int nothing = ::open("/dev/null", O_RDWR);
  ::dup2(input >= 0 ? input : nothing, STDIN_FILENO);
  ::dup2(output >= 0 ? output : nothing, STDOUT_FILENO);
  std::vector<char*> arguments;
  for (const std::string& word : command) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  ::execvp(arguments[0], arguments.data());
  std::fprintf(stderr, "%s: %s\n", arguments[0], std::strerror(errno));
  ::_exit(127);
}

}  // namespace

duration cpu_time_of(pid_t pid) noexcept {
  clockid_t id{};
  timespec time{};
  if (::clock_getcpuclockid(pid, &id) != 0 || ::clock_gettime(id, &time) != 0) return {};
  return to_duration(time);
}

duration own_cpu_time() noexcept {
  timespec time{};
  return ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time) == 0 ? to_duration(time) : duration{};
}

time_point now() noexcept {
  return system_clock().now();
}

void sleep_until(time_point due) noexcept {
  const int64_t us = due.time_since_epoch().count();
  const timespec at{us / 1000000, (us % 1000000) * 1000};
  while (::clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, nullptr) == EINTR) {
  }
}

void sleep_for(duration span) noexcept {
  sleep_until(now() + span);
}

void take_cores(core_side side) noexcept {
  if (CPU_COUNT(&all_cores) < 2) return;
  size_t last = CPU_SETSIZE - 1;
  while (!CPU_ISSET(last, &all_cores)) --last;
  cpu_set_t chosen = all_cores;
  if (side == core_side::senders) {
    CPU_CLR(last, &chosen);
  } else {
    CPU_ZERO(&chosen);
    CPU_SET(last, &chosen);
  }
  ::sched_setaffinity(0, sizeof chosen, &chosen);
}

uint32_t thread_count_of(pid_t pid) noexcept {
  std::error_code gone;
  uint32_t count = 0;
  for (std::filesystem::directory_iterator task("/proc/" + std::to_string(pid) + "/task", gone), end; task != end;
       task.increment(gone)) {
    ++count;
  }
  return count;
}

result<memory_use> memory_of(pid_t pid) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/smaps_rollup");
  memory_use use;
  const std::pair<const char*, uint64_t*> fields[] = {
      {"Pss:", &use.pss}, {"Rss:", &use.rss}, {"Private_Dirty:", &use.private_dirty}};
  std::string name, line;
  while (file >> name) {
    for (const auto& [wanted, into] : fields) {
      if (name == wanted && file >> *into) *into *= 1024;
    }
    std::getline(file, line);
  }
  if (use.pss == 0)
    return fail(error_code::not_found, "smaps_rollup does not tell the memory of process " + std::to_string(pid));
  return use;
}

result<child_process> child_process::start(const std::vector<std::string>& command, core_side side, talk how) {
  int input[2] = {-1, -1}, output[2] = {-1, -1};
  if (how == talk::pipes && (::pipe2(input, O_CLOEXEC) != 0 || ::pipe2(output, O_CLOEXEC) != 0)) {
    return tl::unexpected<error>(error_from_errno(errno, "pipe"));
  }
  const pid_t pid = ::fork();
  if (pid == 0) become(command, side, input[0], output[1]);
  if (how == talk::pipes) {
    ::close(input[0]);
    ::close(output[1]);
  }
  child_process child(pid, input[1], output[0]);
  if (pid < 0) return tl::unexpected<error>(error_from_errno(errno, command[0]));
  return child;
}

child_process::child_process(child_process&& other) noexcept {
  *this = std::move(other);
}

child_process& child_process::operator=(child_process&& other) noexcept {
  std::swap(m_pid, other.m_pid);
  std::swap(m_to, other.m_to);
  std::swap(m_from, other.m_from);
  std::swap(m_unread, other.m_unread);
  return *this;
}

child_process::~child_process() {
  end();
  release();
}

void child_process::release() noexcept {
  for (int* descriptor : {&m_to, &m_from}) {
    if (*descriptor >= 0) ::close(*descriptor);
    *descriptor = -1;
  }
}

bool child_process::is_running() noexcept {
  if (m_pid <= 0) return false;
  if (::waitpid(m_pid, nullptr, WNOHANG) == 0) return true;
  m_pid = -1;
  return false;
}

void child_process::kill(int signal) noexcept {
  if (m_pid > 0) ::kill(m_pid, signal);
}

void child_process::end(duration grace) noexcept {
  if (!is_running()) return;
  kill(SIGTERM);
  const time_point limit = now() + grace;
  while (is_running() && now() < limit) sleep_for(std::chrono::milliseconds(5));
  if (m_pid <= 0) return;
  kill(SIGKILL);
  ::waitpid(m_pid, nullptr, 0);
  m_pid = -1;
}

result<void> child_process::write_line(const std::string& line) {
  const std::string text = line + "\n";
  if (!write_all(m_to, text.data(), text.size())) return tl::unexpected<error>(error_from_errno(errno, "pipe"));
  return {};
}

result<std::string> child_process::read_line(duration limit) {
  const time_point deadline = now() + limit;
  while (true) {
    if (const size_t end = m_unread.find('\n'); end != std::string::npos) {
      std::string line = m_unread.substr(0, end);
      m_unread.erase(0, end + 1);
      return line;
    }
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - now()).count();
    pollfd wait{m_from, POLLIN, 0};
    if (left <= 0 || ::poll(&wait, 1, static_cast<int>(left)) == 0) {
      return fail(error_code::timed_out, "a process of the bench does not answer");
    }
    char buffer[512];
    const ssize_t count = ::read(m_from, buffer, sizeof buffer);
    if (count <= 0) return fail(error_code::closed_by_peer, "a process of the bench has ended");
    m_unread.append(buffer, static_cast<size_t>(count));
  }
}

result<void> run_apart_raw(void* outcome, size_t size, const apart_work& work) {
  int channel[2];
  if (::pipe2(channel, O_CLOEXEC) != 0) return tl::unexpected<error>(error_from_errno(errno, "pipe"));
  std::fflush(nullptr);
  const pid_t pid = ::fork();
  if (pid < 0) return tl::unexpected<error>(error_from_errno(errno, "fork"));
  if (pid == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    take_cores(core_side::senders);
    std::string bytes(size, '\0');
    const result<void> done = work(bytes.data());
    const std::string message = done ? '+' + bytes : '-' + done.error().message;
    const bool is_told = write_all(channel[1], message.data(), message.size());
    ::_exit(is_told ? 0 : 1);
  }
  ::close(channel[1]);
  const std::string message = read_all(channel[0]);
  ::close(channel[0]);
  int status = 0;
  ::waitpid(pid, &status, 0);
  if (message.size() == size + 1 && message[0] == '+') {
    std::memcpy(outcome, message.data() + 1, size);
    return {};
  }
  if (!message.empty() && message[0] == '-') return fail(error_code::io_failed, message.substr(1));
  return fail(error_code::io_failed, "a measurement died, wait status " + std::to_string(status));
}

}  // namespace campush::bench

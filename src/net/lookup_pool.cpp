#include "net/lookup_pool.h"

#include <netdb.h>
#include <pthread.h>

#include <algorithm>
#include <cerrno>
#include <condition_variable>
#include <csignal>
#include <cstdlib>
#include <deque>
#include <iterator>
#include <map>
#include <mutex>

#include "net/socket_address.h"
#include "util/log.h"

namespace campush {

namespace {

constexpr size_t process_workers = 8;
constexpr size_t worker_stack_bytes = 512 * 1024;
constexpr size_t max_addresses = 16;
constexpr std::chrono::seconds idle_time(5);

using waiter_list = std::vector<std::shared_ptr<lookup_waiter>>;

void deliver(const waiter_list& waiters, const std::shared_ptr<const lookup_answer>& answer) {
  for (const auto& waiter : waiters) {
    if (!waiter->is_cancelled) waiter->on_answer(answer);
  }
}

}  // namespace

struct lookup_pool::state : std::enable_shared_from_this<state> {
  // Constant after construction.
  blocking_lookup lookup;
  size_t max_workers = 0;

  mutable std::mutex mutex;
  std::condition_variable has_work;
  // Guarded by mutex.
  std::map<std::string, waiter_list> waiting;  ///< by name, queued or asked
  std::deque<std::string> queued;
  size_t workers = 0;
  size_t idle = 0;
  bool is_closed = false;

  bool start_worker() noexcept;
  void work() noexcept;
  bool next(std::unique_lock<std::mutex>& lock, std::string& host);
  std::shared_ptr<const lookup_answer> answer_of(const std::string& host) const;
  waiter_list take(const std::string& host);
};

namespace {

void* run_worker(void* argument) {
  const std::unique_ptr<std::function<void()>> work(static_cast<std::function<void()>*>(argument));
  (*work)();
  return nullptr;
}

/// A detached thread with a small stack that takes no signals. Returns an errno value.
int start_detached(std::function<void()> work) {
  auto argument = std::make_unique<std::function<void()>>(std::move(work));
  pthread_attr_t attributes;
  ::pthread_attr_init(&attributes);
  ::pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
  ::pthread_attr_setstacksize(&attributes, worker_stack_bytes);
  sigset_t all;
  sigset_t before;
  ::sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &before);
  pthread_t thread;
  const int failure = ::pthread_create(&thread, &attributes, run_worker, argument.get());
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  ::pthread_attr_destroy(&attributes);
  if (failure == 0) static_cast<void>(argument.release());
  return failure;
}

}  // namespace

bool lookup_pool::state::start_worker() noexcept {
  try {
    return start_detached([self = shared_from_this()] { self->work(); }) == 0;
  } catch (...) {
    return false;
  }
}

bool lookup_pool::state::next(std::unique_lock<std::mutex>& lock, std::string& host) {
  while (!is_closed) {
    if (queued.empty()) {
      ++idle;
      const bool has_any = has_work.wait_for(lock, idle_time, [this] { return is_closed || !queued.empty(); });
      --idle;
      if (!has_any) return false;
      continue;
    }
    host = std::move(queued.front());
    queued.pop_front();
    const waiter_list& waiters = waiting[host];
    const bool is_wanted =
        std::any_of(waiters.begin(), waiters.end(), [](const auto& waiter) { return !waiter->is_cancelled; });
    if (is_wanted) return true;
    waiting.erase(host);
  }
  return false;
}

waiter_list lookup_pool::state::take(const std::string& host) {
  const std::lock_guard<std::mutex> lock(mutex);
  const auto found = waiting.find(host);
  if (found == waiting.end()) return {};
  waiter_list waiters = std::move(found->second);
  waiting.erase(found);
  return waiters;
}

std::shared_ptr<const lookup_answer> lookup_pool::state::answer_of(const std::string& host) const {
  try {
    return std::make_shared<const lookup_answer>(lookup(host));
  } catch (const std::exception& failure) {
    return std::make_shared<const lookup_answer>(fail(error_code::name_service_failed, host + ": " + failure.what()));
  }
}

void lookup_pool::state::work() noexcept {
  ::pthread_setname_np(::pthread_self(), "resolver");
  for (;;) {
    std::string host;
    try {
      {
        std::unique_lock<std::mutex> lock(mutex);
        if (!next(lock, host)) {
          --workers;
          return;
        }
      }
      const auto answer = answer_of(host);
      deliver(take(host), answer);
    } catch (const std::exception& failure) {
      log_error(log_module::net, "an answer of the name service was lost: {}", failure.what());
      // Left in the list the name would never be looked up again; its waiters have deadlines of their own.
      take(host);
    }
  }
}

lookup_pool::lookup_pool(blocking_lookup lookup, size_t max_workers) : m_state(std::make_shared<state>()) {
  m_state->lookup = std::move(lookup);
  m_state->max_workers = max_workers;
}

lookup_pool::~lookup_pool() {
  std::map<std::string, waiter_list> let_go;
  const std::lock_guard<std::mutex> lock(m_state->mutex);
  m_state->is_closed = true;
  m_state->queued.clear();
  let_go.swap(m_state->waiting);
  m_state->has_work.notify_all();
}

void lookup_pool::ask(const std::string& host, std::shared_ptr<lookup_waiter> waiter) {
  waiter_list refused;
  {
    const std::lock_guard<std::mutex> lock(m_state->mutex);
    const auto [entry, is_new] = m_state->waiting.try_emplace(host);
    // A name may hang for minutes while its sessions give up and ask again.
    waiter_list& waiters = entry->second;
    const auto is_cancelled = [](const auto& earlier) { return earlier->is_cancelled.load(); };
    waiters.erase(std::remove_if(waiters.begin(), waiters.end(), is_cancelled), waiters.end());
    waiters.push_back(std::move(waiter));
    if (!is_new) return;
    m_state->queued.push_back(host);
    if (m_state->queued.size() > m_state->idle && m_state->workers < m_state->max_workers) {
      ++m_state->workers;
      if (!m_state->start_worker() && --m_state->workers == 0) {
        m_state->queued.clear();
        for (auto& name : m_state->waiting) refused.insert(refused.end(), name.second.begin(), name.second.end());
        m_state->waiting.clear();
      }
    }
    m_state->has_work.notify_one();
  }
  if (refused.empty()) return;
  deliver(refused, std::make_shared<const lookup_answer>(
                       fail(error_code::name_service_failed, host + ": no thread for the name service")));
}

size_t lookup_pool::workers() const {
  const std::lock_guard<std::mutex> lock(m_state->mutex);
  return m_state->workers;
}

std::shared_ptr<lookup_pool> lookup_pool::of_process() {
  // Never destroyed: a worker may come back while the process exits.
  static const auto* const pool = [] {
    ::setenv("RES_OPTIONS", "timeout:2 attempts:1", 0);
    return new std::shared_ptr<lookup_pool>(std::make_shared<lookup_pool>(look_up_by_system, process_workers));
  }();
  return *pool;
}

namespace {

/// The name service or this machine is at fault; every other answer condemns the name.
error_code code_of_lookup(int failure) noexcept {
  constexpr int failures_of_service[] = {EAI_AGAIN, EAI_FAIL, EAI_MEMORY, EAI_SYSTEM};
  const auto* const end = std::end(failures_of_service);
  const bool is_service = std::find(std::begin(failures_of_service), end, failure) != end;
  return is_service ? error_code::name_service_failed : error_code::name_not_resolved;
}

}  // namespace

lookup_answer look_up_by_system(const std::string& host) {
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_ADDRCONFIG;
  addrinfo* found = nullptr;
  const int failure = ::getaddrinfo(host.c_str(), nullptr, &hints, &found);
  if (failure == EAI_SYSTEM) return fail(code_of_lookup(failure), error_from_errno(errno, host).message);
  if (failure != 0) return fail(code_of_lookup(failure), host + ": " + ::gai_strerror(failure));
  std::vector<endpoint> addresses;
  for (const addrinfo* entry = found; entry != nullptr && addresses.size() < max_addresses; entry = entry->ai_next) {
    if (entry->ai_family == AF_INET || entry->ai_family == AF_INET6) addresses.push_back(to_endpoint(entry->ai_addr));
  }
  ::freeaddrinfo(found);
  if (addresses.empty()) return fail(error_code::name_not_resolved, host + ": no IPv4 or IPv6 address");
  return addresses;
}

}  // namespace campush

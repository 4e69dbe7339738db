#include "rtmp/multi_session_manager.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <map>
#include <mutex>

#include "rtmp/loop_side.h"
#include "rtmp/session_target.h"

namespace campush {

namespace {

struct stream_entry {
  std::string name;
  size_t loop_index = 0;
  std::shared_ptr<stream_inlet> inlet;
  shared_numbers numbers;
};

struct session_entry {
  session_id id;
  std::vector<stream_url> urls;  ///< those that could be expanded when it was created
  shared_status published;
};

/// Texts and shape of every address. A file or variable that is missing now may be there at the next attempt: not an error here.
result<std::vector<stream_url>> expand_all(const session_config& config) {
  const std::vector<url_entry> entries = effective_urls(config);
  if (entries.empty()) return fail(error_code::invalid_argument, "the session has no URL");
  const url_template::variables values = url_variables(config);
  std::vector<stream_url> urls;
  for (size_t i = 0; i < entries.size(); ++i) {
    result<stream_url> url = expand_url(entries[i], values);
    if (url) {
      urls.push_back(std::move(*url));
      continue;
    }
    const bool may_come =
        url.error().code == error_code::not_found || url.error().code == error_code::permission_denied;
    if (!may_come) return tl::unexpected<error>(wrap(std::move(url.error()), fmt::format("URL {}", i + 1)));
  }
  return urls;
}

session_status initial_status(const session_config& config, const std::vector<stream_url>& urls) {
  session_status status;
  status.camera_id = config.camera_id;
  status.stream_id = config.stream_id;
  status.stream_name = config.stream_name;
  status.camera_name = config.camera_name.empty() ? fmt::format("cam{}", config.camera_id) : config.camera_name;
  status.destination = config.destination;
  status.url_count = static_cast<uint32_t>(effective_urls(config).size());
  if (!urls.empty()) status.url = urls.front().masked();
  return status;
}

/// Tells once all loops have told. Thread: any-thread.
class shutdown_countdown {
 public:
  shutdown_countdown(size_t count, std::function<void()> done) : m_left(count), m_done(std::move(done)) {}
  void count_down() {
    if (m_left.fetch_sub(1) == 1 && m_done) m_done();
  }

 private:
  std::atomic<size_t> m_left;
  const std::function<void()> m_done;
};

/// Where a side is let go: on its loop, or, when that does not answer any more, here.
struct side_handover {
  std::mutex mutex;
  std::condition_variable is_taken;
  std::shared_ptr<loop_side> side;  ///< guarded by mutex
};

void drop_on_its_loop(std::shared_ptr<loop_side> side) {
  constexpr std::chrono::seconds patience(1);
  if (!side->runs_elsewhere()) return;
  event_loop& loop = side->loop();
  const auto handover = std::make_shared<side_handover>();
  handover->side = std::move(side);
  loop.post([handover] {
    const std::lock_guard<std::mutex> hold(handover->mutex);
    handover->side.reset();
    handover->is_taken.notify_all();
  });
  std::unique_lock<std::mutex> hold(handover->mutex);
  handover->is_taken.wait_for(hold, patience, [&handover] { return !handover->side; });
  handover->side.reset();
}

}  // namespace

std::string session_id::to_string() const {
  return fmt::format("cam{}_stream{}/{}", camera_id, stream_id, destination);
}

struct multi_session_manager::state {
  std::vector<std::shared_ptr<loop_side>> sides;

  mutable std::mutex mutex;
  // guarded by mutex
  std::map<stream_key, stream_entry> streams;
  std::vector<session_entry> sessions;
  bool is_shut_down = false;

  stream_entry& open(stream_key key, const std::string& name);
  std::vector<session_entry>::iterator find(const session_id& id);
  const session_entry* find_twin(const std::vector<stream_url>& urls) const;
  size_t side_for(uint32_t camera_id) const;

  /// Runs `work(side)` on the side's loop if the side still lives then.
  template <class Work>
  void run_on(size_t index, Work work) const {
    if (index >= sides.size()) return;
    sides[index]->loop().post([weak = std::weak_ptr<loop_side>(sides[index]), work = std::move(work)] {
      const std::shared_ptr<loop_side> side = weak.lock();
      if (!side) return;
      side->note_thread();
      work(*side);
    });
  }
};

/// That of the camera's other streams: a session may push one of them instead. Else the quietest.
size_t multi_session_manager::state::side_for(uint32_t camera_id) const {
  if (sides.empty()) return 0;
  const auto sibling = streams.lower_bound({camera_id, 0});
  if (sibling != streams.end() && sibling->first.camera_id == camera_id) return sibling->second.loop_index;
  std::vector<size_t> load(sides.size());
  for (const auto& [key, entry] : streams) ++load[entry.loop_index];
  return static_cast<size_t>(std::min_element(load.begin(), load.end()) - load.begin());
}

stream_entry& multi_session_manager::state::open(stream_key key, const std::string& name) {
  const auto found = streams.find(key);
  if (found != streams.end()) return found->second;
  const size_t loop_index = side_for(key.camera_id);
  stream_entry& entry = streams[key];
  entry.name = name;
  entry.loop_index = loop_index;
  entry.inlet = std::make_shared<stream_inlet>();
  entry.numbers = std::make_shared<snapshot<stream_numbers>>();
  run_on(entry.loop_index, [key, name, inlet = entry.inlet, numbers = entry.numbers](loop_side& side) {
    side.open_stream(key, name, inlet, numbers);
  });
  return entry;
}

std::vector<session_entry>::iterator multi_session_manager::state::find(const session_id& id) {
  return std::find_if(sessions.begin(), sessions.end(), [&id](const session_entry& item) { return item.id == id; });
}

const session_entry* multi_session_manager::state::find_twin(const std::vector<stream_url>& urls) const {
  for (const session_entry& item : sessions) {
    for (const stream_url& url : urls) {
      if (std::find(item.urls.begin(), item.urls.end(), url) != item.urls.end()) return &item;
    }
  }
  return nullptr;
}

multi_session_manager::multi_session_manager(const std::vector<loop_services>& loops,
                                             const media_stream_options& streams)
    : m_state(std::make_unique<state>()) {
  for (const loop_services& services : loops) m_state->sides.push_back(std::make_shared<loop_side>(services, streams));
}

multi_session_manager::~multi_session_manager() {
  for (std::shared_ptr<loop_side>& side : m_state->sides) drop_on_its_loop(std::move(side));
}

stream_observer& multi_session_manager::open_stream(stream_key key, const std::string& stream_name) {
  const std::lock_guard<std::mutex> hold(m_state->mutex);
  return *m_state->open(key, stream_name).inlet;
}

void multi_session_manager::set_stream_control(stream_key key, std::shared_ptr<stream_control> control) {
  const std::lock_guard<std::mutex> hold(m_state->mutex);
  const auto found = m_state->streams.find(key);
  if (found == m_state->streams.end()) return;
  m_state->run_on(found->second.loop_index,
                  [key, control = std::move(control)](loop_side& side) { side.set_control(key, control); });
}

void multi_session_manager::close_stream(stream_key key) {
  const std::lock_guard<std::mutex> hold(m_state->mutex);
  const auto found = m_state->streams.find(key);
  if (found == m_state->streams.end()) return;
  m_state->run_on(found->second.loop_index, [key](loop_side& side) { side.close_stream(key); });
  m_state->streams.erase(found);
  auto& sessions = m_state->sessions;
  sessions.erase(std::remove_if(sessions.begin(), sessions.end(),
                                [key](const session_entry& item) {
                                  return stream_key{item.id.camera_id, item.id.stream_id} == key;
                                }),
                 sessions.end());
}

result<session_id> multi_session_manager::create_session(const session_config& config) {
  session_id id{config.camera_id, config.stream_id, config.destination};
  result<std::vector<stream_url>> urls = expand_all(config);
  if (!urls) return tl::unexpected<error>(wrap(std::move(urls.error()), id.to_string()));
  const std::lock_guard<std::mutex> hold(m_state->mutex);
  if (m_state->sides.empty()) return fail(error_code::limit_reached, "there is no event loop to publish on");
  if (m_state->is_shut_down) return fail(error_code::cancelled, id.to_string() + ": the manager is shutting down");
  if (m_state->find(id) != m_state->sessions.end()) {
    return fail(error_code::already_exists, id.to_string() + " exists");
  }
  if (const session_entry* twin = m_state->find_twin(*urls)) {
    return fail(error_code::already_exists,
                fmt::format("{} and {} would publish to one URL", id.to_string(), twin->id.to_string()));
  }
  const stream_entry& stream = m_state->open({config.camera_id, config.stream_id}, config.stream_name);
  auto published = std::make_shared<snapshot<session_status>>();
  published->publish(initial_status(config, *urls));
  m_state->run_on(stream.loop_index, [config, published](loop_side& side) { side.create_session(config, published); });
  m_state->sessions.push_back({id, std::move(*urls), std::move(published)});
  return id;
}

result<void> multi_session_manager::destroy_session(const session_id& id) {
  const std::lock_guard<std::mutex> hold(m_state->mutex);
  const auto found = m_state->find(id);
  if (found == m_state->sessions.end()) return fail(error_code::not_found, "no session " + id.to_string());
  m_state->sessions.erase(found);
  const stream_key key{id.camera_id, id.stream_id};
  m_state->run_on(m_state->streams.at(key).loop_index,
                  [key, destination = id.destination](loop_side& side) { side.destroy_session(key, destination); });
  return {};
}

result<session_status> multi_session_manager::find(const session_id& id) const {
  const std::lock_guard<std::mutex> hold(m_state->mutex);
  const auto found = m_state->find(id);
  if (found == m_state->sessions.end()) return fail(error_code::not_found, "no session " + id.to_string());
  return found->published->read();
}

result<session_status> multi_session_manager::find(uint32_t camera_id, uint32_t stream_id,
                                                   const std::string& url) const {
  const result<stream_url> wanted = stream_url::parse(url);
  if (!wanted) return tl::unexpected<error>(wanted.error());
  const std::lock_guard<std::mutex> hold(m_state->mutex);
  for (const session_entry& item : m_state->sessions) {
    if (item.id.camera_id != camera_id || item.id.stream_id != stream_id) continue;
    if (std::find(item.urls.begin(), item.urls.end(), *wanted) != item.urls.end()) return item.published->read();
  }
  return fail(error_code::not_found,
              fmt::format("cam{}_stream{} has no session with {}", camera_id, stream_id, wanted->masked()));
}

result<void> multi_session_manager::retry(const session_id& id) {
  const std::lock_guard<std::mutex> hold(m_state->mutex);
  if (m_state->find(id) == m_state->sessions.end()) return fail(error_code::not_found, "no session " + id.to_string());
  const stream_key key{id.camera_id, id.stream_id};
  m_state->run_on(m_state->streams.at(key).loop_index,
                  [key, destination = id.destination](loop_side& side) { side.retry(key, destination); });
  return {};
}

void multi_session_manager::retry_all() {
  for (size_t i = 0; i < m_state->sides.size(); ++i) {
    m_state->run_on(i, [](loop_side& side) { side.retry_all(); });
  }
}

std::vector<session_status> multi_session_manager::status() const {
  const std::lock_guard<std::mutex> hold(m_state->mutex);
  std::vector<session_status> all;
  all.reserve(m_state->sessions.size());
  for (const session_entry& item : m_state->sessions) all.push_back(item.published->read());
  return all;
}

std::vector<stream_status> multi_session_manager::streams() const {
  const std::lock_guard<std::mutex> hold(m_state->mutex);
  std::vector<stream_status> all;
  for (const auto& [key, entry] : m_state->streams) {
    const stream_numbers numbers = entry.numbers->read();
    all.push_back({key, entry.name, numbers.state, numbers.counters, numbers.packager, numbers.pool});
  }
  return all;
}

session_totals multi_session_manager::totals() const {
  session_totals totals;
  uint64_t latency_sum = 0, latency_count = 0;
  for (const session_status& status : this->status()) {
    ++totals.sessions;
    if (status.state == session_state::connected) ++totals.active_sessions;
    totals.bytes_sent += status.bytes_sent;
    totals.failed_attempts += status.failed_attempts;
    if (status.latency_us == 0) continue;
    latency_sum += status.latency_us;
    ++latency_count;
  }
  if (latency_count > 0) totals.average_latency_us = latency_sum / latency_count;
  for (const stream_status& stream : streams()) {
    totals.keyframes_asked += stream.counters.keyframes_asked;
    totals.keyframes_suppressed += stream.counters.keyframes_suppressed;
  }
  return totals;
}

bool multi_session_manager::wait_until_settled(duration at_most) {
  struct gate {
    std::mutex mutex;
    std::condition_variable is_passed;
    size_t left;
  };
  const auto waited_for = std::make_shared<gate>();
  waited_for->left = m_state->sides.size();
  for (size_t i = 0; i < m_state->sides.size(); ++i) {
    m_state->run_on(i, [waited_for](loop_side&) {
      const std::lock_guard<std::mutex> hold(waited_for->mutex);
      if (--waited_for->left == 0) waited_for->is_passed.notify_all();
    });
  }
  std::unique_lock<std::mutex> hold(waited_for->mutex);
  return waited_for->is_passed.wait_for(hold, at_most, [&waited_for] { return waited_for->left == 0; });
}

void multi_session_manager::shutdown(duration deadline, std::function<void()> done) {
  {
    const std::lock_guard<std::mutex> hold(m_state->mutex);
    m_state->is_shut_down = true;
  }
  if (m_state->sides.empty()) {
    if (done) done();
    return;
  }
  const auto countdown = std::make_shared<shutdown_countdown>(m_state->sides.size(), std::move(done));
  for (size_t i = 0; i < m_state->sides.size(); ++i) {
    m_state->run_on(i, [countdown, deadline](loop_side& side) {
      side.shutdown(deadline, [countdown] { countdown->count_down(); });
    });
  }
}

}  // namespace campush

#include "fleet/fleet.h"

#include <fmt/format.h>

#include <algorithm>
#include <deque>
#include <queue>

#include "rtmp/connection_manager.h"
#include "rtmp/session_target.h"

namespace campush::fleet {

namespace {

using std::chrono::duration_cast;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr duration round_trip = milliseconds(40);
constexpr duration patience = seconds(5);
constexpr size_t no_server = 2;

class heap_clock final : public clock {
 public:
  time_point now() const noexcept override { return at; }
  std::chrono::system_clock::time_point wall_now() const noexcept override { return {}; }
  time_point at{};
};

enum class happening : uint8_t {
  attempt_due,
  turn_has_come,
  accepted,
  failed,
  healthy,
  failback_due,
  probe_accepted,
  probe_failed
};

struct event {
  time_point at;
  uint64_t order;  ///< equal times in the order in which they were planned
  uint32_t who;
  uint32_t generation;  ///< of the session when it was planned; an older one is void
  happening what;
  disconnect_reason why;
  bool operator<(const event& later) const { return at != later.at ? at > later.at : order > later.order; }
};

struct member {
  connection_manager policy;
  reconnect_gate* gate;
  size_t server = no_server;  ///< that it publishes to
  uint32_t generation = 0;
  uint32_t attempts = 0;
};

struct played_server {
  bool is_alive = true;
  time_point free_at{};
};

class world {
 public:
  explicit world(const plan& plan);
  outcome play();

 private:
  void add_agent(const std::string& device, uint32_t sessions);
  void plan_event(uint32_t who, duration in, happening what, disconnect_reason why = disconnect_reason::none);
  void run_until(seconds end);
  void handle(const event& each);
  void connect(uint32_t who);
  void ask(uint32_t who, size_t server, happening good, happening bad);
  void lose(uint32_t who, disconnect_reason why);
  void start_probe(uint32_t who);
  void on_accepted(uint32_t who, size_t server);
  void kill_primary();
  void end_second();
  stretch sum_up(std::string name, seconds from, seconds to, const std::vector<uint32_t>& wanted) const;

  const plan m_plan;
  heap_clock m_clock;
  played_server m_servers[2];
  std::deque<reconnect_gate> m_gates;
  std::vector<member> m_members;
  std::priority_queue<event> m_events;
  uint64_t m_order = 0;
  uint32_t m_publishing = 0, m_at_home = 0;
  std::vector<uint32_t> m_home;
  outcome m_outcome;
};

world::world(const plan& plan) : m_plan(plan) {
  const auto seconds_in_all = static_cast<size_t>(plan.ends_at.count());
  for (auto& counts : m_outcome.arrivals) counts.resize(seconds_in_all + 1);
  m_members.reserve(plan.cameras + plan.recorders * plan.sessions_per_recorder);
  for (uint32_t i = 0; i < plan.cameras; ++i) add_agent(fmt::format("cam-{:05}", i), 1);
  for (uint32_t i = 0; i < plan.recorders; ++i) add_agent(fmt::format("nvr-{:04}", i), plan.sessions_per_recorder);
}

void world::add_agent(const std::string& device, uint32_t sessions) {
  reconnect_gate& gate = m_gates.emplace_back(m_plan.manners, device, m_clock);
  for (uint32_t i = 0; i < sessions; ++i) {
    const uint64_t seed = stable_hash(fmt::format("{}/cam{}_stream0/default", device, i));
    const size_t urls = m_plan.has_backup ? 2 : 1;
    m_members.push_back({connection_manager(m_plan.retry, m_plan.failback, urls, m_clock, seed), &gate});
    plan_event(static_cast<uint32_t>(m_members.size() - 1), gate.opens_in(), happening::attempt_due);
  }
}

void world::plan_event(uint32_t who, duration in, happening what, disconnect_reason why) {
  m_events.push({m_clock.at + in, m_order++, who, m_members[who].generation, what, why});
}

void world::ask(uint32_t who, size_t server, happening good, happening bad) {
  const auto second = static_cast<size_t>(duration_cast<seconds>(m_clock.at.time_since_epoch()).count());
  ++m_outcome.arrivals[server][std::min(second, m_outcome.arrivals[server].size() - 1)];
  played_server& asked = m_servers[server];
  if (!asked.is_alive) return plan_event(who, round_trip, bad, disconnect_reason::connect_refused);
  const auto work = duration_cast<duration>(std::chrono::duration<double>(1 / m_plan.accepts_per_s));
  asked.free_at = std::max(asked.free_at, m_clock.at) + work;
  const duration answer = asked.free_at - m_clock.at + round_trip;
  if (answer > patience) return plan_event(who, patience, bad, disconnect_reason::handshake_timeout);
  plan_event(who, answer, good);
}

void world::connect(uint32_t who) {
  member& each = m_members[who];
  ++each.attempts;
  each.policy.on_connecting();
  ask(who, each.policy.current_url(), happening::accepted, happening::failed);
}

void world::lose(uint32_t who, disconnect_reason why) {
  member& each = m_members[who];
  ++each.generation;
  if (each.server != no_server) --m_publishing;
  if (each.server == 0) --m_at_home;
  each.server = no_server;
  each.policy.on_disconnect(why);
  if (each.policy.should_reconnect()) plan_event(who, each.policy.get_backoff_delay(), happening::attempt_due);
}

void world::on_accepted(uint32_t who, size_t server) {
  member& each = m_members[who];
  if (!m_servers[server].is_alive) return lose(who, disconnect_reason::connection_reset);
  if (each.server == no_server) ++m_publishing;
  if (server == 0) ++m_at_home;
  each.server = server;
  plan_event(who, duration(0), happening::healthy);
  if (each.policy.is_failback_waiting()) plan_event(who, each.policy.failback_in(), happening::failback_due);
}

void world::start_probe(uint32_t who) {
  member& each = m_members[who];
  if (!each.policy.is_failback_due()) return;
  // A session looks again with each of its samples.
  if (!each.gate->try_turn()) return plan_event(who, milliseconds(200), happening::failback_due);
  each.policy.on_failback_started();
  ask(who, 0, happening::probe_accepted, happening::probe_failed);
}

void world::handle(const event& each) {
  member& one = m_members[each.who];
  if (each.generation != one.generation) return;
  switch (each.what) {
    case happening::attempt_due: {
      const duration wait = one.attempts == 0 ? duration(0) : one.gate->take_turn();
      return wait > duration(0) ? plan_event(each.who, wait, happening::turn_has_come) : connect(each.who);
    }
    case happening::turn_has_come: return connect(each.who);
    case happening::accepted: {
      const size_t server = one.policy.current_url();
      if (m_servers[server].is_alive) one.policy.on_connected();
      return on_accepted(each.who, server);
    }
    case happening::failed: return lose(each.who, each.why);
    case happening::healthy:
      one.policy.on_healthy();
      if (!one.policy.is_stable()) plan_event(each.who, seconds(1), happening::healthy);
      return;
    case happening::failback_due: return start_probe(each.who);
    case happening::probe_accepted:
      ++one.generation;
      one.policy.on_failback_succeeded();
      return on_accepted(each.who, 0);
    case happening::probe_failed:
      one.policy.on_failback_failed();
      return plan_event(each.who, one.policy.failback_in(), happening::failback_due);
  }
}

void world::kill_primary() {
  m_servers[0].is_alive = false;
  for (uint32_t who = 0; who < m_members.size(); ++who) {
    if (m_members[who].server == 0) lose(who, disconnect_reason::connection_reset);
  }
}

void world::end_second() {
  m_outcome.publishing.push_back(m_publishing);
  m_home.push_back(m_at_home);
}

void world::run_until(seconds end) {
  for (auto second = seconds(m_outcome.publishing.size()) + seconds(1); second <= end; second += seconds(1)) {
    const time_point until{duration(second)};
    while (!m_events.empty() && m_events.top().at < until) {
      const event next = m_events.top();
      m_events.pop();
      m_clock.at = next.at;
      handle(next);
    }
    m_clock.at = until;
    end_second();
  }
}

stretch world::sum_up(std::string name, seconds from, seconds to, const std::vector<uint32_t>& wanted) const {
  stretch part;
  part.name = std::move(name);
  const auto first = static_cast<size_t>(from.count()), last = static_cast<size_t>(to.count());
  for (size_t server = 0; server < 2; ++server) {
    for (size_t i = first; i < last; ++i) {
      part.peak[server] = std::max(part.peak[server], m_outcome.arrivals[server][i]);
      part.attempts += m_outcome.arrivals[server][i];
    }
  }
  const uint64_t enough = (m_members.size() * 99 + 99) / 100;
  size_t i = last;
  while (i > first && wanted[i - 1] >= enough) --i;
  if (i < last) part.seconds_to_99 = static_cast<double>(i + 1 - first);
  return part;
}

outcome world::play() {
  run_until(m_plan.dies_at);
  kill_primary();
  run_until(m_plan.returns_at);
  m_servers[0].is_alive = true;
  m_servers[0].free_at = m_clock.at;
  run_until(m_plan.ends_at);
  m_outcome.stretches = {
      sum_up("switched on", seconds(0), m_plan.dies_at, m_outcome.publishing),
      sum_up("primary lost", m_plan.dies_at, m_plan.returns_at, m_outcome.publishing),
      sum_up("primary back", m_plan.returns_at, m_plan.ends_at, m_home),
  };
  return std::move(m_outcome);
}

}  // namespace

outcome run(const plan& plan) {
  return world(plan).play();
}

}  // namespace campush::fleet

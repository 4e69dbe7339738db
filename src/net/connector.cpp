#include "net/connector.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "net/life_guard.h"

namespace campush {

namespace {

/// What the last of many addresses must still have: a lost SYN is repeated after 1 s.
constexpr duration least_share = std::chrono::milliseconds(1500);
/// How long a mute address, which would win every race, leaves the others alone: such a repetition, and no more than half of the time.
constexpr duration head_start = std::chrono::milliseconds(1500);

/// Of several failures the one that tells a person most, lowest rank first. `condemns`: the address is at fault, not this machine.
struct failure_rank {
  error_code code;
  int rank;
  bool condemns;
};
constexpr int unlisted_rank = 3;
constexpr failure_rank failure_ranks[] = {
    {error_code::permission_denied, 0, false}, {error_code::not_found, 0, false},
    {error_code::invalid_argument, 0, false},  {error_code::connection_refused, 1, true},
    {error_code::connection_reset, 2, true},   {error_code::timed_out, 4, true},
    {error_code::unreachable, 5, true},
};

const failure_rank* find_rank(error_code code) noexcept {
  const auto* const found = std::find_if(std::begin(failure_ranks), std::end(failure_ranks),
                                         [code](const failure_rank& row) { return row.code == code; });
  return found == std::end(failure_ranks) ? nullptr : found;
}

int rank_of(error_code code) noexcept {
  const failure_rank* const row = find_rank(code);
  return row != nullptr ? row->rank : unlisted_rank;
}

bool condemns_address(error_code code) noexcept {
  const failure_rank* const row = find_rank(code);
  return row != nullptr && row->condemns;
}

/// Between TCP and the first word above it: a balancer without a server behind it, a machine whose services hang.
bool is_cut_off(error_code code) noexcept {
  return code == error_code::connection_reset || code == error_code::closed_by_peer || code == error_code::timed_out;
}

double seconds(duration span) noexcept {
  return std::chrono::duration<double>(span).count();
}

/// Families alternate, beginning with the one that the system put first (RFC 8305, section 4).
std::vector<endpoint> interleave(const std::vector<endpoint>& addresses) {
  std::vector<endpoint> first;
  std::vector<endpoint> second;
  for (const endpoint& address : addresses) {
    const bool is_first = address.address_family == addresses.front().address_family;
    (is_first ? first : second).push_back(address);
  }
  std::vector<endpoint> mixed;
  for (size_t i = 0; mixed.size() < addresses.size(); ++i) {
    if (i < first.size()) mixed.push_back(first[i]);
    if (i < second.size()) mixed.push_back(second[i]);
  }
  return mixed;
}

/// With more addresses than one attempt has time for, the next attempt begins with another one.
void rotate_long_list(std::vector<endpoint>& addresses, const connect_target& target) {
  const duration stagger_time = target.tcp_timeout - std::min<duration>(target.tcp_timeout, least_share);
  const auto tried_in_time = static_cast<size_t>(1 + stagger_time / connector::stagger);
  if (addresses.size() <= tried_in_time) return;
  const auto first = static_cast<std::ptrdiff_t>(target.attempt % addresses.size());
  std::rotate(addresses.begin(), addresses.begin() + first, addresses.end());
}

}  // namespace

void address_book::remember(const std::string& host, const std::vector<endpoint>& addresses) {
  const auto known =
      std::find_if(m_entries.begin(), m_entries.end(), [&host](const entry& item) { return item.host == host; });
  if (known != m_entries.end()) {
    known->addresses = addresses;
    return;
  }
  if (m_entries.size() >= max_hosts) m_entries.erase(m_entries.begin());
  m_entries.push_back({host, addresses});
}

std::vector<endpoint> address_book::recall(const std::string& host, uint16_t port) const {
  for (const entry& item : m_entries) {
    if (item.host != host) continue;
    std::vector<endpoint> addresses = item.addresses;
    for (endpoint& address : addresses) address.port = port;
    return addresses;
  }
  return {};
}

void dead_addresses::mark(const endpoint& address, time_point now, address_fault fault) {
  clear(address);
  if (m_entries.size() >= max_addresses) m_entries.erase(m_entries.begin());
  m_entries.push_back({address, now + memory, fault});
}

void dead_addresses::clear(const endpoint& address) noexcept {
  const auto is_it = [&address](const entry& item) { return item.address == address; };
  m_entries.erase(std::remove_if(m_entries.begin(), m_entries.end(), is_it), m_entries.end());
}

void dead_addresses::clear_unreachable(const endpoint& address) noexcept {
  const auto is_it = [&address](const entry& item) {
    return item.address == address && item.fault == address_fault::unreachable;
  };
  m_entries.erase(std::remove_if(m_entries.begin(), m_entries.end(), is_it), m_entries.end());
}

const dead_addresses::entry* dead_addresses::find(const endpoint& address, time_point now) const noexcept {
  const auto found = std::find_if(m_entries.begin(), m_entries.end(),
                                  [&](const entry& item) { return item.address == address && item.until > now; });
  return found == m_entries.end() ? nullptr : &*found;
}

address_fault dead_addresses::fault_of(const endpoint& address, time_point now) const noexcept {
  const entry* known = find(address, now);
  return known != nullptr ? known->fault : address_fault::none;
}

void dead_addresses::sort(std::vector<endpoint>& addresses, time_point now) const {
  const auto rank = [&](const endpoint& address) {
    const entry* known = find(address, now);
    if (known == nullptr) return std::pair(address_fault::none, time_point());
    return std::pair(known->fault, known->fault == address_fault::mute ? known->until : time_point());
  };
  std::stable_sort(addresses.begin(), addresses.end(),
                   [&rank](const endpoint& left, const endpoint& right) { return rank(left) < rank(right); });
}

/// One way from a name to a stream. Every callback of a part may end it: after calling one nothing of it is touched.
class connector::attempt final : public pending_operation {
 public:
  attempt(connector& shared, const connect_target& target, stage_callback on_stage, done_callback done)
      : m_shared(shared),
        m_target(target),
        m_on_stage(std::move(on_stage)),
        m_done(std::move(done)),
        m_deadline(shared.m_loop.make_timer([this] { on_deadline(); })),
        m_stagger(shared.m_loop.make_timer([this] { start_next(); })) {}

  void start() {
    m_deadline->arm_after(m_target.resolve_timeout);
    m_operation = m_shared.m_resolver.resolve(m_target.host, m_target.port,
                                              [this](auto answer) { on_resolved(std::move(answer)); });
  }

 private:
  struct candidate {
    endpoint address;
    std::unique_ptr<pending_operation> operation;
    time_point started_at{};
    bool is_pending = false;
    bool is_mute = false;
  };

  void on_resolved(result<std::vector<endpoint>> answer);
  void use_known_addresses(error why);
  void begin_tcp(std::vector<endpoint> addresses);
  bool enter(connect_stage next);
  void start_next();
  void on_tcp_answer(size_t index, result<std::unique_ptr<byte_stream>> answer);
  void note_failure(size_t index, error cause);
  void on_connected(size_t winner, std::unique_ptr<byte_stream> stream);
  void begin_tls(std::unique_ptr<byte_stream> stream);
  void on_deadline();
  void on_tcp_deadline();
  void on_tcp_failed();
  void end_tcp() noexcept;
  void finish(connect_result outcome);
  void fail_with(error cause) { finish(tl::unexpected<connect_failure>({m_stage, std::move(cause)})); }

  connector& m_shared;
  const connect_target m_target;
  stage_callback m_on_stage;
  done_callback m_done;
  connect_stage m_stage = connect_stage::resolve;
  const std::unique_ptr<loop_timer> m_deadline, m_stagger;
  std::unique_ptr<pending_operation> m_operation;  ///< of resolve and TLS
  std::vector<candidate> m_candidates;
  size_t m_started = 0;
  size_t m_pending = 0;
  endpoint m_winner;
  std::optional<error> m_cause;
  std::string m_remark;  ///< why the addresses are not the name service's
  std::shared_ptr<tls_client> m_tls;
  life_guard m_life;
};

void connector::attempt::finish(connect_result outcome) {
  m_deadline->cancel();
  end_tcp();
  const auto done = std::move(m_done);
  done(std::move(outcome));
}

void connector::attempt::end_tcp() noexcept {
  m_stagger->cancel();
  m_candidates.clear();
}

void connector::attempt::on_resolved(result<std::vector<endpoint>> answer) {
  if (!answer) {
    if (answer.error().code == error_code::name_service_failed) return use_known_addresses(std::move(answer.error()));
    return fail_with(std::move(answer.error()));
  }
  if (answer->empty()) {
    return use_known_addresses({error_code::name_not_resolved, m_target.host + ": the name has no address"});
  }
  m_shared.m_resolved.remember(m_target.host, *answer);
  begin_tcp(std::move(*answer));
}

void connector::attempt::use_known_addresses(error why) {
  std::vector<endpoint> known = m_shared.m_known.recall(m_target.host, m_target.port);
  if (known.empty()) return fail_with(std::move(why));
  m_remark = "last known address, the name service does not answer";
  begin_tcp(std::move(known));
}

void connector::attempt::begin_tcp(std::vector<endpoint> addresses) {
  if (const auto& bound = m_target.link.bind_address) {
    const auto is_other_family = [&bound](const endpoint& address) {
      return address.address_family != bound->address_family;
    };
    addresses.erase(std::remove_if(addresses.begin(), addresses.end(), is_other_family), addresses.end());
  }
  if (!enter(connect_stage::tcp)) return;
  if (addresses.empty()) {
    const bool is_ipv6 = m_target.link.bind_address->address_family == endpoint::family::ipv6;
    return fail_with({error_code::unreachable,
                      fmt::format("{} has no IPv{} address, and bind_address is one", m_target.host, is_ipv6 ? 6 : 4)});
  }
  addresses = interleave(addresses);
  rotate_long_list(addresses, m_target);
  const time_point now = m_shared.m_loop.now();
  m_shared.m_dead.sort(addresses, now);
  m_candidates.resize(addresses.size());
  for (size_t i = 0; i < addresses.size(); ++i) {
    m_candidates[i].address = addresses[i];
    m_candidates[i].is_mute = m_shared.m_dead.fault_of(addresses[i], now) == address_fault::mute;
  }
  m_deadline->arm_after(m_target.tcp_timeout);
  start_next();
}

/// False if the listener has ended the operation.
bool connector::attempt::enter(connect_stage next) {
  m_stage = next;
  m_operation.reset();
  if (!m_on_stage) return true;
  const life_guard::watcher life(m_life);
  m_on_stage(next);
  return !life.has_ended();
}

void connector::attempt::start_next() {
  const size_t index = m_started++;
  candidate& next = m_candidates[index];
  next.started_at = m_shared.m_loop.now();
  next.is_pending = true;
  ++m_pending;
  m_stagger->cancel();
  if (m_started < m_candidates.size()) {
    const duration wait =
        m_candidates[m_started].is_mute ? std::min<duration>(head_start, m_target.tcp_timeout / 2) : stagger;
    m_stagger->arm_after(wait);
  }
  next.operation = m_shared.m_network.connect(next.address, m_target.link,
                                              [this, index](auto answer) { on_tcp_answer(index, std::move(answer)); });
}

void connector::attempt::on_tcp_answer(size_t index, result<std::unique_ptr<byte_stream>> answer) {
  if (answer) return on_connected(index, std::move(*answer));
  candidate& failed = m_candidates[index];
  failed.is_pending = false;
  failed.operation.reset();
  --m_pending;
  note_failure(index, std::move(answer.error()));
  if (m_started == m_candidates.size()) {
    if (m_pending == 0) on_tcp_failed();
    return;
  }
  if (m_pending == 0 || (index + 1 == m_started && !m_candidates[m_started].is_mute)) start_next();
}

void connector::attempt::note_failure(size_t index, error cause) {
  if (condemns_address(cause.code)) m_shared.m_dead.mark(m_candidates[index].address, m_shared.m_loop.now());
  if (!m_cause || rank_of(cause.code) < rank_of(m_cause->code)) m_cause = std::move(cause);
}

void connector::attempt::on_tcp_failed() {
  error cause = std::move(*m_cause);
  if (m_candidates.size() > 1)
    cause.message += fmt::format(" ({} of {} addresses tried)", m_started, m_candidates.size());
  if (!m_remark.empty()) cause.message += fmt::format(" ({})", m_remark);
  fail_with(std::move(cause));
}

void connector::attempt::on_connected(size_t winner, std::unique_ptr<byte_stream> stream) {
  const time_point now = m_shared.m_loop.now();
  m_winner = m_candidates[winner].address;
  m_shared.m_dead.clear_unreachable(m_winner);
  for (size_t i = 0; i < winner; ++i) {
    const candidate& overtaken = m_candidates[i];
    if (overtaken.is_pending && now - overtaken.started_at >= stagger) m_shared.m_dead.mark(overtaken.address, now);
  }
  end_tcp();
  if (m_target.is_tls) return begin_tls(std::move(stream));
  finish(std::move(stream));
}

void connector::attempt::begin_tls(std::unique_ptr<byte_stream> stream) {
  m_deadline->arm_after(m_target.tls_timeout);
  if (!enter(connect_stage::tls)) return;
  auto client = m_shared.m_tls.get(m_target.tls);
  if (!client) return fail_with(std::move(client.error()));
  m_tls = std::move(*client);
  m_operation = m_tls->connect(std::move(stream), m_target.host, m_target.port, [this](auto answer) {
    if (answer) return finish(std::move(*answer));
    if (is_cut_off(answer.error().code)) m_shared.distrust(m_winner);
    fail_with(std::move(answer.error()));
  });
}

void connector::attempt::on_deadline() {
  m_operation.reset();
  switch (m_stage) {
    case connect_stage::resolve:
      return use_known_addresses(
          {error_code::timed_out, fmt::format("{}: no answer of the name service within {:g} s", m_target.host,
                                              seconds(m_target.resolve_timeout))});
    case connect_stage::tcp: return on_tcp_deadline();
    case connect_stage::tls:
      m_shared.distrust(m_winner);
      return fail_with({error_code::timed_out, fmt::format("{}: no TLS handshake within {:g} s", m_target.host,
                                                           seconds(m_target.tls_timeout))});
  }
}

void connector::attempt::on_tcp_deadline() {
  for (size_t i = 0; i < m_started; ++i) {
    if (!m_candidates[i].is_pending) continue;
    note_failure(i, {error_code::timed_out,
                     fmt::format("connect to {}: no answer within {:g} s", m_candidates[i].address.to_string(),
                                 seconds(m_shared.m_loop.now() - m_candidates[i].started_at))});
  }
  on_tcp_failed();
}

connector::connector(event_loop& loop, network& streams, resolver& names, link_monitor* links)
    : m_loop(loop), m_network(streams), m_resolver(names), m_tls(loop), m_links(links) {
  if (m_links != nullptr) m_links->add(*this);
}

connector::~connector() {
  if (m_links != nullptr) m_links->remove(*this);
}

std::unique_ptr<pending_operation> connector::connect(const connect_target& target, stage_callback on_stage,
                                                      done_callback done) {
  auto operation = std::make_unique<attempt>(*this, target, std::move(on_stage), std::move(done));
  operation->start();
  return operation;
}

void connector::confirm(const std::string& host, const endpoint& remote) {
  std::vector<endpoint> addresses = m_resolved.recall(host, remote.port);
  addresses.erase(std::remove(addresses.begin(), addresses.end(), remote), addresses.end());
  addresses.insert(addresses.begin(), remote);
  m_known.remember(host, addresses);
  m_dead.clear(remote);
}

void connector::distrust(const endpoint& remote) {
  m_dead.mark(remote, m_loop.now(), address_fault::mute);
}

}  // namespace campush

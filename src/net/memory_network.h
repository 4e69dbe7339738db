#pragma once

#include <list>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "net/byte_stream.h"
#include "net/resolver.h"
#include "net/simulation.h"

namespace campush {

enum class dns_behaviour : uint8_t { answers, no_such_host, silent, fails };

/// One machine of a simulated network: where it is, how far away, and what is wrong with it. Every field may be
/// changed at any time and takes effect with the next byte, connect or query.
struct memory_host {
  std::string name;
  std::vector<endpoint> addresses;  ///< ports ignored

  duration delay = std::chrono::milliseconds(1);  ///< one way
  uint64_t rate_bytes_per_s = 0;                  ///< of each connection, each direction; 0: no limit
  /// Of each connection, each direction: unacknowledged bytes at most, for its receiver takes no more; 0: the receive buffer alone.
  uint64_t window_bytes = 0;
  double loss = 0;  ///< share of lost segments; each delays what follows by a retransmission

  bool is_down = false;             ///< nothing in, nothing out, no answer to connects
  bool refuse_connects = false;     ///< answered by a reset, as if nobody listened
  bool blackhole_connects = false;  ///< never answered
  bool stop_delivering = false;     ///< bytes are accepted until the buffers are full and never acknowledged
  dns_behaviour dns = dns_behaviour::answers;
};

class memory_connection;
class memory_acceptor;

/// A network without sockets on a simulation: listeners by endpoint, ordered streams with delay, rate, bounded buffers
/// and faults by host, counters as a kernel would give them.
/// Shape: connect() comes from local_host(). A connection's delay is the sum of both hosts' delays, its rate the lower
///   one. Data that cannot be delivered is tried again every 200 ms and fails the connection with timed_out after
///   connect_options::user_timeout. close() with unread data, and data that reaches a closed end, reset the other side.
///   There are no interfaces: bind_interface is ignored.
/// Errors: connect: connection_refused (no listener, refuse_connects), unreachable (no host has the address), not_found
///   (bind_address is not the local host's). listen: already_exists.
/// Thread: the simulation's. It outlives its streams and acceptors.
class memory_network final : public network {
 public:
  explicit memory_network(simulation& world);
  ~memory_network() override;

  /// The reference stays valid. Addresses are numeric; a wrong one is a programming mistake and is left out.
  memory_host& add_host(std::string name, const std::vector<std::string>& addresses);
  /// Null if there is no such host.
  memory_host* find_host(std::string_view name) noexcept;
  /// The camera's side: name "local", address 10.255.255.1. Its faults concern every connection.
  memory_host& local_host() noexcept { return m_hosts.front(); }

  /// Both sides of every connection of the host hear connection_reset now. Returns how many there were.
  size_t reset_connections(const memory_host& host);
  /// Connections of which at least one side is not closed.
  size_t open_connections() const noexcept;

  /// Of every connection made from now on; per direction.
  uint32_t send_buffer_bytes = 256 * 1024;
  uint32_t receive_buffer_bytes = 256 * 1024;

  [[nodiscard]] std::unique_ptr<pending_operation> connect(const endpoint& remote, const connect_options& options,
                                                           connect_callback done) override;
  [[nodiscard]] result<std::unique_ptr<stream_acceptor>> listen(const endpoint& local,
                                                                accept_callback accepted) override;

 private:
  friend class memory_acceptor;
  friend class memory_connect;
  friend class memory_connection;
  friend class memory_resolver;

  memory_host* host_of(const endpoint& address) noexcept;
  memory_acceptor* acceptor_of(const endpoint& address) noexcept;

  simulation& m_world;
  std::list<memory_host> m_hosts;
  memory_host m_unnamed;  ///< has every address that no host has but somebody listens on
  std::vector<memory_acceptor*> m_acceptors;
  std::vector<memory_connection*> m_connections;
  uint16_t m_next_port = 49152;
};

/// Name service of a memory_network: a host's name gives its addresses as they are when the answer leaves.
/// Errors: name_not_resolved (unknown name, dns_behaviour::no_such_host), name_service_failed (fails). A silent name never answers.
/// Thread: the simulation's.
class memory_resolver final : public resolver {
 public:
  explicit memory_resolver(memory_network& names) noexcept : m_names(names) {}
  [[nodiscard]] std::unique_ptr<pending_operation> resolve(const std::string& host, uint16_t port,
                                                           resolve_callback done) override;
  duration answer_delay = std::chrono::milliseconds(5);
  uint64_t queries = 0;  ///< asked so far, numeric hosts not counted

 private:
  memory_network& m_names;
};

}  // namespace campush

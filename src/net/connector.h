#pragma once

#include <array>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "net/byte_stream.h"
#include "net/event_loop.h"
#include "net/link_monitor.h"
#include "net/resolver.h"
#include "net/tls_client.h"

namespace campush {

/// The addresses under which servers last answered, for the times when DNS does not.
/// Shape: at most max_hosts names; the one learned first is forgotten first.
/// Thread: loop-thread.
class address_book {
 public:
  static constexpr size_t max_hosts = 64;

  void remember(const std::string& host, const std::vector<endpoint>& addresses);
  /// Empty if the host never answered.
  std::vector<endpoint> recall(const std::string& host, uint16_t port) const;

 private:
  struct entry {
    std::string host;
    std::vector<endpoint> addresses;
  };
  std::vector<entry> m_entries;
};

/// What is known against an address: it did not answer, or whoever answers there takes connections and then says nothing.
enum class address_fault : uint8_t { none, unreachable, mute };

/// Addresses that failed lately: they are tried last for `memory` (10 min), and forgotten when they answer (a mute one: when its
/// server spoke) or when the local network has changed.
/// Thread: loop-thread.
class dead_addresses {
 public:
  static constexpr size_t max_addresses = 128;
  static constexpr duration memory = std::chrono::minutes(10);

  void mark(const endpoint& address, time_point now, address_fault fault = address_fault::unreachable);
  void clear(const endpoint& address) noexcept;
  /// TCP answers: of a mute address that says nothing.
  void clear_unreachable(const endpoint& address) noexcept;
  void clear_all() noexcept { m_entries.clear(); }
  address_fault fault_of(const endpoint& address, time_point now) const noexcept;
  bool contains(const endpoint& address, time_point now) const noexcept {
    return fault_of(address, now) != address_fault::none;
  }
  /// Those without a fault first, then the unreachable, then the mute ones, of these the one that was asked longest ago first;
  /// otherwise they stay in their order.
  void sort(std::vector<endpoint>& addresses, time_point now) const;

 private:
  struct entry {
    endpoint address;
    time_point until;
    address_fault fault;
  };
  const entry* find(const endpoint& address, time_point now) const noexcept;

  std::vector<entry> m_entries;
};

enum class connect_stage : uint8_t { resolve, tcp, tls };

struct connect_target {
  std::string host;
  uint16_t port = 0;
  connect_options link;
  bool is_tls = false;
  tls_options tls;
  std::chrono::milliseconds resolve_timeout{5000}, tcp_timeout{5000}, tls_timeout{5000};
  /// Rotates a list of addresses that is too long to be tried whole in one attempt.
  uint64_t attempt = 0;
};

/// Where and why no connection was made. `code` as of resolver, network, tls_client; timed_out for a deadline of this stage.
struct connect_failure {
  connect_stage stage = connect_stage::resolve;
  error cause;
};

/// From a host name to a connected byte_stream: resolve, TCP with staggered attempts, TLS.
/// Shape: one per loop, shared by all publishers; it outlives its operations. Addresses are ordered as RFC 8305 says: families alternate,
///   IPv6 first unless the system put IPv4 first, dead ones last; a further attempt starts 250 ms after the one before, or at once when
///   that one fails; the first that connects wins and the others are closed. An address that failed or was overtaken after a whole
///   stagger is marked dead. One that takes the connection but then keeps silent, or ends it, in TLS or before RTMP, is tried behind all
///   others, and only when these had 1.5 s (at most half of tcp_timeout) to answer. When DNS is silent or fails for now, the last good addresses are used. bind_address of another family than
///   an address leaves that address out.
/// Errors: connect_failure, by callback on the loop, never from inside the call. Destroying the operation ends everything.
/// Thread: loop-thread.
/// Source: DESIGN 5 Liveness; RFC 8305 sections 4 and 5.
class connector final : private link_listener {
 public:
  static constexpr duration stagger = std::chrono::milliseconds(250);

  /// `links` may be null and outlives the connector: each change that it tells of forgets the dead addresses.
  connector(event_loop& loop, network& streams, resolver& names, link_monitor* links = nullptr);
  ~connector();
  connector(const connector&) = delete;
  connector& operator=(const connector&) = delete;

  /// Hears that TCP and then TLS begins; resolving begins with the call. May be empty.
  using stage_callback = std::function<void(connect_stage)>;
  using connect_result = tl::expected<std::unique_ptr<byte_stream>, connect_failure>;
  using done_callback = std::function<void(connect_result)>;
  [[nodiscard]] std::unique_ptr<pending_operation> connect(const connect_target& target, stage_callback on_stage,
                                                           done_callback done);
  /// Called by a publisher once the server spoke RTMP: this address is good.
  void confirm(const std::string& host, const endpoint& remote);
  /// Called by a publisher whose server took the connection and then kept silent, or ended it, before it spoke RTMP: the other
  /// addresses of its name come first next time.
  void distrust(const endpoint& remote);
  /// The local network changed: what was dead may be alive.
  void forget_dead() noexcept { m_dead.clear_all(); }
  tls_clients& secure() noexcept { return m_tls; }

 private:
  class attempt;

  void on_link_changed(bool) override { forget_dead(); }

  event_loop& m_loop;
  network& m_network;
  resolver& m_resolver;
  tls_clients m_tls;
  address_book m_known;
  address_book m_resolved;  ///< what the name service last said, good or not
  dead_addresses m_dead;
  link_monitor* const m_links;
};

}  // namespace campush

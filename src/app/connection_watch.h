#pragma once

#include <map>
#include <optional>
#include <string>

#include "net/byte_stream.h"
#include "net/event_loop.h"
#include "net/resolver.h"
#include "net/tls_client.h"

namespace campush {

/// Passes on what a resolver answers and remembers the last answer for each name.
/// Thread: loop-thread.
class watched_resolver final : public resolver {
 public:
  struct seen {
    result<std::vector<endpoint>> answer;
    duration took{};
  };
  watched_resolver(event_loop& loop, resolver& inner) : m_loop(loop), m_inner(inner) {}

  std::unique_ptr<pending_operation> resolve(const std::string& host, uint16_t port, resolve_callback done) override;
  /// Null while there is no answer.
  const seen* find(const std::string& host) const;

 private:
  event_loop& m_loop;
  resolver& m_inner;
  std::map<std::string, seen> m_seen;
};

/// Passes on what a network does and remembers the last attempt at each address.
/// Thread: loop-thread.
class watched_network final : public network {
 public:
  struct seen {
    std::optional<endpoint> local;  ///< of a connection that was made
    std::string failure;            ///< empty while it is under way, and of one that was given up
  };
  explicit watched_network(network& inner) : m_inner(inner) {}

  std::unique_ptr<pending_operation> connect(const endpoint& remote, const connect_options& options,
                                             connect_callback done) override;
  result<std::unique_ptr<stream_acceptor>> listen(const endpoint& local, accept_callback accepted) override {
    return m_inner.listen(local, std::move(accepted));
  }
  /// Null for an address that was not tried.
  const seen* find(const endpoint& remote) const;

 private:
  network& m_inner;
  std::map<std::string, seen> m_seen;  ///< by endpoint::to_string()
};

/// What was seen on the way to servers, for the steps of the check that a publisher keeps to itself.
struct connection_watch {
  watched_resolver& names;
  watched_network& streams;
  std::map<std::string, certificate_facts> certificates;  ///< by "host:port"
};

/// "192.0.2.7 (IPv4), 2001:db8::7 (IPv6)".
std::string addresses_text(const std::vector<endpoint>& addresses);
/// The connection that was made, then the addresses that were tried in vain: "192.0.2.7:1935 from 10.0.0.2:40000; not
/// [2001:db8::7]:1935: unreachable".
std::string attempts_text(const connection_watch& watch, const std::string& host, uint16_t port);
/// "'server', issued by 'CA', until 2026-12-01 12:00 UTC (10 days left)".
std::string certificate_text(const certificate_facts& facts, std::chrono::system_clock::time_point now);

}  // namespace campush

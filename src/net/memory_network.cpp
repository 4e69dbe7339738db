#include "net/memory_network.h"

#include <algorithm>
#include <cerrno>

#include "net/memory_connection.h"

namespace campush {

namespace {

constexpr duration first_syn_retry = std::chrono::seconds(1);
constexpr duration dns_retry = std::chrono::seconds(1);

bool is_wildcard(const endpoint& address) noexcept {
  return std::all_of(address.address.begin(), address.address.end(), [](uint8_t byte) { return byte == 0; });
}

bool is_same_address(const endpoint& left, const endpoint& right) noexcept {
  return left.address_family == right.address_family && left.address == right.address;
}

bool is_deaf(const memory_host& host) noexcept {
  return host.is_down || host.stop_delivering || host.blackhole_connects;
}

}  // namespace

class memory_acceptor final : public stream_acceptor {
 public:
  memory_acceptor(memory_network& net, const endpoint& local, network::accept_callback accepted)
      : m_net(net), m_local(local), m_accepted(std::make_shared<network::accept_callback>(std::move(accepted))) {
    m_net.m_acceptors.push_back(this);
  }
  ~memory_acceptor() override {
    auto& all = m_net.m_acceptors;
    all.erase(std::find(all.begin(), all.end(), this));
  }
  endpoint local() const override { return m_local; }
  void accept(std::unique_ptr<byte_stream> stream) {
    const auto accepted = m_accepted;  // it may destroy this acceptor
    (*accepted)(std::move(stream));
  }

 private:
  memory_network& m_net;
  const endpoint m_local;
  const std::shared_ptr<network::accept_callback> m_accepted;
};

/// One connect under way. It answers after a round trip; a host that does not is asked again after 1, 2, 4 … s.
class memory_connect final : public pending_operation, private simulation::event {
 public:
  memory_connect(memory_network& net, const endpoint& remote, const connect_options& options,
                 network::connect_callback done)
      : simulation::event(net.m_world), m_net(net), m_remote(remote), m_options(options), m_done(std::move(done)) {
    arm_at(world().now() + round_trip());
  }

 private:
  memory_host* target() const noexcept {
    memory_host* const named = m_net.host_of(m_remote);
    return named != nullptr || m_net.acceptor_of(m_remote) == nullptr ? named : &m_net.m_unnamed;
  }
  duration round_trip() const noexcept {
    const memory_host* const far = target();
    return 2 * (m_net.local_host().delay + (far != nullptr ? far->delay : duration(0)));
  }
  void answer(int errno_value) {
    const auto done = std::move(m_done);
    done(tl::unexpected<error>(error_from_errno(errno_value, "connect to " + m_remote.to_string())));
  }
  void on_due() override {
    if (!has_source()) {
      const auto done = std::move(m_done);
      return done(fail(error_code::not_found, "connect to " + m_remote.to_string() + ": no local address " +
                                                  m_options.bind_address->address_text()));
    }
    memory_host* const far = target();
    if (is_deaf(m_net.local_host()) || (far != nullptr && is_deaf(*far))) {
      m_retry *= 2;
      return arm_at(world().now() + m_retry / 2);
    }
    if (far == nullptr) return answer(EHOSTUNREACH);
    memory_acceptor* const acceptor = m_net.acceptor_of(m_remote);
    if (acceptor == nullptr || far->refuse_connects) return answer(ECONNREFUSED);
    establish(*far, *acceptor);
  }
  /// The asked address, else the first of the family, else the first.
  endpoint source() const noexcept {
    if (m_options.bind_address) return *m_options.bind_address;
    const std::vector<endpoint>& own = m_net.local_host().addresses;
    const auto fits = [this](const endpoint& address) { return address.address_family == m_remote.address_family; };
    const auto found = std::find_if(own.begin(), own.end(), fits);
    return found == own.end() ? own.front() : *found;
  }
  bool has_source() const noexcept {
    const std::vector<endpoint>& own = m_net.local_host().addresses;
    const auto is_source = [this](const endpoint& address) {
      return is_same_address(address, *m_options.bind_address);
    };
    return !m_options.bind_address || std::any_of(own.begin(), own.end(), is_source);
  }
  void establish(memory_host& far, memory_acceptor& acceptor) {
    const auto connection = std::make_shared<memory_connection>(m_net, m_net.local_host(), far, m_options);
    endpoint near = source();
    near.port = m_net.m_next_port;
    m_net.m_next_port = static_cast<uint16_t>(m_net.m_next_port == UINT16_MAX ? 49152 : m_net.m_next_port + 1);
    connection->set_endpoints(near, m_remote);
    auto stream = memory_connection::make_stream(connection, memory_connection::client);
    const std::weak_ptr<char> is_alive = m_is_alive;
    acceptor.accept(memory_connection::make_stream(connection, memory_connection::server));
    if (is_alive.expired()) return;
    const auto done = std::move(m_done);
    done(std::move(stream));
  }

  memory_network& m_net;
  const endpoint m_remote;
  const connect_options m_options;
  network::connect_callback m_done;
  duration m_retry = first_syn_retry;
  const std::shared_ptr<char> m_is_alive = std::make_shared<char>();
};

memory_network::memory_network(simulation& world) : m_world(world) {
  add_host("local", {"10.255.255.1"});
}

memory_network::~memory_network() = default;

memory_host& memory_network::add_host(std::string name, const std::vector<std::string>& addresses) {
  memory_host& host = m_hosts.emplace_back();
  host.name = std::move(name);
  for (const auto& address : addresses) {
    if (auto parsed = parse_endpoint(address, 0)) host.addresses.push_back(*parsed);
  }
  return host;
}

memory_host* memory_network::find_host(std::string_view name) noexcept {
  const auto found = std::find_if(m_hosts.begin(), m_hosts.end(), [&](const auto& host) { return host.name == name; });
  return found == m_hosts.end() ? nullptr : &*found;
}

memory_host* memory_network::host_of(const endpoint& address) noexcept {
  const auto has_address = [&](const memory_host& host) {
    return std::any_of(host.addresses.begin(), host.addresses.end(),
                       [&](const endpoint& own) { return is_same_address(own, address); });
  };
  const auto found = std::find_if(m_hosts.begin(), m_hosts.end(), has_address);
  return found == m_hosts.end() ? nullptr : &*found;
}

memory_acceptor* memory_network::acceptor_of(const endpoint& address) noexcept {
  memory_acceptor* any = nullptr;
  for (memory_acceptor* acceptor : m_acceptors) {
    const endpoint local = acceptor->local();
    if (local.port != address.port || local.address_family != address.address_family) continue;
    if (is_same_address(local, address)) return acceptor;
    if (is_wildcard(local)) any = acceptor;
  }
  return any;
}

size_t memory_network::reset_connections(const memory_host& host) {
  size_t count = 0;
  for (memory_connection* connection : m_connections) {
    if (!connection->is_open() || !connection->concerns(host)) continue;
    connection->reset_both();
    ++count;
  }
  return count;
}

size_t memory_network::open_connections() const noexcept {
  return static_cast<size_t>(std::count_if(m_connections.begin(), m_connections.end(),
                                           [](const memory_connection* connection) { return connection->is_open(); }));
}

std::unique_ptr<pending_operation> memory_network::connect(const endpoint& remote, const connect_options& options,
                                                           connect_callback done) {
  return std::make_unique<memory_connect>(*this, remote, options, std::move(done));
}

result<std::unique_ptr<stream_acceptor>> memory_network::listen(const endpoint& local, accept_callback accepted) {
  endpoint bound = local;
  const auto is_taken = [&] {
    return std::any_of(m_acceptors.begin(), m_acceptors.end(),
                       [&](const auto* other) { return other->local() == bound; });
  };
  if (bound.port == 0) {
    do {
      bound.port = m_next_port++;
    } while (is_taken());
  }
  if (is_taken()) return tl::unexpected<error>(error_from_errno(EADDRINUSE, "listen on " + bound.to_string()));
  return std::make_unique<memory_acceptor>(*this, bound, std::move(accepted));
}

/// One query under way; a silent name server is asked again every second.
class memory_query final : public pending_operation, private simulation::event {
 public:
  memory_query(simulation& world, memory_network& names, std::string host, duration delay,
               resolver::resolve_callback done)
      : simulation::event(world), m_names(names), m_host(std::move(host)), m_done(std::move(done)) {
    arm_at(world.now() + delay);
  }
  memory_query(simulation& world, memory_network& names, const endpoint& numeric, resolver::resolve_callback done)
      : simulation::event(world), m_names(names), m_addresses{numeric}, m_done(std::move(done)) {
    arm_at(world.now());
  }
  void set_port(uint16_t port) noexcept { m_port = port; }

 private:
  void on_due() override {
    if (m_addresses.empty()) {
      const memory_host* const found = m_names.find_host(m_host);
      if (found != nullptr && found->dns == dns_behaviour::silent) return arm_at(world().now() + dns_retry);
      if (found != nullptr && found->dns == dns_behaviour::answers) m_addresses = found->addresses;
      for (endpoint& address : m_addresses) address.port = m_port;
    }
    const auto done = std::move(m_done);
    const memory_host* const asked = m_names.find_host(m_host);
    if (m_addresses.empty() && asked != nullptr && asked->dns == dns_behaviour::fails) {
      done(fail(error_code::name_service_failed, m_host + ": Temporary failure in name resolution"));
    } else if (m_addresses.empty()) {
      done(fail(error_code::name_not_resolved, m_host + ": Name or service not known"));
    } else {
      done(std::move(m_addresses));
    }
  }

  memory_network& m_names;
  const std::string m_host;
  uint16_t m_port = 0;
  std::vector<endpoint> m_addresses;
  resolver::resolve_callback m_done;
};

std::unique_ptr<pending_operation> memory_resolver::resolve(const std::string& host, uint16_t port,
                                                            resolve_callback done) {
  simulation& world = m_names.m_world;
  if (const auto numeric = parse_endpoint(host, port)) {
    return std::make_unique<memory_query>(world, m_names, *numeric, std::move(done));
  }
  ++queries;
  auto query = std::make_unique<memory_query>(world, m_names, host, answer_delay, std::move(done));
  query->set_port(port);
  return query;
}

}  // namespace campush

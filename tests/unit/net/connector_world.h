#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "net/connector.h"
#include "net/memory_network.h"
#include "net/simulated_loop.h"

namespace campush {

/// A memory_network that notes whom it was asked to call and when, and answers for some addresses with an error of its own.
class observed_network final : public network {
 public:
  struct call {
    std::string remote;
    time_point at;
    connect_options options;
    bool is_over = false;
  };
  observed_network(memory_network& inner, simulation& world) : m_inner(inner), m_world(world) {}

  std::unique_ptr<pending_operation> connect(const endpoint& remote, const connect_options& options,
                                             connect_callback done) override {
    const auto made = std::make_shared<call>(call{remote.to_string(), m_world.now(), options});
    calls.push_back(made);
    const auto found = errors.find(made->remote);
    auto inner = found == errors.end() ? m_inner.connect(remote, options, std::move(done))
                                       : std::make_unique<failure>(m_world, found->second, std::move(done));
    return std::make_unique<noted_operation>(made, std::move(inner));
  }
  result<std::unique_ptr<stream_acceptor>> listen(const endpoint& local, accept_callback accepted) override {
    return m_inner.listen(local, std::move(accepted));
  }

  std::vector<std::shared_ptr<call>> calls;
  std::map<std::string, error> errors;  ///< by "address:port", answered after 1 ms

 private:
  struct noted_operation final : pending_operation {
    noted_operation(std::shared_ptr<call> noted, std::unique_ptr<pending_operation> made)
        : what(std::move(noted)), inner(std::move(made)) {}
    ~noted_operation() override { what->is_over = true; }
    std::shared_ptr<call> what;
    std::unique_ptr<pending_operation> inner;
  };
  class failure final : public pending_operation, private simulation::event {
   public:
    failure(simulation& world, error cause, connect_callback done)
        : simulation::event(world), m_cause(std::move(cause)), m_done(std::move(done)) {
      arm_at(world.now() + std::chrono::milliseconds(1));
    }

   private:
    void on_due() override {
      const auto done = std::move(m_done);
      done(tl::unexpected<error>(m_cause));
    }
    error m_cause;
    connect_callback m_done;
  };

  memory_network& m_inner;
  simulation& m_world;
};

/// The name "live" has addresses of several machines; each may be far, deaf or refuse by itself. Names answer after 5 ms.
class connector_world : public ::testing::Test {
 protected:
  /// A machine with one address that serves port 1935.
  memory_host& add_machine(const std::string& address) {
    memory_host& machine = m_net.add_host("machine " + address, {address});
    m_acceptors.push_back(m_net
                              .listen(parse_endpoint(address, 1935).value(),
                                      [this](auto stream) { m_served.push_back(std::move(stream)); })
                              .value());
    return machine;
  }
  /// In the order of the system. Call it after add_machine(): who was added first owns the address.
  void set_addresses(const std::vector<std::string>& addresses) {
    if (m_name == nullptr) m_name = &m_net.add_host("live", {});
    m_name->addresses.clear();
    for (const auto& address : addresses) m_name->addresses.push_back(parse_endpoint(address, 0).value());
  }
  void start() {
    m_calls.calls.clear();
    m_stages.clear();
    m_stream.reset();
    m_failure.reset();
    m_started_at = m_world.now();
    m_operation = m_connector.connect(
        m_target, [this](connect_stage stage) { m_stages.push_back(stage); },
        [this](auto outcome) {
          m_answered_at = m_world.now();
          if (outcome) {
            m_stream = std::move(*outcome);
          } else {
            m_failure = outcome.error();
          }
        });
  }
  void connect() {
    start();
    EXPECT_FALSE(m_stream || m_failure) << "never inside the call";
    m_world.run_for(std::chrono::seconds(30));
  }
  duration took() const { return m_answered_at - m_started_at; }
  std::string reached() const { return m_stream ? m_stream->remote().to_string() : "nobody"; }
  std::string cause() const { return m_failure ? m_failure->cause.message : "none"; }
  std::vector<std::string> called() const {
    std::vector<std::string> remotes;
    for (const auto& call : m_calls.calls) remotes.push_back(call->remote);
    return remotes;
  }
  /// Milliseconds from the first call to each.
  std::vector<int64_t> call_times() const {
    std::vector<int64_t> times;
    for (const auto& call : m_calls.calls)
      times.push_back((call->at - m_calls.calls.front()->at) / std::chrono::milliseconds(1));
    return times;
  }

  simulation m_world;
  simulated_loop m_loop{m_world};
  memory_network m_net{m_world};
  observed_network m_calls{m_net, m_world};
  memory_resolver m_names{m_net};
  connector m_connector{m_loop, m_calls, m_names};
  connect_target m_target = [] {
    connect_target target;
    target.host = "live";
    target.port = 1935;
    return target;
  }();

  memory_host* m_name = nullptr;
  std::vector<std::unique_ptr<stream_acceptor>> m_acceptors;
  std::vector<std::unique_ptr<byte_stream>> m_served;
  std::unique_ptr<pending_operation> m_operation;
  std::vector<connect_stage> m_stages;
  std::unique_ptr<byte_stream> m_stream;
  std::optional<connect_failure> m_failure;
  time_point m_started_at{}, m_answered_at{};
};

}  // namespace campush

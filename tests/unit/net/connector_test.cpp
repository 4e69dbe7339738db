#include "net/connector.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "net/memory_network.h"
#include "net/simulated_loop.h"

namespace campush {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;

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
      arm_at(world.now() + 1ms);
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
class connector_test : public ::testing::Test {
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
    m_world.run_for(30s);
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
    for (const auto& call : m_calls.calls) times.push_back((call->at - m_calls.calls.front()->at) / 1ms);
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

TEST_F(connector_test, gets_from_a_name_to_a_stream) {
  add_machine("10.0.0.1");
  set_addresses({"10.0.0.1"});
  m_target.link.notsent_lowat_bytes = 4711;
  connect();
  EXPECT_EQ(reached(), "10.0.0.1:1935");
  EXPECT_EQ(took(), 5ms + 4ms) << "the name, then a round trip";
  EXPECT_THAT(m_stages, ElementsAre(connect_stage::tcp));
  EXPECT_EQ(m_calls.calls.front()->options.notsent_lowat_bytes, 4711U);
  EXPECT_EQ(m_net.open_connections(), 1U);
}

TEST_F(connector_test, alternates_the_families_beginning_with_the_system_s_first) {
  struct {
    const char* name;
    std::vector<std::string> system;
    std::vector<std::string> wanted;
  } const rows[] = {
      {"IPv6 first",
       {"2001:db8::1", "2001:db8::2", "10.0.0.1", "10.0.0.2"},
       {"[2001:db8::1]:1935", "10.0.0.1:1935", "[2001:db8::2]:1935", "10.0.0.2:1935"}},
      {"IPv4 first",
       {"10.0.0.1", "10.0.0.2", "10.0.0.3", "2001:db8::1"},
       {"10.0.0.1:1935", "[2001:db8::1]:1935", "10.0.0.2:1935", "10.0.0.3:1935"}},
      {"one family", {"10.0.0.2", "10.0.0.1"}, {"10.0.0.2:1935", "10.0.0.1:1935"}},
  };
  for (const auto& row : rows) {
    SCOPED_TRACE(row.name);
    set_addresses(row.system);
    m_connector.forget_dead();
    connect();
    EXPECT_EQ(called(), row.wanted);
  }
}

TEST_F(connector_test, starts_a_further_attempt_every_250_ms_while_nobody_answers) {
  m_net.local_host().is_down = true;
  set_addresses({"10.0.0.1", "10.0.0.2", "10.0.0.3"});
  connect();
  EXPECT_THAT(call_times(), ElementsAre(0, 250, 500));
  ASSERT_TRUE(m_failure);
  EXPECT_EQ(m_failure->stage, connect_stage::tcp);
  EXPECT_EQ(m_failure->cause.code, error_code::timed_out);
  EXPECT_EQ(cause(), "connect to 10.0.0.1:1935: no answer within 5 s (3 of 3 addresses tried)");
  EXPECT_EQ(took(), 5ms + 5s) << "one deadline for all";
  for (const auto& call : m_calls.calls) EXPECT_TRUE(call->is_over) << call->remote;
}

TEST_F(connector_test, starts_the_next_attempt_at_once_when_the_one_before_fails) {
  add_machine("10.0.0.3");
  add_machine("10.0.0.1").refuse_connects = true;
  add_machine("10.0.0.2").refuse_connects = true;
  set_addresses({"10.0.0.1", "10.0.0.2", "10.0.0.3"});
  connect();
  EXPECT_THAT(call_times(), ElementsAre(0, 4, 8));
  EXPECT_EQ(reached(), "10.0.0.3:1935");
}

TEST_F(connector_test, does_not_hurry_when_an_earlier_attempt_fails_while_a_later_one_is_waiting) {
  add_machine("10.0.0.1").refuse_connects = true;
  m_net.find_host("machine 10.0.0.1")->delay = 150ms;
  add_machine("10.0.0.2").blackhole_connects = true;
  add_machine("10.0.0.3");
  set_addresses({"10.0.0.1", "10.0.0.2", "10.0.0.3"});
  connect();
  EXPECT_THAT(call_times(), ElementsAre(0, 250, 500)) << "the first is refused at 302 ms";
}

TEST_F(connector_test, takes_the_first_that_connects_and_closes_the_others) {
  add_machine("10.0.0.1").delay = 400ms;
  add_machine("10.0.0.2").delay = 1ms;
  set_addresses({"10.0.0.1", "10.0.0.2"});
  connect();
  EXPECT_EQ(reached(), "10.0.0.2:1935");
  EXPECT_EQ(took(), 5ms + 250ms + 4ms);
  EXPECT_TRUE(m_calls.calls[0]->is_over);
  EXPECT_EQ(m_net.open_connections(), 1U);
}

TEST_F(connector_test, tries_an_address_that_was_overtaken_last_for_ten_minutes) {
  add_machine("2001:db8::1").blackhole_connects = true;
  add_machine("10.0.0.1");
  set_addresses({"2001:db8::1", "10.0.0.1"});
  connect();
  EXPECT_EQ(reached(), "10.0.0.1:1935");
  EXPECT_EQ(took(), 5ms + 250ms + 4ms) << "less than 1 s at first";
  connect();
  EXPECT_EQ(took(), 5ms + 4ms) << "nothing later";
  EXPECT_THAT(called(), ElementsAre("10.0.0.1:1935"));

  m_world.run_for(9min - 2 * 30s);
  connect();
  EXPECT_THAT(called(), ElementsAre("10.0.0.1:1935"));
  m_world.run_for(1min);
  connect();
  EXPECT_THAT(called(), ElementsAre("[2001:db8::1]:1935", "10.0.0.1:1935"));
}

TEST_F(connector_test, does_not_blame_an_address_for_a_race_that_it_had_no_time_to_win) {
  add_machine("10.0.0.1").delay = 140ms;
  add_machine("10.0.0.2").delay = 1ms;
  set_addresses({"10.0.0.1", "10.0.0.2"});
  connect();
  ASSERT_EQ(reached(), "10.0.0.2:1935") << "at 254 ms, the first would have answered at 282";
  m_net.find_host("machine 10.0.0.2")->delay = 600ms;
  m_connector.forget_dead();
  connect();
  ASSERT_EQ(reached(), "10.0.0.1:1935") << "the later one waits for 32 ms only";
  connect();
  EXPECT_THAT(called(), ElementsAre("10.0.0.1:1935", "10.0.0.2:1935"));
}

TEST_F(connector_test, keeps_a_later_attempt_blameless_when_an_earlier_one_wins_a_slow_race) {
  add_machine("10.0.0.1").delay = 400ms;
  add_machine("10.0.0.2").delay = 400ms;
  set_addresses({"10.0.0.1", "10.0.0.2"});
  connect();
  ASSERT_EQ(reached(), "10.0.0.1:1935");
  set_addresses({"10.0.0.2", "10.0.0.1"});
  connect();
  EXPECT_EQ(called().front(), "10.0.0.2:1935");
}

TEST_F(connector_test, tries_an_address_that_failed_last_until_it_answers) {
  add_machine("10.0.0.1").refuse_connects = true;
  memory_host& second = add_machine("10.0.0.2");
  set_addresses({"10.0.0.1", "10.0.0.2"});
  connect();
  connect();
  EXPECT_THAT(called(), ElementsAre("10.0.0.2:1935"));

  second.refuse_connects = true;
  m_net.find_host("machine 10.0.0.1")->refuse_connects = false;
  connect();
  EXPECT_THAT(called(), ElementsAre("10.0.0.2:1935", "10.0.0.1:1935")) << "last is not never";
  connect();
  EXPECT_THAT(called(), ElementsAre("10.0.0.1:1935"));
}

TEST_F(connector_test, gives_dead_addresses_their_old_order_when_all_are_dead) {
  set_addresses({"10.0.0.2", "2001:db8::1", "10.0.0.1"});
  connect();
  connect();
  EXPECT_THAT(called(), ElementsAre("10.0.0.2:1935", "[2001:db8::1]:1935", "10.0.0.1:1935"));
}

TEST_F(connector_test, forgets_what_was_dead_when_told_so_or_when_a_server_spoke) {
  add_machine("10.0.0.1").refuse_connects = true;
  add_machine("10.0.0.2");
  set_addresses({"10.0.0.1", "10.0.0.2"});
  connect();
  m_connector.forget_dead();
  connect();
  EXPECT_EQ(called().front(), "10.0.0.1:1935");
  m_connector.confirm("live", parse_endpoint("10.0.0.1", 1935).value());
  connect();
  EXPECT_EQ(called().front(), "10.0.0.1:1935");
}

TEST_F(connector_test, blames_no_address_for_what_this_machine_lacks) {
  m_calls.errors["10.0.0.1:1935"] = {error_code::permission_denied, "binding to an interface needs CAP_NET_RAW"};
  add_machine("10.0.0.2");
  set_addresses({"10.0.0.1", "10.0.0.2"});
  connect();
  ASSERT_EQ(reached(), "10.0.0.2:1935");
  connect();
  EXPECT_EQ(called().front(), "10.0.0.1:1935");
}

TEST_F(connector_test, reports_the_failure_that_tells_most) {
  const error refused{error_code::connection_refused, "refused"};
  const error unreachable{error_code::unreachable, "unreachable"};
  const error forbidden{error_code::permission_denied, "forbidden"};
  const error reset{error_code::connection_reset, "reset"};
  struct {
    const char* name;
    std::vector<error> of_addresses;  ///< a third stays silent
    std::string wanted;
  } const rows[] = {
      {"refused after unreachable", {unreachable, refused}, "refused (3 of 3 addresses tried)"},
      {"refused before unreachable", {refused, unreachable}, "refused (3 of 3 addresses tried)"},
      {"this machine's own fault", {refused, forbidden}, "forbidden (3 of 3 addresses tried)"},
      {"reset", {unreachable, reset}, "reset (3 of 3 addresses tried)"},
      {"silence over no route",
       {unreachable, unreachable},
       "connect to 10.0.0.3:1935: no answer within 4.998 s (3 of 3 addresses tried)"},
      {"the first of equals", {refused, {error_code::connection_refused, "other"}}, "refused (3 of 3 addresses tried)"},
  };
  add_machine("10.0.0.3").blackhole_connects = true;
  set_addresses({"10.0.0.1", "10.0.0.2", "10.0.0.3"});
  for (const auto& row : rows) {
    SCOPED_TRACE(row.name);
    m_calls.errors = {{"10.0.0.1:1935", row.of_addresses[0]}, {"10.0.0.2:1935", row.of_addresses[1]}};
    m_connector.forget_dead();
    connect();
    EXPECT_EQ(cause(), row.wanted);
  }
}

TEST_F(connector_test, says_of_a_single_address_no_more_than_its_failure) {
  m_target.host = "10.0.0.9";
  connect();
  EXPECT_EQ(cause(), "connect to 10.0.0.9:1935: No route to host");
  EXPECT_EQ(m_failure->cause.code, error_code::unreachable);
}

TEST_F(connector_test, tells_a_name_that_does_not_exist) {
  set_addresses({"10.0.0.1"});
  m_name->dns = dns_behaviour::no_such_host;
  connect();
  ASSERT_TRUE(m_failure);
  EXPECT_EQ(m_failure->stage, connect_stage::resolve);
  EXPECT_EQ(m_failure->cause.code, error_code::name_not_resolved);
  EXPECT_THAT(cause(), StartsWith("live: "));
  EXPECT_THAT(called(), IsEmpty());
  EXPECT_THAT(m_stages, IsEmpty());
}

TEST_F(connector_test, gives_up_a_silent_name_service_after_its_deadline) {
  set_addresses({"10.0.0.1"});
  m_name->dns = dns_behaviour::silent;
  connect();
  ASSERT_TRUE(m_failure);
  EXPECT_EQ(m_failure->stage, connect_stage::resolve);
  EXPECT_EQ(m_failure->cause.code, error_code::timed_out);
  EXPECT_EQ(cause(), "live: no answer of the name service within 5 s");
  EXPECT_EQ(took(), 5s);
}

TEST_F(connector_test, uses_the_last_good_addresses_while_the_name_service_is_out_of_order) {
  add_machine("10.0.0.2");
  set_addresses({"10.0.0.1", "10.0.0.2"});
  struct {
    const char* name;
    dns_behaviour behaviour;
    bool helps;
    duration wanted;
  } const rows[] = {{"silent", dns_behaviour::silent, true, 5s + 4ms},
                    {"temporary failure", dns_behaviour::fails, true, 5ms + 4ms},
                    {"no such name", dns_behaviour::no_such_host, false, 5ms}};
  for (const auto& row : rows) {
    SCOPED_TRACE(row.name);
    m_name->dns = dns_behaviour::answers;
    connect();
    ASSERT_EQ(reached(), "10.0.0.2:1935");
    m_connector.confirm("live", m_stream->remote());
    m_name->dns = row.behaviour;
    connect();
    EXPECT_EQ(reached(), row.helps ? "10.0.0.2:1935" : "nobody");
    EXPECT_EQ(took(), row.wanted) << "the address that served comes first";
  }
}

TEST_F(connector_test, has_no_last_good_address_before_a_server_spoke) {
  add_machine("10.0.0.1");
  set_addresses({"10.0.0.1"});
  connect();
  ASSERT_TRUE(m_stream) << "but it was not RTMP";
  m_name->dns = dns_behaviour::fails;
  connect();
  EXPECT_EQ(cause(), "live: Temporary failure in name resolution");
  EXPECT_EQ(m_failure->cause.code, error_code::name_service_failed);
}

TEST_F(connector_test, says_when_the_address_was_only_remembered) {
  set_addresses({"10.0.0.1"});
  m_connector.confirm("live", parse_endpoint("10.0.0.1", 1935).value());
  m_name->dns = dns_behaviour::fails;
  connect();
  EXPECT_EQ(m_failure->stage, connect_stage::tcp);
  EXPECT_EQ(cause(),
            "connect to 10.0.0.1:1935: Connection refused (last known address, the name service does not answer)");
}

TEST_F(connector_test, leaves_out_the_family_that_the_local_address_cannot_reach) {
  add_machine("10.0.0.1");
  set_addresses({"2001:db8::1", "10.0.0.1"});
  m_target.link.bind_address = parse_endpoint("10.255.255.1", 0).value();
  connect();
  EXPECT_THAT(called(), ElementsAre("10.0.0.1:1935"));
  EXPECT_EQ(reached(), "10.0.0.1:1935");

  set_addresses({"2001:db8::1"});
  connect();
  EXPECT_THAT(called(), IsEmpty());
  EXPECT_EQ(m_failure->stage, connect_stage::tcp);
  EXPECT_EQ(m_failure->cause.code, error_code::unreachable);
  EXPECT_EQ(cause(), "live has no IPv4 address, and bind_address is one");
}

TEST_F(connector_test, begins_a_list_that_is_too_long_for_one_attempt_with_another_address_each_time) {
  std::vector<std::string> addresses;
  for (int i = 1; i <= 16; ++i) addresses.push_back("10.0.0." + std::to_string(i));
  for (const auto& address : addresses) add_machine(address).blackhole_connects = true;
  set_addresses(addresses);
  for (const uint64_t number : {0U, 1U, 17U}) {
    m_target.attempt = number;
    m_connector.forget_dead();
    connect();
    EXPECT_EQ(called().front(), "10.0.0." + std::to_string(1 + number % 16) + ":1935");
  }
  m_target.attempt = 1;
  addresses.resize(15);
  set_addresses(addresses);
  m_connector.forget_dead();
  connect();
  EXPECT_EQ(called().front(), "10.0.0.1:1935") << "14 waits of 250 ms leave 1.5 s for the last";
}

TEST_F(connector_test, goes_on_to_tls_and_has_a_deadline_of_its_own_for_it) {
  add_machine("10.0.0.1");
  set_addresses({"10.0.0.1"});
  m_target.is_tls = true;
  m_target.tls.insecure = true;
  connect();
  EXPECT_THAT(m_stages, ElementsAre(connect_stage::tcp, connect_stage::tls));
  ASSERT_TRUE(m_failure) << "the server says nothing";
  EXPECT_EQ(m_failure->stage, connect_stage::tls);
  EXPECT_EQ(m_failure->cause.code, error_code::timed_out);
  EXPECT_EQ(cause(), "live: no TLS handshake within 5 s");
  EXPECT_EQ(took(), 5ms + 4ms + 5s);
  m_served.clear();
  EXPECT_EQ(m_net.open_connections(), 0U);

  connect();
  EXPECT_EQ(called().size(), 1U) << "a server without TLS is no dead address";
}

TEST_F(connector_test, reports_tls_options_that_cannot_be_used_as_a_matter_of_tls) {
  add_machine("10.0.0.1");
  set_addresses({"10.0.0.1"});
  m_target.is_tls = true;
  m_target.tls.ca_file = "/nonexistent/ca.pem";
  connect();
  ASSERT_TRUE(m_failure);
  EXPECT_EQ(m_failure->stage, connect_stage::tls);
  EXPECT_EQ(m_failure->cause.code, error_code::not_found);
  EXPECT_THAT(cause(), HasSubstr("/nonexistent/ca.pem"));
}

TEST_F(connector_test, says_nothing_and_calls_nobody_after_it_was_given_up) {
  add_machine("10.0.0.1");
  set_addresses({"10.0.0.1"});
  for (const duration moment : {duration(0), duration(5ms), duration(8ms)}) {
    start();
    m_world.run_for(moment);
    m_operation.reset();
    m_world.run_for(30s);
    EXPECT_FALSE(m_stream || m_failure);
    EXPECT_EQ(m_net.open_connections(), 0U);
    EXPECT_EQ(m_world.pending_events(), 0U);
  }
}

TEST_F(connector_test, may_be_given_up_by_whoever_hears_of_a_stage_or_the_end) {
  add_machine("10.0.0.1");
  set_addresses({"10.0.0.1"});
  int ends = 0;
  m_operation = m_connector.connect(
      m_target, [this](connect_stage) { m_operation.reset(); }, [&](auto) { ++ends; });
  m_world.run_for(30s);
  EXPECT_EQ(ends, 0);

  const auto end_it = [&](auto) {
    ++ends;
    m_operation.reset();
  };
  m_operation = m_connector.connect(m_target, nullptr, end_it);
  m_world.run_for(30s);
  m_name->dns = dns_behaviour::no_such_host;
  m_operation = m_connector.connect(m_target, nullptr, end_it);
  m_world.run_for(30s);
  EXPECT_EQ(ends, 2);
  EXPECT_EQ(m_world.pending_events(), 0U);
}

TEST_F(connector_test, serves_many_at_once) {
  add_machine("10.0.0.1");
  set_addresses({"10.0.0.1"});
  std::vector<std::unique_ptr<pending_operation>> operations;
  int connected = 0;
  for (int i = 0; i < 100; ++i) {
    operations.push_back(
        m_connector.connect(m_target, nullptr, [&connected](auto outcome) { connected += outcome ? 1 : 0; }));
  }
  m_world.run_for(1s);
  EXPECT_EQ(connected, 100);
}

const endpoint some_address = parse_endpoint("10.0.0.1", 1935).value();

TEST(dead_addresses, forgets_after_ten_minutes_and_keeps_a_bounded_number) {
  dead_addresses dead;
  const time_point start{1000s};
  dead.mark(some_address, start);
  EXPECT_TRUE(dead.contains(some_address, start + 10min - 1us));
  EXPECT_FALSE(dead.contains(some_address, start + 10min));
  dead.mark(some_address, start + 5min);
  EXPECT_TRUE(dead.contains(some_address, start + 14min)) << "the last time counts";

  endpoint other = some_address;
  other.port = 443;
  EXPECT_FALSE(dead.contains(other, start)) << "another server of that machine";
  for (uint16_t port = 1; port <= dead_addresses::max_addresses; ++port) {
    other.port = port;
    dead.mark(other, start);
  }
  EXPECT_FALSE(dead.contains(some_address, start)) << "the oldest makes room";
  EXPECT_TRUE(dead.contains(other, start));
}

TEST(address_book, keeps_the_names_learned_last) {
  address_book book;
  for (size_t i = 0; i <= address_book::max_hosts; ++i) book.remember("host" + std::to_string(i), {some_address});
  EXPECT_THAT(book.recall("host0", 1), IsEmpty());
  ASSERT_EQ(book.recall("host1", 443).size(), 1U);
  EXPECT_EQ(book.recall("host1", 443).front().to_string(), "10.0.0.1:443");
}

}  // namespace
}  // namespace campush

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "unit/net/connector_world.h"

namespace campush {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;
using connector_failure_test = connector_world;

TEST_F(connector_failure_test, reports_the_failure_that_tells_most) {
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

TEST_F(connector_failure_test, says_of_a_single_address_no_more_than_its_failure) {
  m_target.host = "10.0.0.9";
  connect();
  EXPECT_EQ(cause(), "connect to 10.0.0.9:1935: No route to host");
  EXPECT_EQ(m_failure->cause.code, error_code::unreachable);
}

TEST_F(connector_failure_test, tells_a_name_that_does_not_exist) {
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

TEST_F(connector_failure_test, gives_up_a_silent_name_service_after_its_deadline) {
  set_addresses({"10.0.0.1"});
  m_name->dns = dns_behaviour::silent;
  connect();
  ASSERT_TRUE(m_failure);
  EXPECT_EQ(m_failure->stage, connect_stage::resolve);
  EXPECT_EQ(m_failure->cause.code, error_code::timed_out);
  EXPECT_EQ(cause(), "live: no answer of the name service within 5 s");
  EXPECT_EQ(took(), 5s);
}

TEST_F(connector_failure_test, uses_the_last_good_addresses_while_the_name_service_is_out_of_order) {
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

TEST_F(connector_failure_test, has_no_last_good_address_before_a_server_spoke) {
  add_machine("10.0.0.1");
  set_addresses({"10.0.0.1"});
  connect();
  ASSERT_TRUE(m_stream) << "but it was not RTMP";
  m_name->dns = dns_behaviour::fails;
  connect();
  EXPECT_EQ(cause(), "live: Temporary failure in name resolution");
  EXPECT_EQ(m_failure->cause.code, error_code::name_service_failed);
}

TEST_F(connector_failure_test, says_when_the_address_was_only_remembered) {
  set_addresses({"10.0.0.1"});
  m_connector.confirm("live", parse_endpoint("10.0.0.1", 1935).value());
  m_name->dns = dns_behaviour::fails;
  connect();
  EXPECT_EQ(m_failure->stage, connect_stage::tcp);
  EXPECT_EQ(cause(),
            "connect to 10.0.0.1:1935: Connection refused (last known address, the name service does not answer)");
}

TEST_F(connector_failure_test, leaves_out_the_family_that_the_local_address_cannot_reach) {
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

TEST_F(connector_failure_test, begins_a_list_that_is_too_long_for_one_attempt_with_another_address_each_time) {
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

TEST_F(connector_failure_test, goes_on_to_tls_and_has_a_deadline_of_its_own_for_it) {
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
  EXPECT_EQ(called().size(), 1U) << "there is no other address";
}

TEST_F(connector_failure_test, tries_an_address_that_takes_connections_and_says_nothing_after_the_others) {
  for (const char* address : {"10.0.0.1", "10.0.0.2", "10.0.0.3"}) add_machine(address);
  set_addresses({"10.0.0.1", "10.0.0.2", "10.0.0.3"});
  m_target.is_tls = true;
  m_target.tls.insecure = true;
  for (const char* wanted : {"10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.1", "10.0.0.2"}) {
    connect();
    ASSERT_EQ(m_failure->stage, connect_stage::tls);
    EXPECT_THAT(called(), ElementsAre(std::string(wanted) + ":1935")) << "the one that was silent longest ago";
  }
  m_connector.confirm("live", parse_endpoint("10.0.0.2", 1935).value());
  connect();
  EXPECT_THAT(called(), ElementsAre("10.0.0.2:1935"));
}

TEST_F(connector_failure_test, tries_an_address_that_ends_the_tls_handshake_after_the_others) {
  add_machine("10.0.0.2");
  m_net.add_host("machine 10.0.0.1", {"10.0.0.1"});
  set_addresses({"10.0.0.1", "10.0.0.2"});
  m_acceptors.push_back(
      m_net.listen(parse_endpoint("10.0.0.1", 1935).value(), [](auto stream) { stream->close(); }).value());
  m_target.is_tls = true;
  m_target.tls.insecure = true;
  connect();
  ASSERT_EQ(m_failure->stage, connect_stage::tls);
  EXPECT_THAT(called(), ElementsAre("10.0.0.1:1935"));
  connect();
  EXPECT_THAT(called(), ElementsAre("10.0.0.2:1935"));
}

TEST_F(connector_failure_test, blames_no_address_for_tls_options_or_words_that_are_not_tls) {
  add_machine("10.0.0.2");
  m_net.add_host("machine 10.0.0.1", {"10.0.0.1"});
  set_addresses({"10.0.0.1", "10.0.0.2"});
  m_acceptors.push_back(m_net
                            .listen(parse_endpoint("10.0.0.1", 1935).value(),
                                    [this](auto stream) {
                                      const byte_view words = byte_view::of_text("220 mail.example ESMTP\r\n");
                                      stream->write_some(&words, 1);
                                      m_served.push_back(std::move(stream));
                                    })
                            .value());
  m_target.is_tls = true;
  m_target.tls.insecure = true;
  for (const char* ca_file : {"/nonexistent/ca.pem", "", ""}) {
    m_target.tls.ca_file = ca_file;
    connect();
    ASSERT_EQ(m_failure->stage, connect_stage::tls);
    EXPECT_EQ(called().front(), "10.0.0.1:1935");
  }
}

TEST_F(connector_failure_test, lets_a_distrusted_address_win_only_when_the_others_had_their_time) {
  const endpoint near = parse_endpoint("10.0.0.1", 1935).value();
  add_machine("10.0.0.1");
  memory_host& far = add_machine("10.0.0.2");
  set_addresses({"10.0.0.1", "10.0.0.2"});
  far.delay = 400ms;
  m_connector.distrust(near);
  connect();
  EXPECT_EQ(reached(), "10.0.0.2:1935") << "802 ms, though the near one would have answered at 254";
  EXPECT_THAT(called(), ElementsAre("10.0.0.2:1935"));

  far.blackhole_connects = true;
  connect();
  EXPECT_EQ(reached(), "10.0.0.1:1935");
  EXPECT_THAT(call_times(), ElementsAre(0, 1500));
  connect();
  EXPECT_THAT(called(), ElementsAre("10.0.0.2:1935", "10.0.0.1:1935")) << "to answer TCP again does not clear it";

  far.blackhole_connects = false;
  far.refuse_connects = true;
  far.delay = 1ms;
  connect();
  EXPECT_THAT(call_times(), ElementsAre(0, 4)) << "nobody is left to wait for";
}

TEST_F(connector_failure_test, does_not_wait_longer_for_others_than_its_own_time_allows) {
  add_machine("10.0.0.1");
  add_machine("10.0.0.2").blackhole_connects = true;
  set_addresses({"10.0.0.1", "10.0.0.2"});
  m_target.tcp_timeout = 1s;
  m_connector.distrust(parse_endpoint("10.0.0.1", 1935).value());
  connect();
  EXPECT_EQ(reached(), "10.0.0.1:1935");
  EXPECT_THAT(call_times(), ElementsAre(0, 500));
}

TEST_F(connector_failure_test, reports_tls_options_that_cannot_be_used_as_a_matter_of_tls) {
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

}  // namespace
}  // namespace campush

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "unit/net/connector_world.h"

namespace campush {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using connector_test = connector_world;

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

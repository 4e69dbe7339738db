#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "net/memory_network.h"

namespace campush {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;

class memory_resolver_test : public ::testing::Test {
 protected:
  std::string ask(const std::string& host) {
    m_answer = "nothing";
    m_query = m_resolver.resolve(host, 1935, [this](auto outcome) {
      if (!outcome) {
        m_answer = std::string(error_name(outcome.error().code)) + ": " + outcome.error().message;
        return;
      }
      m_answer.clear();
      for (const endpoint& address : *outcome) m_answer += address.to_string() + " ";
    });
    EXPECT_EQ(m_answer, "nothing") << "never inside the call";
    m_world.run_for(1s);
    return m_answer;
  }

  simulation m_world;
  memory_network m_net{m_world};
  memory_host& m_host = m_net.add_host("live.example", {"10.0.0.1", "2001:db8::1"});
  memory_resolver m_resolver{m_net};
  std::unique_ptr<pending_operation> m_query;
  std::string m_answer;
};

TEST_F(memory_resolver_test, answers_with_the_addresses_of_the_moment) {
  EXPECT_EQ(ask("live.example"), "10.0.0.1:1935 [2001:db8::1]:1935 ");
  m_host.addresses = {parse_endpoint("10.0.0.2", 0).value()};
  EXPECT_EQ(ask("live.example"), "10.0.0.2:1935 ");
  EXPECT_EQ(m_resolver.queries, 2U);
}

TEST_F(memory_resolver_test, answers_a_numeric_host_without_asking) {
  EXPECT_EQ(ask("192.0.2.1"), "192.0.2.1:1935 ");
  EXPECT_EQ(m_resolver.queries, 0U);
}

TEST_F(memory_resolver_test, fails_for_unknown_names) {
  EXPECT_THAT(ask("other.example"), HasSubstr("name_not_resolved: other.example"));
  m_host.dns = dns_behaviour::no_such_host;
  EXPECT_THAT(ask("live.example"), HasSubstr("name_not_resolved"));
}

TEST_F(memory_resolver_test, stays_silent_until_the_name_server_is_back) {
  m_host.dns = dns_behaviour::silent;
  EXPECT_EQ(ask("live.example"), "nothing");
  m_world.run_for(1h);
  EXPECT_EQ(m_answer, "nothing");
  m_host.dns = dns_behaviour::answers;
  m_world.run_for(2s);
  EXPECT_THAT(m_answer, HasSubstr("10.0.0.1"));
}

TEST_F(memory_resolver_test, forgets_a_query_that_is_given_up) {
  m_query = m_resolver.resolve("live.example", 1, [this](auto) { m_answer = "called"; });
  m_query.reset();
  m_world.run_for(1s);
  EXPECT_EQ(m_answer, "");
}

}  // namespace
}  // namespace campush

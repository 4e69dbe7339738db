#include "net/system_resolver.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <condition_variable>
#include <cstdlib>
#include <map>
#include <thread>

#include "net/asio_event_loop.h"

namespace campush {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

/// A name service whose answers the test lets go one by one. Shared with workers that may outlive the test's objects.
class name_service {
 public:
  lookup_answer look_up(const std::string& host) {
    std::unique_lock<std::mutex> lock(m_mutex);
    ++m_asked[host];
    ++m_blocked;
    m_changed.notify_all();
    m_changed.wait(lock, [&] { return m_is_open || m_released.count(host) != 0; });
    --m_blocked;
    m_changed.notify_all();
    if (host == "throws.example") throw std::runtime_error("broken");
    if (host == "none.example") return fail(error_code::name_not_resolved, host + ": Name or service not known");
    return std::vector<endpoint>{parse_endpoint("192.0.2.7", 0).value(), parse_endpoint("2001:db8::7", 0).value()};
  }
  void release(const std::string& host) {
    const std::lock_guard<std::mutex> lock(m_mutex);
    m_released[host] = true;
    m_changed.notify_all();
  }
  void open() {
    const std::lock_guard<std::mutex> lock(m_mutex);
    m_is_open = true;
    m_changed.notify_all();
  }
  int asked(const std::string& host) {
    const std::lock_guard<std::mutex> lock(m_mutex);
    return m_asked[host];
  }
  void wait_for_blocked(int count) {
    std::unique_lock<std::mutex> lock(m_mutex);
    m_changed.wait(lock, [&] { return m_blocked == count; });
  }

 private:
  std::mutex m_mutex;
  std::condition_variable m_changed;
  std::map<std::string, int> m_asked;
  std::map<std::string, bool> m_released;
  int m_blocked = 0;
  bool m_is_open = false;
};

class system_resolver_test : public ::testing::Test {
 protected:
  void TearDown() override {
    m_names->open();
    m_names->wait_for_blocked(0);
  }
  void make_resolver(size_t max_workers = 8) {
    m_pool = std::make_shared<lookup_pool>([names = m_names](const std::string& host) { return names->look_up(host); },
                                           max_workers);
    m_resolver.emplace(*m_loop, m_pool);
  }
  std::unique_ptr<pending_operation> ask(const std::string& host) {
    return m_resolver->resolve(host, 1935, [this, host](auto outcome) {
      EXPECT_EQ(std::this_thread::get_id(), m_thread);
      std::string text = host + ":";
      if (!outcome) text += " " + std::string(error_name(outcome.error().code)) + ": " + outcome.error().message;
      if (outcome) {
        for (const endpoint& address : *outcome) text += " " + address.to_string();
      }
      m_answers.push_back(text);
    });
  }
  bool run_until_answers(size_t count) {
    while (m_answers.size() < count) {
      if (!m_loop->run_one_for(10s)) return false;
    }
    return true;
  }

  const std::thread::id m_thread = std::this_thread::get_id();
  const std::shared_ptr<name_service> m_names = std::make_shared<name_service>();
  std::optional<asio_event_loop> m_loop{std::in_place};
  std::shared_ptr<lookup_pool> m_pool;
  std::optional<system_resolver> m_resolver;
  std::vector<std::string> m_answers;
};

TEST_F(system_resolver_test, answers_on_the_loop_in_the_system_s_order_with_the_port) {
  make_resolver();
  m_names->open();
  const auto query = ask("live.example");
  EXPECT_THAT(m_answers, ElementsAre()) << "never inside the call";
  ASSERT_TRUE(run_until_answers(1));
  EXPECT_THAT(m_answers, ElementsAre("live.example: 192.0.2.7:1935 [2001:db8::7]:1935"));
}

TEST_F(system_resolver_test, answers_a_numeric_host_without_a_worker) {
  make_resolver();
  const auto ipv4 = ask("127.0.0.1");
  const auto ipv6 = ask("::1");
  EXPECT_THAT(m_answers, ElementsAre());
  ASSERT_TRUE(run_until_answers(2));
  EXPECT_THAT(m_answers, ElementsAre("127.0.0.1: 127.0.0.1:1935", "::1: [::1]:1935"));
  EXPECT_EQ(m_pool->workers(), 0U);
}

TEST_F(system_resolver_test, fails_with_the_text_of_the_name_service) {
  make_resolver();
  m_names->open();
  const auto none = ask("none.example");
  ASSERT_TRUE(run_until_answers(1));
  const auto throws = ask("throws.example");
  ASSERT_TRUE(run_until_answers(2));
  EXPECT_THAT(m_answers, ElementsAre("none.example: name_not_resolved: none.example: Name or service not known",
                                     "throws.example: name_service_failed: throws.example: broken"));
}

TEST_F(system_resolver_test, delays_no_name_behind_a_silent_one) {
  make_resolver();
  const auto silent = ask("silent.example");
  m_names->wait_for_blocked(1);
  m_names->release("live.example");
  const auto live = ask("live.example");
  ASSERT_TRUE(run_until_answers(1));
  EXPECT_THAT(m_answers, ElementsAre(HasSubstr("live.example: 192.0.2.7")));
  EXPECT_EQ(m_pool->workers(), 2U);
}

TEST_F(system_resolver_test, asks_once_for_all_who_wait_for_a_name) {
  make_resolver();
  std::vector<std::unique_ptr<pending_operation>> queries;
  for (int i = 0; i < 20; ++i) queries.push_back(ask("live.example"));
  m_names->wait_for_blocked(1);
  queries.push_back(ask("live.example"));
  m_names->release("live.example");
  ASSERT_TRUE(run_until_answers(21));
  EXPECT_EQ(m_names->asked("live.example"), 1);
  const auto again = ask("live.example");
  ASSERT_TRUE(run_until_answers(22));
  EXPECT_EQ(m_names->asked("live.example"), 2) << "answers are not cached";
}

TEST_F(system_resolver_test, queues_when_all_workers_hang_and_answers_when_one_comes_back) {
  make_resolver(2);
  const auto first = ask("silent1.example");
  const auto second = ask("silent2.example");
  m_names->wait_for_blocked(2);
  m_names->release("live.example");
  const auto live = ask("live.example");
  EXPECT_EQ(m_pool->workers(), 2U);
  EXPECT_EQ(m_names->asked("live.example"), 0);
  m_names->release("silent2.example");
  ASSERT_TRUE(run_until_answers(2));
  EXPECT_THAT(m_answers, ElementsAre(HasSubstr("silent2.example: 192"), HasSubstr("live.example: 192")));
}

TEST_F(system_resolver_test, forgets_a_query_that_is_given_up_and_does_not_start_one_that_nobody_wants) {
  make_resolver(1);
  auto hanging = ask("silent.example");
  m_names->wait_for_blocked(1);
  auto unwanted = ask("unwanted.example");
  const auto wanted = ask("live.example");
  hanging.reset();
  unwanted.reset();
  m_names->open();
  ASSERT_TRUE(run_until_answers(1));
  EXPECT_THAT(m_answers, ElementsAre(HasSubstr("live.example: 192")));
  EXPECT_EQ(m_names->asked("unwanted.example"), 0);
}

TEST_F(system_resolver_test, joins_a_query_whose_first_asker_gave_up) {
  make_resolver();
  auto given_up = ask("slow.example");
  m_names->wait_for_blocked(1);
  given_up.reset();
  const auto joined = ask("slow.example");
  m_names->release("slow.example");
  ASSERT_TRUE(run_until_answers(1));
  EXPECT_EQ(m_names->asked("slow.example"), 1);
}

TEST_F(system_resolver_test, lets_the_resolver_the_loop_and_the_pool_go_while_a_worker_hangs) {
  make_resolver();
  auto query = ask("silent.example");
  m_names->wait_for_blocked(1);
  query.reset();
  m_resolver.reset();
  m_loop.reset();
  m_pool.reset();
  m_names->open();
  m_names->wait_for_blocked(0);
  EXPECT_THAT(m_answers, ElementsAre());
}

TEST_F(system_resolver_test, releases_what_the_callback_holds_when_the_query_is_given_up) {
  make_resolver();
  const auto held = std::make_shared<int>(7);
  auto query = m_resolver->resolve("silent.example", 1, [held](auto) {});
  m_names->wait_for_blocked(1);
  EXPECT_EQ(held.use_count(), 2);
  query.reset();
  EXPECT_EQ(held.use_count(), 1) << "on this thread, not later on a worker";
}

TEST_F(system_resolver_test, lets_the_callback_give_up_its_own_query) {
  make_resolver();
  m_names->open();
  std::unique_ptr<pending_operation> query;
  query = m_resolver->resolve("live.example", 1, [&](auto) {
    query.reset();
    m_answers.emplace_back("once");
  });
  ASSERT_TRUE(run_until_answers(1));
}

[[noreturn]] void exit_while_a_worker_hangs() {
  name_service* const names = new name_service;
  auto* const pool = new lookup_pool([names](const std::string& host) { return names->look_up(host); }, 8);
  asio_event_loop loop;
  system_resolver resolver(loop, std::shared_ptr<lookup_pool>(pool));
  const auto query = resolver.resolve("silent.example", 1935, [](auto) {});
  names->wait_for_blocked(1);
  std::exit(7);
}

TEST(lookup_pool_death_test, lets_the_process_exit_while_a_worker_hangs) {
  ::testing::FLAGS_gtest_death_test_style = "threadsafe";
  EXPECT_EXIT(exit_while_a_worker_hangs(), ::testing::ExitedWithCode(7), "");
}

TEST(lookup_pool_death_test, shortens_the_name_service_s_patience_unless_the_user_set_it) {
  ::testing::FLAGS_gtest_death_test_style = "threadsafe";
  const auto exit_with = [](const char* set_by_user, const std::string& expected) {
    ::unsetenv("RES_OPTIONS");
    if (set_by_user != nullptr) ::setenv("RES_OPTIONS", set_by_user, 1);
    static_cast<void>(lookup_pool::of_process());
    std::exit(::getenv("RES_OPTIONS") == expected ? 0 : 1);
  };
  EXPECT_EXIT(exit_with(nullptr, "timeout:2 attempts:1"), ::testing::ExitedWithCode(0), "");
  EXPECT_EXIT(exit_with("timeout:9", "timeout:9"), ::testing::ExitedWithCode(0), "");
}

TEST(look_up_by_system, finds_localhost_and_names_what_it_does_not_find) {
  if (::access("/etc/hosts", R_OK) != 0) GTEST_SKIP() << "this machine has no /etc/hosts to find localhost in";
  const auto found = look_up_by_system("localhost");
  ASSERT_TRUE(found) << found.error().message;
  EXPECT_THAT(found->front().to_string(), testing::AnyOf("127.0.0.1:0", "[::1]:0"));
  const auto missing = look_up_by_system("");
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, error_code::name_not_resolved);
}

}  // namespace
}  // namespace campush

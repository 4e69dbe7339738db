#include "app/service_watchdog.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "net/simulated_loop.h"

namespace campush {
namespace {

using namespace std::chrono_literals;

/// A loop that keeps what is posted to it until it is let go.
class blockable_loop final : public event_loop {
 public:
  explicit blockable_loop(simulation& world) : m_inner(world) {}
  const clock& time() const noexcept override { return m_inner.time(); }
  void post(std::function<void()> work) override {
    m_is_blocked ? m_kept.push_back(std::move(work)) : m_inner.post(std::move(work));
  }
  std::unique_ptr<loop_timer> make_timer(std::function<void()> callback) override {
    return m_inner.make_timer(std::move(callback));
  }
  std::unique_ptr<loop_wakeup> make_wakeup(std::function<void()> callback) override {
    return m_inner.make_wakeup(std::move(callback));
  }
  void block() { m_is_blocked = true; }
  void unblock() {
    m_is_blocked = false;
    for (auto& work : m_kept) m_inner.post(std::move(work));
    m_kept.clear();
  }
  size_t kept() const { return m_kept.size(); }

 private:
  simulated_loop m_inner;
  std::vector<std::function<void()>> m_kept;
  bool m_is_blocked = false;
};

class service_watchdog_test : public ::testing::Test {
 protected:
  service_watchdog_test() { m_watchdog.watch(m_io, "io0"); }

  static watchdog_options every(duration interval) {
    watchdog_options options;
    options.interval = interval;
    return options;
  }
  size_t fed_within(duration span) {
    m_heard.clear();
    m_world.run_for(span);
    return static_cast<size_t>(std::count(m_heard.begin(), m_heard.end(), "WATCHDOG=1"));
  }
  std::vector<std::string> others() const {
    std::vector<std::string> out;
    for (const std::string& line : m_heard) {
      if (line != "WATCHDOG=1") out.push_back(line);
    }
    return out;
  }

  simulation m_world;
  simulated_loop m_control{m_world};
  blockable_loop m_io{m_world};
  heartbeat m_step;
  std::vector<std::string> m_heard;
  service_watchdog m_watchdog{m_control, every(30s),
                              [this](std::string_view message) { m_heard.emplace_back(message); },
                              [this] { return m_step.pending_for(m_world.now()); }};
};

TEST_F(service_watchdog_test, feeds_three_times_an_interval_while_all_answer) {
  m_watchdog.start();
  EXPECT_EQ(fed_within(300s), 30u);
  EXPECT_TRUE(others().empty());
}

TEST_F(service_watchdog_test, starves_while_a_loop_is_blocked_and_feeds_again_when_it_answers) {
  m_watchdog.start();
  fed_within(30s);
  m_io.block();
  fed_within(25s);
  EXPECT_EQ(fed_within(60s), 0u);
  EXPECT_EQ(m_io.kept(), 1u) << "a loop that has not answered is not asked again";
  m_io.unblock();
  EXPECT_GE(fed_within(60s), 5u);
}

TEST_F(service_watchdog_test, says_once_what_hangs) {
  m_io.block();
  m_watchdog.start();
  fed_within(120s);
  EXPECT_EQ(others(), std::vector<std::string>{"STATUS=the loop io0 does not answer"});
}

TEST_F(service_watchdog_test, starves_when_a_capture_thread_hangs_in_its_device_for_longer_than_allowed) {
  m_watchdog.start();
  m_step.begin(m_world.now());
  EXPECT_EQ(fed_within(60s), 6u) << "opening a device may take its time";
  EXPECT_EQ(fed_within(60s), 0u);
  m_step.end();
  EXPECT_EQ(fed_within(60s), 6u);
}

TEST_F(service_watchdog_test, feeds_for_hours_while_a_capture_thread_waits_for_pictures) {
  m_step.begin(m_world.now());
  m_step.end();
  m_watchdog.start();
  EXPECT_EQ(fed_within(3600s), 360u);
}

TEST_F(service_watchdog_test, does_nothing_where_no_manager_asks) {
  service_watchdog idle(
      m_control, every(0s), [](std::string_view) { FAIL(); }, [] { return duration(); });
  idle.watch(m_io, "io0");
  idle.start();
  m_world.run_for(600s);
}

}  // namespace
}  // namespace campush

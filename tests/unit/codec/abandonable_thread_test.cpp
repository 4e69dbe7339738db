#include "codec/abandonable_thread.h"

#include <gtest/gtest.h>

#include <future>
#include <thread>

namespace campush {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

/// A device of the test: one of its calls returns when it is let go.
class scripted_device final : public abandonable_thread::subject {
 public:
  explicit scripted_device(std::promise<std::thread::id>& gone) : m_gone(gone) {}
  ~scripted_device() override {
    if (hangs_in_closing) let_go->get_future().wait();
    m_gone.set_value(std::this_thread::get_id());
  }
  static scripted_device& of(abandonable_thread::subject& base) { return static_cast<scripted_device&>(base); }
  static void count(abandonable_thread::subject& base) noexcept {
    scripted_device& self = of(base);
    ++self.calls;
    self.caller = std::this_thread::get_id();
  }
  static void hang(abandonable_thread::subject& base) noexcept { of(base).let_go->get_future().wait(); }

  int calls = 0;
  bool hangs_in_closing = false;
  std::thread::id caller;
  std::shared_ptr<std::promise<void>> let_go = std::make_shared<std::promise<void>>();

 private:
  std::promise<std::thread::id>& m_gone;
};

class abandonable_threads : public ::testing::Test {
 protected:
  void begin() {
    auto made = std::make_unique<scripted_device>(gone);
    device = made.get();
    auto begun = abandonable_thread::begin(std::move(made));
    ASSERT_TRUE(begun) << begun.error().message;
    thread = std::move(*begun);
  }
  std::promise<std::thread::id> gone;
  scripted_device* device = nullptr;
  std::unique_ptr<abandonable_thread> thread;
};

TEST_F(abandonable_threads, runs_each_call_apart_and_gives_it_back) {
  begin();
  ASSERT_TRUE(thread->run(&scripted_device::count, seconds(60)));
  ASSERT_TRUE(thread->run(&scripted_device::count, seconds(60)));
  EXPECT_EQ(device->calls, 2);
  const std::thread::id worker = device->caller;
  EXPECT_NE(worker, std::this_thread::get_id());
  thread.reset();
  EXPECT_EQ(gone.get_future().get(), worker) << "closing may hang too";
  EXPECT_EQ(abandonable_thread::abandoned(), 0);
}

TEST_F(abandonable_threads, leaves_a_call_that_does_not_return_to_itself) {
  begin();
  const auto let_go = device->let_go;
  EXPECT_FALSE(thread->run(&scripted_device::hang, milliseconds(20)));
  EXPECT_FALSE(thread->run(&scripted_device::count, seconds(60))) << "at once: it is used up";
  EXPECT_EQ(abandonable_thread::abandoned(), 1);
  thread.reset();
  auto is_gone = gone.get_future();
  EXPECT_EQ(is_gone.wait_for(milliseconds(0)), std::future_status::timeout);
  let_go->set_value();
  EXPECT_EQ(is_gone.wait_for(seconds(60)), std::future_status::ready);
  while (abandonable_thread::abandoned() != 0) std::this_thread::yield();
}

TEST_F(abandonable_threads, leaves_a_device_that_does_not_close_to_itself) {
  begin();
  const auto let_go = device->let_go;
  device->hangs_in_closing = true;
  thread.reset();
  EXPECT_EQ(abandonable_thread::abandoned(), 1);
  let_go->set_value();
  gone.get_future().wait();
  while (abandonable_thread::abandoned() != 0) std::this_thread::yield();
}

TEST(abandonable_thread, does_not_begin_where_too_many_hang) {
  std::vector<std::promise<std::thread::id>> gone(abandonable_thread::most_abandoned + 1);
  std::vector<std::shared_ptr<std::promise<void>>> all;
  for (int i = 0; i < abandonable_thread::most_abandoned; ++i) {
    auto made = std::make_unique<scripted_device>(gone[static_cast<size_t>(i)]);
    all.push_back(made->let_go);
    auto begun = abandonable_thread::begin(std::move(made));
    ASSERT_TRUE(begun);
    EXPECT_FALSE((*begun)->run(&scripted_device::hang, milliseconds(1)));
  }
  EXPECT_FALSE(abandonable_thread::begin(std::make_unique<scripted_device>(gone.back())));
  for (const auto& let_go : all) let_go->set_value();
  while (abandonable_thread::abandoned() != 0) std::this_thread::yield();
}

}  // namespace
}  // namespace campush

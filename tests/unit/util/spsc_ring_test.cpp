#include "util/spsc_ring.h"

#include <gtest/gtest.h>

#include <memory>
#include <thread>

namespace campush {
namespace {

TEST(spsc_ring, gives_values_in_order) {
  spsc_ring<int> ring(4);
  for (int i = 0; i < 4; ++i) EXPECT_TRUE(ring.try_push(int{i}));
  EXPECT_EQ(4u, ring.size());
  int value = -1;
  for (int i = 0; i < 4; ++i) {
    ASSERT_TRUE(ring.try_pop(value));
    EXPECT_EQ(i, value);
  }
  EXPECT_FALSE(ring.try_pop(value));
}

TEST(spsc_ring, rounds_its_capacity_up_to_a_power_of_two) {
  EXPECT_EQ(1u, spsc_ring<int>(1).capacity());
  EXPECT_EQ(8u, spsc_ring<int>(5).capacity());
  EXPECT_EQ(8u, spsc_ring<int>(8).capacity());
}

TEST(spsc_ring, refuses_when_full_and_leaves_the_value_with_the_caller) {
  spsc_ring<std::unique_ptr<int>> ring(2);
  EXPECT_TRUE(ring.try_push(std::make_unique<int>(1)));
  EXPECT_EQ(1u, ring.free_slots());
  EXPECT_TRUE(ring.try_push(std::make_unique<int>(2)));
  EXPECT_EQ(0u, ring.free_slots());
  auto kept = std::make_unique<int>(3);
  EXPECT_FALSE(ring.try_push(std::move(kept)));
  ASSERT_TRUE(kept);
  std::unique_ptr<int> first;
  ASSERT_TRUE(ring.try_pop(first));
  EXPECT_TRUE(ring.try_push(std::move(kept)));
}

TEST(spsc_ring, lets_go_of_what_was_popped) {
  spsc_ring<std::shared_ptr<int>> ring(2);
  const auto value = std::make_shared<int>(7);
  EXPECT_TRUE(ring.try_push(std::shared_ptr<int>(value)));
  {
    std::shared_ptr<int> popped;
    ASSERT_TRUE(ring.try_pop(popped));
    EXPECT_EQ(value, popped);
  }
  EXPECT_EQ(1, value.use_count());
}

TEST(spsc_ring, carries_every_value_from_one_thread_to_another) {
  constexpr uint64_t count = 200000;
  spsc_ring<std::shared_ptr<uint64_t>> ring(64);
  std::thread producer([&] {
    for (uint64_t i = 0; i < count; ++i) {
      auto value = std::make_shared<uint64_t>(i);
      while (!ring.try_push(std::move(value))) std::this_thread::yield();
    }
  });
  uint64_t mismatches = 0;
  for (uint64_t expected = 0; expected < count;) {
    std::shared_ptr<uint64_t> value;
    if (!ring.try_pop(value)) {
      std::this_thread::yield();
      continue;
    }
    mismatches += *value != expected++;
  }
  producer.join();
  EXPECT_EQ(0u, mismatches);
  EXPECT_EQ(0u, ring.size());
}

}  // namespace
}  // namespace campush

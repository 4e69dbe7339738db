#include "rtmp/tag_pool.h"

#include <gtest/gtest.h>

#include <cstring>
#include <optional>
#include <thread>
#include <vector>

#include "util/spsc_ring.h"

namespace campush {
namespace {

using std::chrono::seconds;

TEST(tag_pool, gives_room_for_the_body) {
  tag_pool pool;
  for (const size_t bytes : {0u, 1u, 511u, 512u, 100000u, 16u << 20}) {
    const tag_pool::writable_tag made = pool.make(bytes);
    ASSERT_TRUE(made.tag) << bytes;
    EXPECT_EQ(bytes, made.tag->body.size());
    EXPECT_EQ(made.body, made.tag->body.data());
    if (bytes > 0) std::memset(made.body, 0xa5, bytes);
  }
}

TEST(tag_pool, refuses_more_than_a_message_can_carry) {
  tag_pool pool;
  EXPECT_FALSE(pool.make((16u << 20) + 1).tag);
  EXPECT_EQ(0u, pool.counters().tags_made);
}

TEST(tag_pool, starts_every_tag_afresh) {
  tag_pool pool;
  {
    const auto made = pool.make(100);
    made.tag->is_keyframe = true;
    made.tag->composition_ms = 7;
    made.tag->heads[0].size = 5;
  }
  const auto again = pool.make(100);
  EXPECT_FALSE(again.tag->is_keyframe);
  EXPECT_EQ(0, again.tag->composition_ms);
  EXPECT_EQ(0, again.tag->heads[0].size);
}

TEST(tag_pool, takes_a_block_again_once_its_last_pointer_is_gone) {
  tag_pool pool;
  tag_ptr first = pool.make(1000).tag;
  const tag_ptr second = pool.make(1000).tag;
  EXPECT_EQ(2u, pool.counters().blocks_allocated);
  const uint8_t* body = first->body.data();
  first.reset();
  const tag_ptr third = pool.make(900).tag;
  EXPECT_EQ(body, third->body.data());
  EXPECT_EQ(2u, pool.counters().blocks_allocated);
  EXPECT_EQ(3u, pool.counters().tags_made);
}

TEST(tag_pool, lends_a_block_of_up_to_twice_the_size_and_none_larger) {
  tag_pool pool;
  pool.make(8000);
  const auto half = pool.make(5000);
  EXPECT_EQ(1u, pool.counters().blocks_allocated);
  const auto tiny = pool.make(500);
  EXPECT_EQ(2u, pool.counters().blocks_allocated);
  tag_pool other;
  other.make(100000);
  const auto small = other.make(5000);
  EXPECT_EQ(2u, other.counters().blocks_allocated);
  const auto third = other.make(33000);
  EXPECT_EQ(3u, other.counters().blocks_allocated) << "a third of the free block";
}

TEST(tag_pool, wastes_little_of_its_memory) {
  tag_pool pool;
  std::vector<tag_ptr> tags;
  size_t bodies = 0;
  for (size_t bytes = 2000; bytes < 60000; bytes += 500) {
    tags.push_back(pool.make(bytes).tag);
    bodies += bytes;
  }
  EXPECT_LT(pool.counters().bytes_held, bodies * 5 / 4);
}

TEST(tag_pool, gives_a_burst_back_to_the_heap) {
  tag_pool pool;
  time_point now{seconds(1000)};
  const auto run = [&](seconds span) {
    for (const time_point end = now + span; now < end; now += std::chrono::milliseconds(40)) pool.make(20000, now);
  };
  run(seconds(1));
  const uint64_t steady = pool.counters().bytes_held;
  {
    std::vector<tag_ptr> burst;
    for (int i = 0; i < 200; ++i) burst.push_back(pool.make(20000, now).tag);
  }
  EXPECT_GT(pool.counters().bytes_held, 200u * 20000);
  run(seconds(9));
  EXPECT_GT(pool.counters().bytes_held, 200u * 20000) << "it may be needed again";
  run(seconds(25));
  EXPECT_LE(pool.counters().bytes_held, steady + (256u << 10) + 30000);
  const uint64_t allocated = pool.counters().blocks_allocated;
  run(seconds(60));
  EXPECT_EQ(allocated, pool.counters().blocks_allocated) << "what the steady stream needs stays";
}

TEST(tag_pool, may_die_before_its_tags) {
  std::optional<tag_pool> pool;
  pool.emplace();
  auto made = pool->make(1000);
  std::memset(made.body, 0x5a, 1000);
  tag_ptr kept = std::move(made.tag);
  made.body = nullptr;
  tag_ptr other = pool->make(50).tag;
  pool.reset();
  EXPECT_EQ(0x5a, kept->body[999]);
  kept.reset();
  EXPECT_TRUE(other->body.size() == 50);
}

/// Tags go from this thread to two others, which let them go; every body arrives whole.
TEST(tag_pool, takes_tags_back_from_any_thread) {
  constexpr int count = 20000;
  spsc_ring<tag_ptr> to_first(32), to_second(32);
  std::atomic<uint64_t> broken{0};
  const auto consume = [&](spsc_ring<tag_ptr>& ring) {
    for (int received = 0; received < count;) {
      tag_ptr tag;
      if (!ring.try_pop(tag)) {
        std::this_thread::yield();
        continue;
      }
      const auto expected = static_cast<uint8_t>(received++);
      for (const uint8_t byte : tag->body) broken += byte != expected;
    }
  };
  uint64_t blocks = 0;
  {
    std::optional<tag_pool> pool;
    pool.emplace();
    std::thread first([&] { consume(to_first); });
    std::thread second([&] { consume(to_second); });
    for (int i = 0; i < count; ++i) {
      const auto made = pool->make(64 + static_cast<size_t>(i % 7) * 100);
      std::memset(made.body, static_cast<uint8_t>(i), made.tag->body.size());
      const tag_ptr shared = made.tag;
      for (auto* ring : {&to_first, &to_second}) {
        tag_ptr copy = shared;
        while (!ring->try_push(std::move(copy))) std::this_thread::yield();
      }
    }
    blocks = pool->counters().blocks_allocated;
    pool.reset();
    first.join();
    second.join();
  }
  EXPECT_EQ(0u, broken);
  EXPECT_LE(blocks, 7u * 80) << "no more blocks than could be under way at once";
}

}  // namespace
}  // namespace campush

#include "net/tls_room.h"

#include <gtest/gtest.h>

#include "net/simulated_loop.h"

namespace campush {
namespace {

using namespace std::chrono_literals;

struct tls_room_test : ::testing::Test {
  /// So many buffers are out at one moment.
  void use(size_t together) {
    std::vector<std::vector<uint8_t>> lent;
    for (size_t i = 0; i < together; ++i) {
      lent.push_back(room.lend());
      EXPECT_TRUE(lent.back().empty());
      EXPECT_EQ(lent.back().capacity(), tls_room::sealed_capacity);
      lent.back().resize(i + 1);
    }
    for (auto& buffer : lent) room.take_back(std::move(buffer));
  }

  simulation world;
  simulated_loop loop{world};
  tls_room room{loop};
};

TEST_F(tls_room_test, lends_what_was_given_back) {
  const uint8_t* bytes = nullptr;
  for (int i = 0; i < 3; ++i) {
    std::vector<uint8_t> buffer = room.lend();
    EXPECT_TRUE(bytes == nullptr || buffer.data() == bytes);
    bytes = buffer.data();
    room.take_back(std::move(buffer));
  }
  EXPECT_EQ(room.spare_buffers(), 1U);
}

TEST_F(tls_room_test, keeps_as_many_as_are_in_use_together_now_and_then) {
  use(5);
  EXPECT_EQ(room.spare_buffers(), 5U);
  for (int i = 0; i < 20; ++i) {
    world.run_for(10s);
    use(i % 2 == 0 ? 3 : 1);
  }
  EXPECT_EQ(room.spare_buffers(), 3U);
}

TEST_F(tls_room_test, gives_all_back_within_a_minute_after_the_last_use) {
  use(5);
  const std::vector<uint8_t> held = room.lend();
  world.run_for(61s);
  EXPECT_EQ(room.spare_buffers(), 0U) << "one is held, nobody wants another";
  room.take_back(std::vector<uint8_t>(held.begin(), held.end()));
  world.run_for(61s);
  EXPECT_EQ(room.spare_buffers(), 0U);
  EXPECT_EQ(world.pending_events(), 0U) << "an idle room has nothing to do";
}

TEST_F(tls_room_test, does_not_keep_one_that_has_grown) {
  std::vector<uint8_t> buffer = room.lend();
  buffer.resize(tls_room::sealed_capacity + 1);
  room.take_back(std::move(buffer));
  EXPECT_EQ(room.spare_buffers(), 0U);
}

}  // namespace
}  // namespace campush

#include "rtmp/protocol/command_output.h"

#include <gtest/gtest.h>

#include "fakes/wire_text.h"

namespace campush {
namespace {

constexpr size_t ping_bytes = 12 + 6;

TEST(command_output, holds_no_more_than_twice_what_waits_for_a_peer_that_never_takes_all) {
  command_output output(64 * 1024);
  for (uint32_t i = 0; i < 4; ++i) output.write_user_control(user_control::ping_response, i);
  for (uint32_t i = 0; i < 100000; ++i) {
    output.write_user_control(user_control::ping_response, i);
    output.consume(ping_bytes);
    ASSERT_EQ(output.pending().size(), 4 * ping_bytes);
    ASSERT_LE(output.raw().size(), 10 * ping_bytes) << "after " << i;
  }
}

TEST(command_output, keeps_the_order_of_bytes_however_they_are_taken) {
  for (size_t piece = 1; piece < 40; ++piece) {
    command_output output(64 * 1024);
    std::vector<uint8_t> taken, expected;
    const auto take = [&](size_t bytes) {
      const byte_view part = output.pending().subview(0, bytes);
      taken.insert(taken.end(), part.begin(), part.end());
      output.consume(part.size());
    };
    for (uint32_t i = 0; i < 50; ++i) {
      output.write_user_control(user_control::ping_response, i);
      std::vector<uint8_t> message = wire("02 000000 000006 04 00000000 0007 000000");
      message.push_back(static_cast<uint8_t>(i));
      expected.insert(expected.end(), message.begin(), message.end());
      take(piece);
    }
    take(output.pending().size());
    EXPECT_EQ(taken, expected) << "pieces of " << piece;
  }
}

}  // namespace
}  // namespace campush

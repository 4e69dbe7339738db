#include "rtmp/arcfour.h"

#include <gtest/gtest.h>

#include <string_view>
#include <utility>
#include <vector>

namespace campush {
namespace {

/// The state after the key schedule: table, then both indexes 0.
std::vector<uint8_t> state_of_key(std::string_view key) {
  std::vector<uint8_t> state(arcfour::state_bytes);
  for (size_t i = 0; i < arcfour::table_size; ++i) state[i] = static_cast<uint8_t>(i);
  uint8_t other = 0;
  for (size_t i = 0; i < arcfour::table_size; ++i) {
    other = static_cast<uint8_t>(other + state[i] + static_cast<uint8_t>(key[i % key.size()]));
    std::swap(state[i], state[other]);
  }
  return state;
}

struct known_answer {
  const char* name;
  std::string_view key, plain;
  std::vector<uint8_t> cipher;
};

TEST(arcfour, gives_the_answers_that_are_known) {
  const known_answer table[] = {
      {"long", "Key", "Plaintext", {0xbb, 0xf3, 0x16, 0xe8, 0xd9, 0x40, 0xaf, 0x0a, 0xd3}},
      {"short", "Wiki", "pedia", {0x10, 0x21, 0xbf, 0x04, 0x20}},
      {"words",
       "Secret",
       "Attack at dawn",
       {0x45, 0xa0, 0x1f, 0x64, 0x5f, 0xc3, 0x5b, 0x38, 0x35, 0x52, 0x54, 0x4b, 0x9b, 0xf5}},
  };
  for (const known_answer& row : table) {
    SCOPED_TRACE(row.name);
    arcfour cipher;
    ASSERT_TRUE(cipher.adopt(state_of_key(row.key).data()));
    std::vector<uint8_t> bytes(row.plain.begin(), row.plain.end());
    // In two cuts: the stream goes on.
    cipher.apply(bytes.data(), 2);
    cipher.apply(bytes.data() + 2, bytes.size() - 2);
    EXPECT_EQ(bytes, row.cipher);
  }
}

TEST(arcfour, goes_on_from_the_indexes_of_a_used_state) {
  arcfour first;
  std::vector<uint8_t> state = state_of_key("Key");
  ASSERT_TRUE(first.adopt(state.data()));
  std::vector<uint8_t> stream(10);
  first.apply(stream.data(), stream.size());

  // The same ten steps by hand.
  uint8_t i = 0, j = 0;
  for (int step = 0; step < 4; ++step) {
    j = static_cast<uint8_t>(j + state[++i]);
    std::swap(state[i], state[j]);
  }
  state[256] = i;
  state[257] = j;
  arcfour second;
  ASSERT_TRUE(second.adopt(state.data()));
  std::vector<uint8_t> rest(6);
  second.apply(rest.data(), rest.size());
  EXPECT_EQ(rest, std::vector<uint8_t>(stream.begin() + 4, stream.end()));
}

TEST(arcfour, refuses_bytes_that_are_no_state) {
  arcfour cipher;
  std::vector<uint8_t> state = state_of_key("Key");
  state[7] = state[8];
  EXPECT_FALSE(cipher.adopt(state.data()));
  EXPECT_FALSE(cipher.adopt(std::vector<uint8_t>(arcfour::state_bytes).data()));
}

}  // namespace
}  // namespace campush

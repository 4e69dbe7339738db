#include "rtmp/protocol/handshake.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace campush {
namespace {

constexpr size_t part = handshake::part_bytes;

TEST(handshake, client_begins_with_version_3_and_selects_the_simple_form) {
  handshake client(handshake_role::client, 7);
  std::vector<uint8_t> hello;
  client.start(hello);
  ASSERT_EQ(hello.size(), 1 + part);
  EXPECT_EQ(hello[0], 3);
  EXPECT_TRUE(std::all_of(hello.begin() + 5, hello.begin() + 9, [](uint8_t each) { return each == 0; }));
  EXPECT_FALSE(client.is_done());
}

TEST(handshake, seeds_make_different_random_parts) {
  std::vector<uint8_t> first, again, other;
  handshake(handshake_role::client, 1).start(first);
  handshake(handshake_role::client, 1).start(again);
  handshake(handshake_role::client, 2).start(other);
  EXPECT_EQ(first, again);
  EXPECT_NE(first, other);
}

/// Passes the bytes of both sides to and fro in pieces of `piece` bytes.
void talk(handshake& client, handshake& server, size_t piece, std::vector<uint8_t>& to_server,
          std::vector<uint8_t>& to_client) {
  size_t server_read = 0, client_read = 0;
  for (bool moved = true; moved;) {
    moved = false;
    const auto pass = [&](std::vector<uint8_t>& from, size_t& position, handshake& peer,
                          std::vector<uint8_t>& answers) {
      while (position < from.size()) {
        const std::vector<uint8_t> bytes = byte_view(from).subview(position, piece).to_vector();
        const result<size_t> used = peer.feed(bytes, answers);
        ASSERT_TRUE(used);
        ASSERT_EQ(*used, bytes.size());
        position += bytes.size();
        moved = true;
      }
    };
    pass(to_server, server_read, server, to_client);
    pass(to_client, client_read, client, to_server);
  }
}

TEST(handshake, both_sides_finish_at_any_cut) {
  for (const size_t piece : {size_t{1}, size_t{7}, part, part + 1, size_t{100000}}) {
    SCOPED_TRACE(piece);
    handshake client(handshake_role::client, 1), server(handshake_role::server, 2);
    std::vector<uint8_t> to_server, to_client;
    client.start(to_server);
    talk(client, server, piece, to_server, to_client);
    EXPECT_TRUE(client.is_done());
    EXPECT_TRUE(server.is_done());
    ASSERT_EQ(to_server.size(), 1 + 2 * part);
    ASSERT_EQ(to_client.size(), 1 + 2 * part);
    EXPECT_EQ(byte_view(to_server).subview(1 + part), byte_view(to_client).subview(1, part)) << "C2 is not S1";
    EXPECT_EQ(byte_view(to_client).subview(1 + part), byte_view(to_server).subview(1, part)) << "S2 is not C1";
  }
}

TEST(handshake, server_keeps_silent_until_the_first_part_is_whole) {
  handshake server(handshake_role::server, 1);
  std::vector<uint8_t> bytes(part, 0), answers;
  bytes[0] = 3;
  ASSERT_TRUE(server.feed(bytes, answers));
  EXPECT_TRUE(answers.empty());
  ASSERT_TRUE(server.feed(std::vector<uint8_t>{0}, answers));
  EXPECT_EQ(answers.size(), 1 + 2 * part);
}

TEST(handshake, leaves_what_follows_to_the_chunk_stream) {
  handshake client(handshake_role::client, 1);
  std::vector<uint8_t> out, bytes(1 + 2 * part + 5, 3);
  client.start(out);
  const result<size_t> used = client.feed(bytes, out);
  ASSERT_TRUE(used);
  EXPECT_EQ(*used, 1 + 2 * part);
  EXPECT_TRUE(client.is_done());
}

TEST(handshake, takes_a_second_part_that_echoes_nothing) {
  handshake client(handshake_role::client, 1);
  std::vector<uint8_t> out, bytes(1 + 2 * part, 0xAA);
  bytes[0] = 3;
  client.start(out);
  ASSERT_TRUE(client.feed(bytes, out));
  EXPECT_TRUE(client.is_done());
}

TEST(handshake, refuses_other_versions_for_good) {
  for (const uint8_t version : {uint8_t{0}, uint8_t{6}, uint8_t{'H'}, uint8_t{0x16}}) {
    handshake client(handshake_role::client, 1);
    std::vector<uint8_t> out;
    const result<size_t> used = client.feed(std::vector<uint8_t>{version}, out);
    ASSERT_FALSE(used);
    EXPECT_EQ(used.error().code, error_code::protocol_violation);
    EXPECT_FALSE(client.feed(std::vector<uint8_t>{3}, out));
    EXPECT_TRUE(out.empty());
  }
}

}  // namespace
}  // namespace campush

#include <gtest/gtest.h>

#include <array>

#include "fakes/allocation_count.h"
#include "fakes/scripted_rtmp_server.h"

namespace campush {
namespace {

/// What passes once the stream flows: media out, pings and acknowledgement windows in.
TEST(dialogue_allocation, publishing_takes_nothing_from_the_heap) {
  scripted_server server;
  server.start_publishing();
  client_dialogue& client = server.client;
  std::vector<uint8_t> incoming;
  append_chunked(incoming, {message_type::window_ack_size, chunk_stream::control, 0, 0}, wire("00000040"), 128);
  append_chunked(incoming, {message_type::user_control, chunk_stream::control, 0, 0}, wire("0006 00000001"), 128);
  append_chunked(incoming, {message_type::acknowledgement, chunk_stream::control, 0, 0}, wire("00010000"), 128);
  const std::vector<uint8_t> head(5), body(100000);
  std::array<byte_view, 16> parts;

  const auto pass_one_frame = [&] {
    // Cut in mid-message, as TCP may.
    const byte_view arriving(incoming);
    ASSERT_TRUE(client.receive(arriving.subview(0, 30)));
    ASSERT_TRUE(client.receive(arriving.subview(30)));
    ASSERT_FALSE(client.pending_output().empty());
    client.consume_output(client.pending_output().size());
    chunked_message message({message_type::video, chunk_stream::video, 0x1000000, 1}, head, body, client.chunk_size());
    while (!message.is_done()) {
      const size_t count = message.gather(parts.data(), parts.size());
      for (size_t i = 0; i < count; ++i) message.advance(parts[i].size());
    }
  };
  pass_one_frame();
  const uint64_t before = allocation_count();
  for (int i = 0; i < 1000; ++i) pass_one_frame();
  EXPECT_EQ(allocation_count() - before, 0u);
}

}  // namespace
}  // namespace campush

#include "rtmp/protocol/chunk_writer.h"

#include <gtest/gtest.h>

#include <cstddef>

#include "fakes/wire_text.h"

namespace campush {
namespace {

std::vector<uint8_t> counting_bytes(size_t size) {
  std::vector<uint8_t> bytes(size);
  for (size_t i = 0; i < size; ++i) bytes[i] = static_cast<uint8_t>(i * 7);
  return bytes;
}

/// Drains a message `views` views and `step` bytes at a time, as a transport that writes partially would.
std::vector<uint8_t> drained(chunked_message message, size_t views, size_t step) {
  std::vector<uint8_t> bytes;
  std::vector<byte_view> parts(views);
  while (!message.is_done()) {
    const size_t count = message.gather(parts.data(), parts.size());
    size_t left = step, moved = 0;
    for (size_t i = 0; i < count && left > 0; ++i) {
      const byte_view part = parts[i].subview(0, left);
      bytes.insert(bytes.end(), part.begin(), part.end());
      left -= part.size();
      moved += part.size();
    }
    message.advance(moved);
  }
  return bytes;
}

std::vector<uint8_t> all_of(const message_header& header, byte_view payload, uint32_t chunk_size) {
  return drained(chunked_message(header, {}, payload, chunk_size), 64, 1000000);
}

struct header_case {
  const char* name;
  message_header header;
  size_t payload_bytes;
  const char* bytes;
};

TEST(chunked_message, writes_the_golden_headers) {
  const header_case cases[] = {
      {"connect", {message_type::command_amf0, 3, 0, 0}, 0x23, "03 00 00 00 00 00 23 14 00 00 00 00"},
      {"video_on_stream_1", {message_type::video, 6, 40, 1}, 16, "06 00 00 28 00 00 10 09 01 00 00 00"},
      {"audio_at_the_last_short_time", {message_type::audio, 4, 0xfffffe, 1}, 1, "04 FF FF FE 00 00 01 08 01 00 00 00"},
      {"audio_at_the_mark",
       {message_type::audio, 4, 0xffffff, 1},
       1,
       "04 FF FF FF 00 00 01 08 01 00 00 00 00 FF FF FF"},
      {"video_at_2_24",
       {message_type::video, 4, 0x01000000, 1},
       200,
       "04 FF FF FF 00 00 C8 09 01 00 00 00 01 00 00 00"},
      {"last_time", {message_type::video, 6, 0xffffffff, 1}, 1, "06 FF FF FF 00 00 01 09 01 00 00 00 FF FF FF FF"},
      {"stream_id_is_little_endian", {message_type::video, 6, 0, 0x01020304}, 1, "06 00 00 00 00 00 01 09 04 03 02 01"},
      {"two_byte_chunk_stream", {message_type::video, 70, 0, 1}, 1, "00 06 00 00 00 00 00 01 09 01 00 00 00"},
      {"three_byte_chunk_stream", {message_type::video, 65599, 0, 1}, 1, "01 FF FF 00 00 00 00 00 01 09 01 00 00 00"},
  };
  for (const header_case& each : cases) {
    SCOPED_TRACE(each.name);
    const std::vector<uint8_t> payload = counting_bytes(each.payload_bytes);
    std::vector<uint8_t> expected = wire(each.bytes);
    expected.insert(expected.end(), payload.begin(), payload.end());
    EXPECT_EQ(all_of(each.header, payload, 60000), expected);
  }
}

TEST(chunked_message, continues_with_type_3_and_no_header_behind_the_last_byte) {
  const std::vector<uint8_t> payload = wire("01 02 03 04 05 06");
  EXPECT_EQ(all_of({message_type::video, 6, 1, 1}, payload, 3), wire("06 000001 000006 09 01000000 010203 C6 040506"));
  EXPECT_EQ(all_of({message_type::video, 6, 1, 1}, payload, 4), wire("06 000001 000006 09 01000000 01020304 C6 0506"));
}

TEST(chunked_message, repeats_the_extended_timestamp_in_every_continuation) {
  const std::vector<uint8_t> payload = wire("01 02 03");
  EXPECT_EQ(all_of({message_type::video, 6, 0x01000000, 1}, payload, 1),
            wire("06 FFFFFF 000003 09 01000000 01000000 01 C6 01000000 02 C6 01000000 03"));
}

TEST(chunked_message, sends_an_empty_payload_as_a_header) {
  const chunked_message message({message_type::audio, 4, 0, 1}, {}, {}, 128);
  EXPECT_EQ(message.wire_bytes(), 12u);
  EXPECT_EQ(drained(message, 4, 100), wire("04 000000 000000 08 01000000"));
}

TEST(chunked_message, gives_the_same_bytes_at_every_cut_of_the_transport) {
  const std::vector<uint8_t> head = counting_bytes(5), body = counting_bytes(1000);
  std::vector<uint8_t> whole = head;
  whole.insert(whole.end(), body.begin(), body.end());
  for (const uint32_t time_ms : {0u, 0xfffffeu, 0xffffffu, 0x7fffffffu, 0x80000000u, 0xffffffffu}) {
    for (const uint32_t chunk_size : {1u, 3u, 5u, 128u, 1004u, 1005u, 4096u, 60000u, 0x7fffffffu}) {
      const message_header header{message_type::video, 6, time_ms, 1};
      const std::vector<uint8_t> expected = all_of(header, whole, chunk_size);
      const chunked_message message(header, head, body, chunk_size);
      EXPECT_EQ(message.wire_bytes(), expected.size());
      for (const size_t step : {size_t{1}, size_t{13}, size_t{999}, size_t{100000}}) {
        EXPECT_EQ(drained(message, 1, step), expected) << chunk_size << ' ' << step;
        EXPECT_EQ(drained(message, 5, step), expected) << chunk_size << ' ' << step;
      }
    }
  }
}

TEST(chunked_message, does_not_copy_the_payload) {
  const std::vector<uint8_t> head = counting_bytes(5), body = counting_bytes(100);
  const chunked_message message({message_type::video, 6, 0, 1}, head, body, 60000);
  byte_view parts[8];
  ASSERT_EQ(message.gather(parts, 8), 3u);
  EXPECT_EQ(parts[1].data(), head.data());
  EXPECT_EQ(parts[2].data(), body.data());
  EXPECT_EQ(parts[2].size(), 100u);
}

TEST(chunked_message, counts_what_the_transport_took) {
  const std::vector<uint8_t> body = counting_bytes(10);
  chunked_message message({message_type::video, 6, 0, 1}, {}, body, 60000);
  EXPECT_FALSE(message.has_begun());
  message.advance(1);
  EXPECT_TRUE(message.has_begun());
  EXPECT_EQ(message.sent_bytes(), 1u);
  EXPECT_EQ(message.remaining_bytes(), 21u);
  message.advance(1000);
  EXPECT_TRUE(message.is_done());
  EXPECT_EQ(message.remaining_bytes(), 0u);
}

TEST(chunked_message, takes_the_biggest_payload) {
  const std::vector<uint8_t> body(chunked_message::max_message_payload);
  const chunked_message message({message_type::video, 6, 0, 1}, {}, body, 60000);
  EXPECT_EQ(message.wire_bytes(), 12 + body.size() + (body.size() - 1) / 60000);
  byte_view part;
  ASSERT_EQ(message.gather(&part, 1), 1u);
  EXPECT_EQ(part.subview(4, 3).to_vector(), wire("FF FF FF"));
}

}  // namespace
}  // namespace campush

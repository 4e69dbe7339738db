#include "rtmp/protocol/chunk_reader.h"

#include <gtest/gtest.h>

#include "fakes/wire_text.h"
#include "rtmp/protocol/chunk_writer.h"

namespace campush {
namespace {

struct seen_message {
  message_header header;
  std::vector<uint8_t> payload;
};

class message_collector final : public chunk_reader::handler {
 public:
  result<void> on_message(const rtmp_message& message) override {
    seen.push_back({message.header, message.payload.to_vector()});
    if (seen.size() == refuse_at) return fail(error_code::busy, "refused by the handler");
    return {};
  }
  std::vector<seen_message> seen;
  size_t refuse_at = 0;
};

/// A reader, its handler, and the bytes fed in pieces of a given size.
struct reading {
  explicit reading(const chunk_limits& limits = {}) : reader(limits) {}

  result<void> feed(byte_view bytes, size_t piece = 100000) {
    result<void> outcome;
    for (size_t at = 0; at < bytes.size() && outcome; at += piece) {
      // A copy of its own for each piece: reads past the end show under the sanitizers.
      outcome = reader.feed(bytes.subview(at, piece).to_vector(), collector);
    }
    return outcome;
  }
  result<void> feed(const char* notation) { return feed(wire(notation)); }
  std::vector<uint32_t> times() const {
    std::vector<uint32_t> all;
    for (const seen_message& each : collector.seen) all.push_back(each.header.timestamp_ms);
    return all;
  }

  chunk_reader reader;
  message_collector collector;
};

std::vector<uint8_t> counting_bytes(size_t size) {
  std::vector<uint8_t> bytes(size);
  for (size_t i = 0; i < size; ++i) bytes[i] = static_cast<uint8_t>(i * 13 + i / 251);
  return bytes;
}

TEST(chunk_reader, reads_back_what_the_writer_writes_at_any_cut) {
  const uint32_t times[] = {0, 1, 0xfffffe, 0xffffff, 0x1000000, 0x7fffffff, 0x80000000, 0xfffffffe, 0xffffffff};
  for (const uint32_t chunk_size : {128u, 4096u, 60000u}) {
    for (const size_t piece : {size_t{1}, size_t{11}, size_t{4096}, size_t{1000000}}) {
      reading in;
      std::vector<uint8_t> stream;
      append_chunked(stream, {message_type::set_chunk_size, 2, 0, 0},
                     wire(chunk_size == 128    ? "00000080"
                          : chunk_size == 4096 ? "00001000"
                                               : "0000EA60"),
                     128);
      for (const uint32_t time_ms : times) {
        append_chunked(stream, {message_type::video, 6, time_ms, 1}, counting_bytes(9000), chunk_size);
        append_chunked(stream, {message_type::audio, 4, time_ms, 1}, counting_bytes(3), chunk_size);
      }
      ASSERT_TRUE(in.feed(stream, piece));
      EXPECT_EQ(in.reader.bytes_read(), stream.size());
      ASSERT_EQ(in.collector.seen.size(), 1 + 2 * std::size(times));
      for (size_t i = 0; i < std::size(times); ++i) {
        const seen_message& video = in.collector.seen[1 + 2 * i];
        EXPECT_EQ(video.header.type, message_type::video);
        EXPECT_EQ(video.header.timestamp_ms, times[i]);
        EXPECT_EQ(video.header.message_stream_id, 1u);
        EXPECT_EQ(video.payload, counting_bytes(9000));
        EXPECT_EQ(in.collector.seen[2 + 2 * i].payload, counting_bytes(3));
        EXPECT_EQ(in.collector.seen[2 + 2 * i].header.timestamp_ms, times[i]);
      }
    }
  }
}

TEST(chunk_reader, adds_deltas_of_types_1_2_and_3) {
  reading in;
  ASSERT_TRUE(in.feed("04 000064 000001 08 01000000 AA"));  // type 0: 100
  ASSERT_TRUE(in.feed("44 000014 000002 09 BB CC"));        // type 1: +20, other length and type
  ASSERT_TRUE(in.feed("84 000005 DD EE"));                  // type 2: +5
  ASSERT_TRUE(in.feed("C4 0F F0"));                         // type 3: +5 again
  EXPECT_EQ(in.times(), (std::vector<uint32_t>{100, 120, 125, 130}));
  EXPECT_EQ(in.collector.seen[3].header.type, message_type::video);
  EXPECT_EQ(in.collector.seen[3].header.message_stream_id, 1u);
  EXPECT_EQ(in.collector.seen[3].payload, wire("0FF0"));
}

TEST(chunk_reader, repeats_the_time_of_type_0_as_delta_in_a_new_type_3_message) {
  reading in;
  ASSERT_TRUE(in.feed("04 000028 000001 08 01000000 AA C4 BB"));
  EXPECT_EQ(in.times(), (std::vector<uint32_t>{40, 80}));
}

TEST(chunk_reader, wraps_deltas_at_2_32) {
  reading in;
  ASSERT_TRUE(in.feed("04 FFFFFF 000001 08 01000000 FFFFFFF0 AA"));
  ASSERT_TRUE(in.feed("84 000014 BB"));
  ASSERT_TRUE(in.feed("44 FFFFFF 000001 08 FFFFFFF6 CC"));  // librtmp's step back by 10 ms
  EXPECT_EQ(in.times(), (std::vector<uint32_t>{0xfffffff0, 4, 0xfffffffa}));
}

TEST(chunk_reader, reads_long_chunk_stream_ids) {
  reading in;
  ASSERT_TRUE(in.feed("00 06 000000 000001 08 01000000 AA 01 FF FF 000000 000001 08 01000000 BB"));
  ASSERT_EQ(in.collector.seen.size(), 2u);
  EXPECT_EQ(in.collector.seen[0].header.chunk_stream_id, 70u);
  EXPECT_EQ(in.collector.seen[1].header.chunk_stream_id, 65599u);
}

TEST(chunk_reader, interleaves_messages_of_different_chunk_streams) {
  reading in;
  const std::vector<uint8_t> video = counting_bytes(200);
  std::vector<uint8_t> stream = wire("06 000000 0000C8 09 01000000");
  stream.insert(stream.end(), video.begin(), video.begin() + 128);
  const std::vector<uint8_t> audio = wire("04 000000 000001 08 01000000 AA C6");
  stream.insert(stream.end(), audio.begin(), audio.end());
  stream.insert(stream.end(), video.begin() + 128, video.end());
  ASSERT_TRUE(in.feed(stream, 1));
  ASSERT_EQ(in.collector.seen.size(), 2u);
  EXPECT_EQ(in.collector.seen[0].header.type, message_type::audio);
  EXPECT_EQ(in.collector.seen[1].payload, video);
}

TEST(chunk_reader, delivers_empty_messages) {
  reading in;
  ASSERT_TRUE(in.feed("04 000000 000000 08 01000000"));
  ASSERT_EQ(in.collector.seen.size(), 1u);
  EXPECT_TRUE(in.collector.seen[0].payload.empty());
}

TEST(chunk_reader, applies_a_new_chunk_size_to_the_next_chunk_and_passes_it_on) {
  reading in;
  ASSERT_TRUE(in.feed("02 000000 000004 01 00000000 00000002 | 04 000000 000003 08 01000000 AABB C4 CC"));
  ASSERT_EQ(in.collector.seen.size(), 2u);
  EXPECT_EQ(in.collector.seen[0].header.type, message_type::set_chunk_size);
  EXPECT_EQ(in.collector.seen[1].payload, wire("AABBCC"));
}

TEST(chunk_reader, drops_the_unfinished_message_that_is_aborted) {
  reading in;
  ASSERT_TRUE(in.feed("02 000000 000004 01 00000000 00000002 | 06 000000 000003 09 01000000 AABB"));
  ASSERT_TRUE(in.feed("02 000000 000004 02 00000000 0000 C2 0006"));
  ASSERT_TRUE(in.feed("06 000000 000001 09 01000000 CC"));
  ASSERT_EQ(in.collector.seen.size(), 3u);
  EXPECT_EQ(in.collector.seen[1].header.type, message_type::abort);
  EXPECT_EQ(in.collector.seen[2].payload, wire("CC"));
}

TEST(chunk_reader, survives_an_abort_of_its_own_chunk_stream) {
  reading in;
  ASSERT_TRUE(in.feed(wire("02 000000 000004 02 00000000 00000002"), 1));
  ASSERT_EQ(in.collector.seen.size(), 1u);
  EXPECT_EQ(in.collector.seen[0].payload, wire("00000002"));
}

/// A message of three one-byte chunks at 2^24, with and without the repeated extended timestamp.
const char* const small_chunks = "02 000000 000004 01 00000000 00000001 |";

TEST(chunk_reader, reads_repeated_extended_timestamps) {
  for (const size_t piece : {size_t{1}, size_t{1000}}) {
    reading in;
    ASSERT_TRUE(in.feed(small_chunks));
    ASSERT_TRUE(in.feed(wire("06 FFFFFF 000003 09 01000000 01000000 AA C6 01000000 BB C6 01000000 CC"), piece));
    ASSERT_EQ(in.collector.seen.size(), 2u);
    EXPECT_EQ(in.collector.seen[1].payload, wire("AABBCC"));
    EXPECT_EQ(in.collector.seen[1].header.timestamp_ms, 0x1000000u);
  }
}

TEST(chunk_reader, recognises_a_peer_that_omits_the_repeat) {
  for (const size_t piece : {size_t{1}, size_t{1000}}) {
    reading in;
    ASSERT_TRUE(in.feed(small_chunks));
    ASSERT_TRUE(in.feed(wire("06 FFFFFF 000003 09 01000000 01000000 AA C6 BB C6 CC"), piece));
    ASSERT_EQ(in.collector.seen.size(), 2u);
    EXPECT_EQ(in.collector.seen[1].payload, wire("AABBCC"));
  }
}

TEST(chunk_reader, gives_back_payload_that_looked_like_the_repeat) {
  for (const size_t piece : {size_t{1}, size_t{1000}}) {
    reading in;
    ASSERT_TRUE(in.feed(small_chunks));
    // The omitting peer's payload is 01 00, C6 follows: three bytes of two chunks look like the time 0100C6xx.
    ASSERT_TRUE(in.feed(wire("06 FFFFFF 000003 09 01000000 01C60102 AA C6 01 C6 BB"), piece));
    ASSERT_EQ(in.collector.seen.size(), 2u);
    EXPECT_EQ(in.collector.seen[1].payload, wire("AA01BB"));
  }
}

TEST(chunk_reader, reads_an_extended_delta_and_its_repeat_at_a_new_message) {
  reading in;
  ASSERT_TRUE(in.feed("04 000000 000001 08 01000000 AA"));
  ASSERT_TRUE(in.feed("84 FFFFFF 01000000 BB C4 01000000 CC"));
  EXPECT_EQ(in.times(), (std::vector<uint32_t>{0, 0x1000000, 0x2000000}));
}

struct refusal_case {
  const char* name;
  const char* bytes;
  error_code code;
};

TEST(chunk_reader, refuses_what_breaks_the_protocol) {
  const refusal_case cases[] = {
      {"type_1_first", "44 000000 000001 08 AA", error_code::protocol_violation},
      {"type_2_first", "84 000000 AA", error_code::protocol_violation},
      {"type_3_first", "C4 AA", error_code::protocol_violation},
      {"chunk_size_0", "02 000000 000004 01 00000000 00000000", error_code::protocol_violation},
      {"chunk_size_top_bit", "02 000000 000004 01 00000000 80000080", error_code::protocol_violation},
      {"chunk_size_short", "02 000000 000003 01 00000000 000080", error_code::protocol_violation},
      {"abort_short", "02 000000 000002 02 00000000 0006", error_code::protocol_violation},
      {"chunk_size_big", "02 000000 000004 01 00000000 01000001", error_code::too_big},
      {"message_big", "04 000000 010001 08 01000000", error_code::too_big},
      {"header_0_inside",
       "02 000000 000004 01 00000000 00000001 04 000000 000002 08 01000000 AA 04 000000 000002 08 01000000",
       error_code::protocol_violation},
      {"header_1_shorter_inside",
       "02 000000 000004 01 00000000 00000002 04 000000 000003 08 01000000 AABB 44 000000 000001 08",
       error_code::protocol_violation},
      {"header_2_inside", "02 000000 000004 01 00000000 00000001 04 000000 000002 08 01000000 AA 84 000000",
       error_code::protocol_violation},
  };
  for (const refusal_case& each : cases) {
    for (const size_t piece : {size_t{1}, size_t{1000}}) {
      SCOPED_TRACE(each.name);
      reading in;
      const result<void> outcome = in.feed(wire(each.bytes), piece);
      ASSERT_FALSE(outcome);
      EXPECT_EQ(outcome.error().code, each.code) << outcome.error().message;
      const result<void> again = in.feed("04 000000 000000 08 01000000");
      ASSERT_FALSE(again) << "the reader is not dead";
      EXPECT_EQ(again.error().code, each.code);
    }
  }
}

TEST(chunk_reader, takes_type_1_first_where_allowed) {
  chunk_limits limits;
  limits.accepts_first_type1 = true;
  reading in(limits);
  ASSERT_TRUE(in.feed("42 000007 000006 04 0007 00000001"));  // librtmp's pong
  ASSERT_EQ(in.collector.seen.size(), 1u);
  EXPECT_EQ(in.collector.seen[0].header.timestamp_ms, 7u);
  EXPECT_EQ(in.collector.seen[0].header.message_stream_id, 0u);
  EXPECT_FALSE(in.feed("83 000000"));
}

TEST(chunk_reader, limits_the_number_of_chunk_streams) {
  chunk_limits limits;
  limits.max_chunk_streams = 2;
  reading in(limits);
  ASSERT_TRUE(in.feed("04 000000 000000 08 01000000 05 000000 000000 08 01000000"));
  const result<void> outcome = in.feed("06 000000 000000 08 01000000");
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().code, error_code::too_big);
}

TEST(chunk_reader, limits_the_bytes_of_all_unfinished_messages) {
  chunk_limits limits;
  limits.max_pending_bytes = 250;
  reading in(limits);
  const std::vector<uint8_t> chunk(128);
  std::vector<uint8_t> first = wire("04 000000 00FFFF 08 01000000"), second = wire("05 000000 00FFFF 08 01000000");
  first.insert(first.end(), chunk.begin(), chunk.end());
  second.insert(second.end(), chunk.begin(), chunk.end());
  ASSERT_TRUE(in.feed(first));
  const result<void> outcome = in.feed(second);
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().code, error_code::too_big);
}

TEST(chunk_reader, counts_finished_and_aborted_messages_no_longer_as_pending) {
  chunk_limits limits;
  limits.max_pending_bytes = 200;
  reading in(limits);
  for (int i = 0; i < 10; ++i) {
    std::vector<uint8_t> message = wire("04 000000 000096 08 01000000");
    message.insert(message.end(), 128, 1);
    message.push_back(0xC4);
    message.insert(message.end(), 22, 2);
    ASSERT_TRUE(in.feed(message, 50));
    std::vector<uint8_t> aborted = wire("05 000000 000096 08 01000000");
    aborted.insert(aborted.end(), 128, 1);
    const std::vector<uint8_t> abort = wire("02 000000 000004 02 00000000 00000005");
    aborted.insert(aborted.end(), abort.begin(), abort.end());
    ASSERT_TRUE(in.feed(aborted, 50));
  }
  EXPECT_EQ(in.collector.seen.size(), 20u);
}

TEST(chunk_reader, stops_with_the_error_of_its_handler) {
  reading in;
  in.collector.refuse_at = 2;
  const char* const message = "04 000000 000000 08 01000000";
  EXPECT_TRUE(in.feed(message));
  const result<void> outcome = in.feed(message);
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().code, error_code::busy);
  EXPECT_FALSE(in.feed(message));
  EXPECT_EQ(in.collector.seen.size(), 2u);
}

TEST(chunk_reader, begins_anew_after_reset) {
  reading in;
  ASSERT_FALSE(in.feed("C4"));
  in.reader.reset();
  EXPECT_EQ(in.reader.bytes_read(), 0u);
  EXPECT_TRUE(in.feed("04 000000 000000 08 01000000"));
  EXPECT_EQ(in.collector.seen.size(), 1u);
}

}  // namespace
}  // namespace campush

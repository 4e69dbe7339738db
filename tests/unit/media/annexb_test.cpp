#include "media/annexb.h"

#include <gtest/gtest.h>

#include <random>

#include "fakes/wire_text.h"
#include "unit/media/nal_builder.h"

namespace campush {
namespace {

using bytes = std::vector<uint8_t>;

std::vector<bytes> units_of(byte_view run) {
  std::vector<bytes> units;
  annexb_cursor cursor(run);
  for (nal_unit unit; cursor.next(unit);) units.push_back(unit.to_vector());
  return units;
}

TEST(annexb_cursor, finds_every_unit) {
  struct sample {
    const char* name;
    const char* run;
    std::vector<const char*> units;
  };
  const sample samples[] = {
      {"four-byte codes", "00000001 6742 00000001 68ce", {"6742", "68ce"}},
      {"four bytes, then three, then four", "00000001 6742 000001 68ce 00000001 65b8", {"6742", "68ce", "65b8"}},
      {"three bytes first", "000001 6742 00000001 68ce", {"6742", "68ce"}},
      {"leading zero bytes", "0000000000000001 6742", {"6742"}},
      {"bytes before the first code", "ffee 000001 6742", {"6742"}},
      {"trailing zero bytes", "000001 6742 00000000", {"6742"}},
      {"ends in the middle of a code", "000001 6742 0000", {"6742"}},
      {"ends behind a code", "000001 6742 000001", {"6742"}},
      {"empty units between codes", "000001 000001 00000001 6742 000001", {"6742"}},
      {"no start code at all", "6742c01e", {"6742c01e"}},
      {"no start code, trailing zeros", "6742c01e 0000", {"6742c01e"}},
      {"emulation prevention stays", "000001 67000003 01", {"6700000301"}},
      {"one byte", "65", {"65"}},
      {"only zeros", "0000000000", {}},
      {"only a code", "00000001", {}},
      {"nothing", "", {}},
  };
  for (const sample& s : samples) {
    SCOPED_TRACE(s.name);
    std::vector<bytes> expected;
    for (const char* unit : s.units) expected.push_back(wire(unit));
    EXPECT_EQ(units_of(wire(s.run)), expected);
  }
}

TEST(annexb_cursor, stays_at_the_end) {
  const bytes run = wire("000001 65");
  annexb_cursor cursor(run);
  nal_unit unit;
  EXPECT_TRUE(cursor.next(unit));
  EXPECT_FALSE(cursor.next(unit));
  EXPECT_FALSE(cursor.next(unit));
}

TEST(find_start_code, agrees_with_a_byte_by_byte_search) {
  std::mt19937 random(7);
  for (int round = 0; round < 2000; ++round) {
    bytes run(random() % 64);
    for (uint8_t& byte : run) byte = static_cast<uint8_t>(random() % 3 == 0 ? 1 : 0);
    for (size_t from = 0; from <= run.size() + 1; ++from) {
      size_t expected = run.size();
      for (size_t i = from; i + 2 < run.size() && expected == run.size(); ++i) {
        if (run[i] == 0 && run[i + 1] == 0 && run[i + 2] == 1) expected = i;
      }
      ASSERT_EQ(find_start_code(run, from), expected);
    }
  }
}

/// Access units that come out when the stream is appended `step` bytes at a time.
std::vector<bytes> split(codec_id codec, const bytes& stream, size_t step) {
  std::vector<bytes> units;
  access_unit_splitter splitter(codec);
  byte_view unit;
  for (size_t at = 0; at < stream.size(); at += step) {
    EXPECT_TRUE(splitter.append(byte_view(stream).subview(at, step)));
    while (splitter.next(unit)) units.push_back(unit.to_vector());
  }
  splitter.finish();
  while (splitter.next(unit)) units.push_back(unit.to_vector());
  return units;
}

struct split_sample {
  const char* name;
  codec_id codec;
  std::vector<const char*> access_units;
};
const split_sample split_samples[] = {
    {"h264 with sets, SEI, two slices",
     codec_id::h264,
     {"00000001 674201 00000001 68ce01 00000001 0601 000001 6588aa 000001 6542bb", "00000001 419a01 000001 4145bb",
      "00000001 0601 000001 419a02"}},
    {"h264 with delimiters and mixed codes",
     codec_id::h264,
     {"00000001 0910 000001 674201 00000001 68ce 000001 6588aa", "00000001 0930 000001 419a02 0b",
      "000001 0930 00000001 419a03"}},
    {"h264 slices alone", codec_id::h264, {"000001 6588", "000001 419a", "000001 419b", "000001 01f0"}},
    {"h264 partitions stay together",
     codec_id::h264,
     {"000001 6588", "000001 42e0 000001 43f0 000001 44f0", "000001 42e1"}},
    {"h264 end of sequence and filler stay behind",
     codec_id::h264,
     {"00000001 6588 00000001 0cffff80 00000001 0a", "00000001 6742 00000001 68ce 00000001 6588"}},
    {"h264 prefix units begin a picture",
     codec_id::h264,
     {"000001 6e8000 01 000001 6588", "000001 6e8000 02 000001 419a"}},
    {"h265 with sets and prefix SEI",
     codec_id::h265,
     {"00000001 4001aa 00000001 4201aa 00000001 4401aa 00000001 4e01aa 00000001 2601af 00000001 260140 00000001 5001aa",
      "00000001 4e01aa 00000001 0201d0 000001 020150", "00000001 0201d1"}},
    {"h265 delimiters",
     codec_id::h265,
     {"00000001 4601 10 000001 2601af", "00000001 4601 50 000001 0201d0", "00000001 4601"}},
    {"h265 other layers never cut",
     codec_id::h265,
     {"00000001 2601af 00000001 2609af 00000001 4209aa", "00000001 0201d0"}},
};

TEST(access_unit_splitter, cuts_alike_wherever_the_reads_end) {
  for (const split_sample& s : split_samples) {
    SCOPED_TRACE(s.name);
    std::vector<bytes> expected;
    bytes stream;
    for (const char* unit : s.access_units) {
      expected.push_back(wire(unit));
      stream.insert(stream.end(), expected.back().begin(), expected.back().end());
    }
    for (size_t step = 1; step <= stream.size(); ++step) ASSERT_EQ(split(s.codec, stream, step), expected) << step;
  }
}

TEST(access_unit_splitter, gives_a_picture_as_soon_as_the_next_one_begins) {
  access_unit_splitter splitter(codec_id::h264);
  byte_view unit;
  ASSERT_TRUE(splitter.append(wire("00000001 6588aa 00000001")));
  EXPECT_FALSE(splitter.next(unit));
  ASSERT_TRUE(splitter.append(wire("419a01")));
  ASSERT_TRUE(splitter.next(unit));
  EXPECT_EQ(unit.to_vector(), wire("00000001 6588aa"));
  EXPECT_FALSE(splitter.next(unit));
}

TEST(access_unit_splitter, drops_bytes_before_the_first_start_code) {
  EXPECT_EQ(split(codec_id::h264, wire("ffee00 00000001 6588"), 3), std::vector<bytes>{wire("00000001 6588")});
  EXPECT_EQ(split(codec_id::h264, wire("6588aabbcc"), 2), std::vector<bytes>{});
  EXPECT_EQ(split(codec_id::h264, {}, 1), std::vector<bytes>{});
}

TEST(access_unit_splitter, refuses_an_access_unit_over_its_limit_and_goes_on_behind_it) {
  access_unit_splitter splitter(codec_id::h264, 16);
  ASSERT_TRUE(splitter.append(wire("00000001 6588aabbccddeeff")));
  const auto refused = splitter.append(wire("1122334455667788"));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, error_code::too_big);
  byte_view unit;
  EXPECT_FALSE(splitter.next(unit));
  ASSERT_TRUE(splitter.append(wire("99aabb 00000001 419a 00000001 419b")));
  ASSERT_TRUE(splitter.next(unit));
  EXPECT_EQ(unit.to_vector(), wire("00000001 419a"));
}

TEST(access_unit_splitter, refuses_a_stream_without_start_codes) {
  access_unit_splitter splitter(codec_id::h265, 16);
  ASSERT_TRUE(splitter.append(bytes(15, 0x41)));
  const auto refused = splitter.append(bytes(1, 0x41));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, error_code::malformed);
}

TEST(access_unit_splitter, takes_many_pictures_over_the_limit_in_one_read) {
  access_unit_splitter splitter(codec_id::h264, 8);
  bytes stream;
  for (int i = 0; i < 100; ++i) {
    const bytes picture = wire("000001 419a55");
    stream.insert(stream.end(), picture.begin(), picture.end());
  }
  ASSERT_TRUE(splitter.append(stream));
  splitter.finish();
  byte_view unit;
  int count = 0;
  while (splitter.next(unit)) ++count;
  EXPECT_EQ(count, 100);
}

TEST(access_unit_splitter, begins_anew_after_reset) {
  access_unit_splitter splitter(codec_id::h264);
  byte_view unit;
  for (int pass = 0; pass < 2; ++pass) {
    ASSERT_TRUE(splitter.append(wire("00000001 6588 00000001 419a")));
    splitter.finish();
    ASSERT_TRUE(splitter.next(unit));
    EXPECT_EQ(unit.to_vector(), wire("00000001 6588"));
    ASSERT_TRUE(splitter.next(unit));
    EXPECT_FALSE(splitter.next(unit));
    splitter.reset();
  }
}

}  // namespace
}  // namespace campush

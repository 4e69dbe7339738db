#include "server/picture_mark.h"

#include <gtest/gtest.h>

#include <fstream>
#include <iterator>

#include "fakes/wire_text.h"

namespace campush {
namespace {

const char* const mark_notation = "05 16 'campush picture' 00";

TEST(picture_mark, reads_a_mark_of_h264_and_h265) {
  const std::string body = std::string(mark_notation) + " 00 00 03 00 07 01 00 80";  // 7 with emulation prevention
  for (const auto& [syntax, header] : {std::pair{nal_syntax::h264, "06"}, std::pair{nal_syntax::h265, "4E 01"}}) {
    const auto mark = read_picture_mark(wire(header + (" " + body)), syntax);
    ASSERT_TRUE(mark);
    EXPECT_EQ(mark->number, 7u);
    EXPECT_TRUE(mark->is_keyframe);
    EXPECT_FALSE(mark->is_disposable);
    EXPECT_EQ(mark->reference_count, 0);
  }
}

TEST(picture_mark, reads_flags_and_count) {
  const auto mark =
      read_picture_mark(wire(std::string("06 ") + mark_notation + " 12345678 02 FE 80"), nal_syntax::h264);
  ASSERT_TRUE(mark);
  EXPECT_EQ(mark->number, 0x12345678u);
  EXPECT_FALSE(mark->is_keyframe);
  EXPECT_TRUE(mark->is_disposable);
  EXPECT_EQ(mark->reference_count, 0xfe);
}

TEST(picture_mark, finds_the_mark_behind_other_messages_and_units) {
  const std::vector<uint8_t> sei = wire(std::string("06 01 02 AABB ") + mark_notation + " 00000001 00 01 80");
  std::vector<uint8_t> unit = wire("00000002 09 F0 000000");
  unit.push_back(static_cast<uint8_t>(sei.size()));
  unit.insert(unit.end(), sei.begin(), sei.end());
  for (const uint8_t each : wire("00000003 41 9A 00")) unit.push_back(each);
  const auto mark = find_picture_mark(unit, nal_syntax::h264);
  ASSERT_TRUE(mark);
  EXPECT_EQ(mark->number, 1u);
}

TEST(picture_mark, finds_nothing_where_nothing_is) {
  const char* const units[] = {
      "",
      "06",
      "06 05",
      "06 05 16",
      "06 FF FF FF",
      "41 9A 00 00 00 00",
      "06 05 04 AABBCCDD 80",
      "06 05 16 'campush pictura' 00 00000001 00 01 80",
      "06 05 15 'campush picture' 00 00000001 00 80",
      "06 05 16 'campush picture' 00 000000",
  };
  for (const char* unit : units) EXPECT_FALSE(read_picture_mark(wire(unit), nal_syntax::h264)) << unit;
  EXPECT_FALSE(find_picture_mark(wire("FFFFFFFF 06 05"), nal_syntax::h264));
  EXPECT_FALSE(find_picture_mark(wire("00000000 00000000 00000000"), nal_syntax::h264));
}

/// Start codes of Annex B with four bytes, as the clips have them, to lengths.
std::vector<byte_view> units_of(const std::vector<uint8_t>& stream) {
  std::vector<byte_view> units;
  size_t begin = 0;
  for (size_t i = 0; i + 4 <= stream.size() + 4; ++i) {
    const bool is_code =
        i + 4 <= stream.size() && stream[i] == 0 && stream[i + 1] == 0 && stream[i + 2] == 0 && stream[i + 3] == 1;
    if (!is_code && i < stream.size()) continue;
    if (begin != 0) units.push_back(byte_view(stream).subview(begin, i - begin));
    begin = i + 4;
  }
  return units;
}

struct clip_case {
  const char* name;
  nal_syntax syntax;
};

TEST(picture_mark, counts_every_picture_of_the_clips_without_a_hole) {
  for (const clip_case& clip : {clip_case{"gate.h264", nal_syntax::h264}, clip_case{"yard.h265", nal_syntax::h265},
                                clip_case{"bframes.h264", nal_syntax::h264}}) {
    SCOPED_TRACE(clip.name);
    std::ifstream file(std::string(CAMPUSH_TEST_DATA "/") + clip.name, std::ios::binary);
    const std::vector<uint8_t> stream((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
    ASSERT_FALSE(stream.empty());
    picture_checker checker;
    for (const byte_view unit : units_of(stream)) {
      if (const auto mark = read_picture_mark(unit, clip.syntax)) checker.add(*mark);
    }
    EXPECT_EQ(checker.pictures(), 200u);
    EXPECT_EQ(checker.missing_references(), 0u);
    EXPECT_EQ(checker.skipped(), 0u);
  }
}

picture_mark key(uint32_t number) {
  return {number, true, false, 0};
}
picture_mark reference(uint32_t number, uint8_t count) {
  return {number, false, false, count};
}
picture_mark disposable(uint32_t number, uint8_t count) {
  return {number, false, true, count};
}

TEST(picture_checker, allows_disposable_pictures_to_be_missing) {
  picture_checker checker;
  EXPECT_TRUE(checker.add(key(0)));
  EXPECT_TRUE(checker.add(reference(1, 1)));
  EXPECT_TRUE(checker.add(disposable(3, 1)));
  EXPECT_TRUE(checker.add(reference(5, 2)));
  EXPECT_EQ(checker.missing_references(), 0u);
  EXPECT_EQ(checker.skipped(), 2u);
}

TEST(picture_checker, counts_each_hole_in_the_references_once) {
  picture_checker checker;
  checker.add(key(0));
  EXPECT_FALSE(checker.add(reference(2, 2)));
  EXPECT_TRUE(checker.add(reference(3, 3)));
  EXPECT_FALSE(checker.add(disposable(5, 4)));
  EXPECT_EQ(checker.missing_references(), 2u);
}

TEST(picture_checker, begins_anew_at_a_keyframe) {
  picture_checker checker;
  checker.add(key(0));
  checker.add(reference(1, 1));
  EXPECT_TRUE(checker.add(key(50)));
  EXPECT_TRUE(checker.add(reference(51, 1)));
  EXPECT_TRUE(checker.add(key(0))) << "the clip begins anew";
  EXPECT_EQ(checker.missing_references(), 0u);
  EXPECT_EQ(checker.skipped(), 48u);
}

TEST(picture_checker, wants_a_keyframe_first) {
  picture_checker checker;
  EXPECT_FALSE(checker.add(reference(1, 1)));
  EXPECT_TRUE(checker.add(key(2)));
}

TEST(picture_checker, wraps_the_count_at_256) {
  picture_checker checker;
  checker.add(key(0));
  for (uint32_t i = 1; i < 600; ++i) ASSERT_TRUE(checker.add(reference(i, static_cast<uint8_t>(i))));
}

}  // namespace
}  // namespace campush

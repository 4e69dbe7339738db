#include "device/test/test_pattern.h"

#include <gtest/gtest.h>

#include <numeric>
#include <set>

#include "device/test/bitmap_font.h"

namespace campush {
namespace {

constexpr wall_ms some_time{1'795'192'445'123};

uint32_t mean(const raw_picture& picture, uint32_t left, uint32_t top, uint32_t width, uint32_t height) {
  uint64_t sum = 0;
  for (uint32_t y = top; y < top + height; ++y) {
    for (uint32_t x = left; x < left + width; ++x) sum += picture.planes[0][size_t{y} * picture.strides[0] + x];
  }
  return static_cast<uint32_t>(sum / (uint64_t{width} * height));
}

TEST(test_pattern, is_a_whole_yuv420_picture_of_the_size_asked_for) {
  test_pattern pattern(640, 360, "gate");
  const raw_picture& picture = pattern.draw(some_time, false);
  EXPECT_EQ(picture.shape, (picture_shape{pixel_format::yuv420, 640, 360, false}));
  EXPECT_EQ(picture.planes[0].size(), 640u * 360);
  EXPECT_EQ(picture.planes[1].size(), 320u * 180);
  EXPECT_EQ(picture.planes[2].size(), 320u * 180);
  EXPECT_EQ(picture.strides[1], 320u);
}

TEST(test_pattern, draws_sizes_at_the_edge_of_what_is_possible) {
  for (const auto& [width, height] : {std::pair<uint32_t, uint32_t>{32, 32}, {34, 8192}, {8192, 34}, {66, 50}}) {
    test_pattern pattern(width, height, std::string(200, 'W'));
    EXPECT_EQ(pattern.draw(some_time, true).planes[0].size(), size_t{width} * height);
  }
}

TEST(test_pattern, flashes_in_the_upper_right_corner_alone) {
  test_pattern pattern(640, 360, "gate");
  const auto corner = [](const raw_picture& picture) { return mean(picture, 570, 10, 60, 70); };
  const uint32_t left_before = mean(pattern.draw(some_time, false), 0, 0, 560, 90);
  EXPECT_LT(corner(pattern.draw(some_time, false)), 40u);
  EXPECT_GT(corner(pattern.draw(some_time, true)), 200u);
  EXPECT_EQ(mean(pattern.draw(some_time, true), 0, 0, 560, 90), left_before);
  EXPECT_LT(corner(pattern.draw(some_time, false)), 40u);
}

TEST(test_pattern, looks_the_same_whatever_was_drawn_before) {
  test_pattern used(320, 180, "gate"), fresh(320, 180, "gate");
  for (int i = 0; i < 50; ++i) used.draw(some_time - wall_ms(9'137 * i), i % 2 == 0);
  const std::vector<uint8_t> expected = fresh.draw(some_time, false).planes[0].to_vector();
  EXPECT_EQ(used.draw(some_time, false).planes[0].to_vector(), expected);
}

TEST(test_pattern, moves_between_two_pictures) {
  test_pattern pattern(320, 180, "gate");
  const auto row = [](const raw_picture& picture) { return picture.planes[0].subview(320 * 120, 320).to_vector(); };
  const auto before = row(pattern.draw(some_time, false));
  EXPECT_NE(before, row(pattern.draw(some_time + wall_ms(40), false)));
}

TEST(test_pattern, writes_the_wall_clock_with_milliseconds_in_utc) {
  EXPECT_EQ(wall_text(wall_ms(0)), "1970-01-01 00:00:00.000Z");
  EXPECT_EQ(wall_text(some_time), "2026-11-20 16:34:05.123Z");
}

TEST(bitmap_font, has_a_letter_of_its_own_for_all_that_times_and_names_use) {
  const std::string letters = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ-_:./+()# ";
  std::set<glyph> shapes;
  for (const char letter : letters) shapes.insert(glyph_of(letter));
  EXPECT_EQ(shapes.size(), letters.size());
  EXPECT_EQ(glyph_of('g'), glyph_of('G'));
  EXPECT_EQ(shapes.count(glyph_of('\x80')), 0u) << "the sign for what has none is no letter";
}

}  // namespace
}  // namespace campush

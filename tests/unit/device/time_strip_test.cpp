#include "device/test/time_strip.h"

#include <gtest/gtest.h>

#include "device/test/test_pattern.h"

namespace campush {
namespace {

TEST(time_strip, survives_being_drawn_in_pictures_of_many_sizes) {
  struct row {
    const char* name;
    uint32_t width, height;
  };
  constexpr row rows[] = {{"full HD", 1920, 1080}, {"sub stream", 320, 180}, {"portrait", 360, 640}, {"odd", 642, 366},
                          {"4K", 3840, 2160},      {"thumbnail", 160, 90},   {"wide", 1280, 96}};
  for (const row& each : rows) {
    SCOPED_TRACE(each.name);
    test_pattern pattern(each.width, each.height, "gate main");
    for (const int64_t ms : {int64_t{0}, int64_t{1}, int64_t{1'795'192'445'123}, (int64_t{1} << 48) - 1}) {
      const raw_picture& picture = pattern.draw(wall_ms(ms), false);
      EXPECT_EQ(read_time_strip(picture.planes[0], picture.strides[0], each.width, each.height), wall_ms(ms));
    }
  }
}

TEST(time_strip, says_nothing_where_a_bit_is_wrong) {
  const uint64_t good = strip_bits_of(wall_ms(1'795'192'445'123));
  EXPECT_EQ(time_of_strip_bits(good), wall_ms(1'795'192'445'123));
  for (int bit = 0; bit < 64; ++bit) EXPECT_EQ(time_of_strip_bits(good ^ uint64_t{1} << bit), std::nullopt) << bit;
}

TEST(time_strip, has_the_checksum_that_the_documentation_names) {
  // CRC-16/CCITT-FALSE of the six bytes, by another implementation.
  EXPECT_EQ(strip_bits_of(wall_ms(0)), 0x0e10u);
  EXPECT_EQ(strip_bits_of(wall_ms(1)), 0x1'1e31u);
  EXPECT_EQ(strip_bits_of(wall_ms(0x0102'0304'0506)) >> 16, 0x0102'0304'0506u);
}

TEST(time_strip, is_not_found_in_a_picture_without_one_or_without_bytes) {
  const std::vector<uint8_t> grey(320 * 180, 90);
  EXPECT_EQ(read_time_strip(grey, 320, 320, 180), std::nullopt);
  EXPECT_EQ(read_time_strip(byte_view(grey).subview(0, 100), 320, 320, 180), std::nullopt);
  EXPECT_EQ(read_time_strip({}, 0, 0, 0), std::nullopt);
}

}  // namespace
}  // namespace campush

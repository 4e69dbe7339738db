#include "media/bit_reader.h"

#include <gtest/gtest.h>

#include "fakes/wire_text.h"
#include "unit/media/nal_builder.h"

namespace campush {
namespace {

TEST(bit_reader, reads_fields_across_byte_borders) {
  const auto bytes = wire("a5 0f ff 00 ff");
  bit_reader reader(bytes);
  EXPECT_EQ(reader.read_bits(3), 5u);
  EXPECT_EQ(reader.read_bits(9), 0x50u);
  EXPECT_EQ(reader.read_bits(0), 0u);
  EXPECT_EQ(reader.read_bits(28), 0xfff00ffu);
  EXPECT_FALSE(reader.failed());
  EXPECT_FALSE(reader.read_flag());
  EXPECT_TRUE(reader.failed());
}

TEST(bit_reader, removes_emulation_prevention_only_where_asked) {
  const auto bytes = wire("00 00 03 01 00 00 03 00 00 03 02 00 00 03");
  bit_reader removed(bytes);
  EXPECT_EQ(removed.read_bits(24), 1u);
  EXPECT_EQ(removed.read_bits(32), 0u);
  EXPECT_EQ(removed.read_bits(8), 2u);
  EXPECT_EQ(removed.read_bits(16), 0u);
  EXPECT_FALSE(removed.failed());
  EXPECT_EQ(removed.read_bits(8), 0u);
  EXPECT_TRUE(removed.failed());
  bit_reader kept(bytes, emulation_bytes::kept);
  EXPECT_EQ(kept.read_bits(32), 0x00000301u);
}

TEST(bit_reader, reads_what_exp_golomb_codes_say) {
  const uint32_t unsigned_values[] = {0, 1, 2, 3, 7, 8, 254, 255, 65535, 0x7fffffff, 0xfffffffe};
  const int32_t signed_values[] = {0, 1, -1, 2, -2, 127, -128, 65535, -65536, INT32_MAX, -INT32_MAX};
  nal_builder nal({});
  for (const uint32_t value : unsigned_values) nal.ue(value);
  for (const int32_t value : signed_values) nal.se(value);
  const auto bytes = nal.unit();
  bit_reader reader(bytes);
  for (const uint32_t value : unsigned_values) EXPECT_EQ(reader.read_ue(), value);
  for (const int32_t value : signed_values) EXPECT_EQ(reader.read_se(), value);
  EXPECT_FALSE(reader.failed());
}

TEST(bit_reader, keeps_its_first_failure) {
  const auto five = nal_builder({}).ue(5).bits(0xff, 8).unit();
  bit_reader over_limit(five);
  EXPECT_EQ(over_limit.read_ue(4), 0u);
  EXPECT_EQ(over_limit.read_bits(8), 0u);
  EXPECT_EQ(over_limit.status("x").error().code, error_code::malformed);

  const auto endless = wire("00 00 00 00 00 00 00 00 ff");
  bit_reader no_code(endless, emulation_bytes::kept);
  EXPECT_EQ(no_code.read_ue(), 0u);
  EXPECT_EQ(no_code.status("x").error().code, error_code::malformed);

  const auto too_long = wire("00 00 00 00 80 00 00 00 00");
  bit_reader of_33_bits(too_long, emulation_bytes::kept);
  EXPECT_EQ(of_33_bits.read_ue(), 0u);
  EXPECT_TRUE(of_33_bits.failed());

  bit_reader empty(byte_view{});
  empty.skip_bits(1);
  EXPECT_EQ(empty.read_se(), 0);
  EXPECT_EQ(empty.status("the set").error().code, error_code::truncated);
  EXPECT_EQ(empty.status("the set").error().message, "the set ends early");
}

}  // namespace
}  // namespace campush

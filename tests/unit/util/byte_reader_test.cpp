#include "util/byte_reader.h"

#include <gtest/gtest.h>

#include "util/byte_writer.h"

namespace campush {
namespace {

TEST(byte_reader, reads_back_what_byte_writer_wrote) {
  std::vector<uint8_t> bytes;
  byte_writer writer(bytes);
  writer.write_u8(0xfe);
  writer.write_u16(0x0102);
  writer.write_u24(0xa0b0c0);
  writer.write_u32(0xdeadbeef);
  writer.write_u64(0x0102030405060708);
  writer.write_u32_le(0x01020304);
  writer.write_f64(-30.25);
  writer.write_bytes(byte_view::of_text("tail"));
  EXPECT_EQ(writer.size(), 34U);

  byte_reader reader(bytes);
  EXPECT_EQ(reader.read_u8(), 0xfe);
  EXPECT_EQ(reader.read_u16(), 0x0102);
  EXPECT_EQ(reader.read_u24(), 0xa0b0c0U);
  EXPECT_EQ(reader.read_u32(), 0xdeadbeefU);
  EXPECT_EQ(reader.read_u64(), 0x0102030405060708U);
  EXPECT_EQ(reader.read_u32_le(), 0x01020304U);
  EXPECT_EQ(reader.read_f64(), -30.25);
  EXPECT_EQ(reader.remaining(), 4U);
  EXPECT_EQ(reader.read_bytes(4).as_text(), "tail");
  EXPECT_FALSE(reader.failed());
}

TEST(byte_reader, puts_the_highest_byte_first) {
  const uint8_t bytes[] = {1, 2, 3, 4};
  EXPECT_EQ(byte_reader(bytes).read_u32(), 0x01020304U);
  EXPECT_EQ(byte_reader(bytes).read_u32_le(), 0x04030201U);
}

TEST(byte_reader, fails_for_good_and_consumes_the_rest_when_a_field_is_cut) {
  const uint8_t bytes[] = {1, 2, 3};
  byte_reader reader(bytes);
  EXPECT_EQ(reader.read_u8(), 1);
  EXPECT_EQ(reader.read_u32(), 0U);
  EXPECT_TRUE(reader.failed());
  EXPECT_EQ(reader.remaining(), 0U);
  EXPECT_EQ(reader.read_u8(), 0) << "what was left must not be read as another field";
  EXPECT_TRUE(reader.rest().empty());
  EXPECT_TRUE(reader.failed());
}

TEST(byte_reader, refuses_a_count_larger_than_any_buffer) {
  const uint8_t bytes[] = {1, 2, 3};
  byte_reader reader(bytes);
  reader.skip(1);
  EXPECT_TRUE(reader.read_bytes(SIZE_MAX).empty());
  EXPECT_TRUE(reader.failed());
}

TEST(byte_reader, reads_nothing_from_nothing_without_failing) {
  byte_reader reader({});
  EXPECT_TRUE(reader.read_bytes(0).empty());
  reader.skip(0);
  EXPECT_FALSE(reader.failed());
}

TEST(byte_view, clamps_a_part_to_what_there_is) {
  const uint8_t bytes[] = {1, 2, 3};
  const byte_view view(bytes);
  EXPECT_EQ(view.subview(1).size(), 2U);
  EXPECT_EQ(view.subview(1, 1)[0], 2);
  EXPECT_TRUE(view.subview(4).empty());
  EXPECT_TRUE(view.subview(3, SIZE_MAX).empty());
}

TEST(byte_view, compares_by_content) {
  const uint8_t left[] = {1, 2};
  const uint8_t right[] = {1, 2, 3};
  EXPECT_EQ(byte_view(left), byte_view(right, 2));
  EXPECT_NE(byte_view(left), byte_view(right));
  EXPECT_EQ(byte_view(), byte_view(left, 0));
}

}  // namespace
}  // namespace campush

#include <gtest/gtest.h>

#include "fakes/allocation_count.h"
#include "media/codec_config.h"
#include "unit/media/nal_builder.h"

namespace campush {
namespace {

TEST(codec_config, allocates_nothing_for_repeated_sets_and_keyframes) {
  const h264_sps_fields sps_fields;
  h264_slice_fields slice;
  slice.is_idr = true;
  slice.slice_type = 7;
  const auto access_unit = annexb_of({sps_fields.unit(), h264_pps_unit(), slice.unit(sps_fields)});
  codec_config config(codec_id::h264);
  const auto feed = [&] {
    annexb_cursor cursor(access_unit);
    for (nal_unit unit; cursor.next(unit);) config.feed(unit);
  };
  feed();
  ASSERT_TRUE(config.is_complete());
  const uint64_t before = allocation_count();
  for (int i = 0; i < 100; ++i) {
    feed();
    EXPECT_TRUE(inspect_access_unit(codec_id::h264, access_unit).is_keyframe);
  }
  EXPECT_EQ(allocation_count(), before);
  EXPECT_EQ(config.version(), 1u);
}

TEST(access_unit_splitter, allocates_nothing_once_its_buffers_have_grown) {
  const h264_sps_fields sps_fields;
  h264_slice_fields slice;
  slice.is_idr = true;
  const auto picture = annexb_of({slice.unit(sps_fields)});
  access_unit_splitter splitter(codec_id::h264);
  byte_view unit;
  for (int i = 0; i < 10; ++i) {
    ASSERT_TRUE(splitter.append(picture));
    splitter.next(unit);
  }
  const uint64_t before = allocation_count();
  for (int i = 0; i < 100; ++i) {
    if (!splitter.append(picture) || !splitter.next(unit)) FAIL();
  }
  EXPECT_EQ(allocation_count(), before);
}

}  // namespace
}  // namespace campush

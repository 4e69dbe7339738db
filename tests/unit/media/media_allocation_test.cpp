#include <gtest/gtest.h>

#include <cstdlib>
#include <new>

#include "media/codec_config.h"
#include "unit/media/nal_builder.h"

namespace {
size_t allocations = 0;
}

// Not inlined: g++ takes malloc and free for a mismatch with new and delete when it sees one of them alone.
[[gnu::noinline]] void* operator new(size_t size) {
  ++allocations;
  if (void* memory = std::malloc(size)) return memory;
  throw std::bad_alloc();
}
[[gnu::noinline]] void operator delete(void* memory) noexcept {
  std::free(memory);
}
[[gnu::noinline]] void operator delete(void* memory, size_t) noexcept {
  std::free(memory);
}

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
  const size_t before = allocations;
  for (int i = 0; i < 100; ++i) {
    feed();
    EXPECT_TRUE(inspect_access_unit(codec_id::h264, access_unit).is_keyframe);
  }
  EXPECT_EQ(allocations, before);
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
  const size_t before = allocations;
  for (int i = 0; i < 100; ++i) {
    if (!splitter.append(picture) || !splitter.next(unit)) FAIL();
  }
  EXPECT_EQ(allocations, before);
}

}  // namespace
}  // namespace campush

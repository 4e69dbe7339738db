#include "device/vendor/hal_unit.h"

#include <gtest/gtest.h>

#include <functional>

namespace campush {

namespace {

constexpr uint32_t video = CAMPUSH_HAL_H264 | CAMPUSH_HAL_H265;

struct unit_fixture {
  std::vector<uint8_t> bytes = {1, 2, 3, 4, 5, 6};
  std::vector<campush_hal_part> parts = {{bytes.data(), 6}};
  campush_hal_unit unit{};
  std::vector<uint8_t> joined;
  checked_unit out;

  unit_fixture() {
    unit.size = sizeof unit;
    unit.codec = CAMPUSH_HAL_H264;
    unit.pts_us = 500;
    unit.dts_us = 300;
    unit.sequence = 9;
  }
  const char* check() {
    if (unit.parts == nullptr) {
      unit.parts = parts.data();
      unit.part_count = static_cast<uint32_t>(parts.size());
    }
    return check_unit(unit, video, joined, out);
  }
};

TEST(hal_unit, points_into_the_plug_ins_memory) {
  unit_fixture fixture;
  ASSERT_EQ(fixture.check(), nullptr);
  EXPECT_EQ(fixture.out.payload.data(), fixture.bytes.data());
  EXPECT_EQ(fixture.out.payload.size(), 6u);
  EXPECT_EQ(fixture.out.codec, codec_id::h264);
  EXPECT_EQ(fixture.out.dts_us, 500) << "it says that it has none of its own";
  EXPECT_EQ(fixture.out.sequence, 9u);
}

TEST(hal_unit, takes_a_dts_that_is_announced) {
  unit_fixture fixture;
  fixture.unit.flags = CAMPUSH_HAL_HAS_DTS;
  ASSERT_EQ(fixture.check(), nullptr);
  EXPECT_EQ(fixture.out.dts_us, 300);
}

TEST(hal_unit, copies_nothing_of_parts_that_follow_each_other) {
  unit_fixture fixture;
  fixture.parts = {{fixture.bytes.data(), 2}, {fixture.bytes.data() + 2, 0}, {fixture.bytes.data() + 2, 4}};
  ASSERT_EQ(fixture.check(), nullptr);
  EXPECT_EQ(fixture.out.payload.data(), fixture.bytes.data());
  EXPECT_EQ(fixture.out.payload.size(), 6u);
}

TEST(hal_unit, joins_the_two_ends_of_a_ring) {
  unit_fixture fixture;
  fixture.parts = {{fixture.bytes.data() + 4, 2}, {nullptr, 0}, {fixture.bytes.data(), 2}};
  ASSERT_EQ(fixture.check(), nullptr);
  EXPECT_EQ(fixture.out.payload.to_vector(), (std::vector<uint8_t>{5, 6, 1, 2}));
}

struct fault_case {
  const char* name;
  std::function<void(unit_fixture&)> break_it;
  const char* text;
};
class hal_unit_fault : public testing::TestWithParam<fault_case> {};

TEST_P(hal_unit_fault, is_told_without_a_look_at_the_bytes) {
  unit_fixture fixture;
  GetParam().break_it(fixture);
  const char* const fault = fixture.check();
  ASSERT_NE(fault, nullptr);
  EXPECT_STREQ(fault, GetParam().text);
}

INSTANTIATE_TEST_SUITE_P(
    all, hal_unit_fault,
    testing::Values(
        fault_case{"size_0", [](unit_fixture& f) { f.unit.size = 0; }, "its size field is wrong"},
        fault_case{"size_beyond", [](unit_fixture& f) { f.unit.size = 4096; }, "its size field is wrong"},
        fault_case{"codec_0", [](unit_fixture& f) { f.unit.codec = 0; }, "its codec is none of the interface"},
        fault_case{"two_codecs", [](unit_fixture& f) { f.unit.codec = 3; }, "its codec is none of the interface"},
        fault_case{"sound", [](unit_fixture& f) { f.unit.codec = CAMPUSH_HAL_AAC; },
                   "its codec is not one of this channel"},
        fault_case{"no_parts", [](unit_fixture& f) { f.unit.parts = f.parts.data(); }, "it has no parts"},
        fault_case{"too_many", [](unit_fixture& f) { f.parts.resize(65); }, "it has more than 64 parts"},
        fault_case{"null_part", [](unit_fixture& f) { f.parts[0].data = nullptr; }, "a part is null"},
        fault_case{"endless", [](unit_fixture& f) { f.parts[0].bytes = SIZE_MAX; }, "a part is larger than 8 MiB"},
        fault_case{"large",
                   [](unit_fixture& f) {
                     f.parts.assign(2, {f.bytes.data(), 5u << 20});
                   },
                   "it is larger than 8 MiB"},
        fault_case{"empty", [](unit_fixture& f) { f.parts[0].bytes = 0; }, "it is empty"}),
    [](const auto& each) { return each.param.name; });

TEST(hal_text, ends_where_its_array_does_and_shows_no_control_bytes) {
  const char endless[4] = {'a', '\x1b', 'c', '\n'};
  EXPECT_EQ(hal_text(endless, sizeof endless), "a?c?");
  EXPECT_EQ(hal_text("ab\0cd", 5), "ab");
}

TEST(guarded, sees_a_write_past_the_end) {
  guarded<campush_hal_unit> guard;
  EXPECT_FALSE(guard.is_overrun());
  guard.guard[0] = 0;
  EXPECT_TRUE(guard.is_overrun());
  guard.reset();
  EXPECT_FALSE(guard.is_overrun());
}

}  // namespace

}  // namespace campush

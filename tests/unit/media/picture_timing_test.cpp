#include "media/picture_timing.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <iterator>

#include "media/bit_reader.h"
#include "unit/media/nal_builder.h"

namespace campush {
namespace {

using bytes = std::vector<uint8_t>;
using compositions = std::vector<int64_t>;

std::vector<bytes> access_units_of(codec_id codec, const bytes& stream) {
  std::vector<bytes> units;
  access_unit_splitter splitter(codec);
  EXPECT_TRUE(splitter.append(stream));
  splitter.finish();
  for (byte_view unit; splitter.next(unit);) units.push_back(unit.to_vector());
  return units;
}

struct clip {
  const char* name;
  codec_id codec;
  uint32_t delay;

  std::vector<bytes> access_units() const {
    std::ifstream file(std::string(CAMPUSH_TEST_DATA "/media/") + name + ".bin", std::ios::binary);
    const bytes stream((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
    return access_units_of(codec, stream);
  }
  compositions expected() const {
    std::ifstream file(std::string(CAMPUSH_TEST_DATA "/media/") + name + ".txt");
    return compositions(std::istream_iterator<int64_t>(file), {});
  }
};

const clip clips[] = {
    {"h264_no_b", codec_id::h264, 0},     {"h264_pyramid", codec_id::h264, 2},    {"h264_adaptive", codec_id::h264, 1},
    {"h264_open_gop", codec_id::h264, 2}, {"h264_interlaced", codec_id::h264, 2}, {"h265_no_b", codec_id::h265, 0},
    {"h265_b4", codec_id::h265, 2},       {"h265_open_gop", codec_id::h265, 2},   {"h265_radl", codec_id::h265, 2},
};

compositions time(picture_timing& timing, const std::vector<bytes>& units) {
  compositions out;
  for (const bytes& unit : units) {
    const auto times = timing.next(unit);
    if (times) out.push_back(times->composition);
  }
  return out;
}

TEST(picture_timing, agrees_with_ffprobe) {
  for (const clip& c : clips) {
    SCOPED_TRACE(c.name);
    const auto units = c.access_units();
    ASSERT_EQ(units.size(), 64u);
    picture_timing timing(c.codec);
    for (const bytes& unit : units) timing.learn(unit);
    EXPECT_TRUE(timing.has_learned());
    EXPECT_EQ(time(timing, units), c.expected());
    EXPECT_EQ(timing.delay(), c.delay);
  }
}

TEST(picture_timing, agrees_with_ffprobe_without_learning) {
  for (const clip& c : clips) {
    // Leading pictures of an IDR cannot be foreseen without having seen one.
    if (std::string(c.name) == "h265_radl") continue;
    SCOPED_TRACE(c.name);
    picture_timing timing(c.codec);
    EXPECT_EQ(time(timing, c.access_units()), c.expected());
  }
}

TEST(picture_timing, goes_on_when_the_clip_begins_again) {
  for (const clip& c : clips) {
    SCOPED_TRACE(c.name);
    const auto units = c.access_units();
    picture_timing timing(c.codec);
    for (const bytes& unit : units) timing.learn(unit);
    for (int pass = 0; pass < 3; ++pass) {
      timing.start_over();
      EXPECT_EQ(time(timing, units), c.expected());
    }
    EXPECT_EQ(timing.next(units[0])->decode_index, 3 * units.size());
  }
}

/// Presentation times in frame periods, sorted.
std::vector<int64_t> shown_at(picture_timing& timing, const std::vector<bytes>& units) {
  std::vector<int64_t> shown;
  for (const bytes& unit : units) {
    const auto times = timing.next(unit);
    if (times) shown.push_back(static_cast<int64_t>(times->decode_index) + times->composition);
  }
  std::sort(shown.begin(), shown.end());
  return shown;
}

/// Whether the one slice is intra in H.264, an IRAP picture in H.265.
bool is_intra(codec_id codec, byte_view access_unit) {
  if (codec == codec_id::h265) return inspect_access_unit(codec, access_unit).is_keyframe;
  bit_reader reader(access_unit.subview(5));
  reader.read_ue();
  return reader.read_ue() % 5 == 2;
}

TEST(picture_timing, shows_one_picture_a_period_in_a_clip_cut_inside_an_open_gop) {
  for (const clip& c : clips) {
    if (std::string(c.name).find("open_gop") == std::string::npos) continue;
    SCOPED_TRACE(c.name);
    const auto whole = c.access_units();
    size_t cut = 1;
    while (cut < whole.size() && !is_intra(c.codec, whole[cut])) ++cut;
    ASSERT_LT(cut, whole.size() - 8);
    std::vector<bytes> units(whole.begin() + static_cast<ptrdiff_t>(cut), whole.end());
    // The sets of the clip stand before its first picture, which has a start code and 24 bytes.
    units[0].insert(units[0].begin(), whole[0].begin(), whole[0].end() - 28);
    picture_timing timing(c.codec);
    for (const bytes& unit : units) timing.learn(unit);
    const auto shown = shown_at(timing, units);
    for (size_t i = 1; i + 4 < shown.size(); ++i) EXPECT_EQ(shown[i], shown[i - 1] + 1) << i;
    EXPECT_EQ(timing.delay(), 2u);
  }
}

/// One group of pictures I P b B b …, `step` counts a frame.
std::vector<bytes> pyramid(const h264_sps_fields& fields, int groups, uint32_t step) {
  const auto slice = [&](uint32_t frame, bool is_reference, bool is_idr) {
    h264_slice_fields s;
    s.is_idr = is_idr;
    s.is_reference = is_reference;
    s.slice_type = is_idr ? 7 : is_reference ? 5 : 6;
    s.poc_lsb = frame * step & ((1u << fields.log2_max_poc_lsb) - 1);
    return s.unit(fields);
  };
  std::vector<bytes> units{annexb_of({fields.unit(), h264_pps_unit(), slice(0, true, true)})};
  for (uint32_t group = 0; group < static_cast<uint32_t>(groups); ++group) {
    const uint32_t base = group * 4;
    units.push_back(annexb_of({slice(base + 4, true, false)}));
    units.push_back(annexb_of({slice(base + 2, true, false)}));
    units.push_back(annexb_of({slice(base + 1, false, false)}));
    units.push_back(annexb_of({slice(base + 3, false, false)}));
  }
  return units;
}

TEST(picture_timing, learns_the_step_of_the_count_and_the_delay) {
  for (const uint32_t step : {1u, 2u, 4u}) {
    SCOPED_TRACE(step);
    h264_sps_fields fields;
    const auto units = pyramid(fields, 20, step);
    picture_timing timing(codec_id::h264);
    for (const bytes& unit : units) timing.learn(unit);
    const compositions times = time(timing, units);
    ASSERT_EQ(times.size(), 81u);
    EXPECT_EQ(times[0], 2);
    for (size_t i = 1; i < times.size(); ++i) EXPECT_EQ(times[i], (compositions{5, 2, 0, 1})[(i - 1) % 4]) << i;
  }
}

TEST(picture_timing, finds_a_small_step_while_playing) {
  h264_sps_fields fields;
  const auto units = pyramid(fields, 20, 1);
  picture_timing timing(codec_id::h264);
  const compositions times = time(timing, units);
  ASSERT_EQ(times.size(), 81u);
  for (size_t i = 40; i < times.size(); ++i) {
    EXPECT_EQ(times[i] - timing.delay(), (compositions{3, 0, -2, -1})[(i - 1) % 4]) << i;
  }
}

TEST(picture_timing, adds_no_delay_for_a_dpb_bound_that_nobody_uses) {
  h264_sps_fields fields;
  std::vector<bytes> units{annexb_of({fields.unit(), h264_pps_unit(), h264_slice_fields{true}.unit(fields)})};
  for (uint32_t i = 1; i < 100; ++i) {
    h264_slice_fields slice;
    slice.poc_lsb = 2 * i & 255;
    units.push_back(annexb_of({slice.unit(fields)}));
  }
  picture_timing timing(codec_id::h264);
  for (const bytes& unit : units) timing.learn(unit);
  EXPECT_EQ(time(timing, units), compositions(100, 0));
}

TEST(picture_timing, never_shows_a_picture_before_its_decoding_time) {
  // The VUI promises no reordering; the stream does it all the same.
  h264_sps_fields fields;
  fields.has_vui = true;
  fields.reorder = 0;
  const auto units = pyramid(fields, 10, 2);
  picture_timing timing(codec_id::h264);
  const compositions times = time(timing, units);
  EXPECT_EQ(timing.delay(), 2u);
  EXPECT_EQ(compositions(times.end() - 4, times.end()), (compositions{5, 2, 0, 1}));
}

TEST(picture_timing, catches_up_when_pictures_were_lost) {
  h264_sps_fields fields;
  fields.log2_max_poc_lsb = 16;
  auto units = pyramid(fields, 100, 2);
  units.erase(units.begin() + 41, units.begin() + 241);
  picture_timing timing(codec_id::h264);
  for (const bytes& unit : units) timing.learn(unit);
  for (const bytes& unit : units) {
    const auto times = timing.next(unit);
    ASSERT_TRUE(times);
    EXPECT_LE(times->composition, 48u);
  }
}

TEST(picture_timing, takes_unreadable_pictures_in_order_and_skips_units_without_one) {
  picture_timing timing(codec_id::h264);
  EXPECT_FALSE(timing.next({}));
  EXPECT_FALSE(timing.next(annexb_of({h264_sps_fields{}.unit()})));
  for (uint64_t i = 0; i < 3; ++i) {
    const auto times = timing.next(annexb_of({{0x41}}));
    ASSERT_TRUE(times);
    EXPECT_EQ(times->decode_index, i);
    EXPECT_EQ(times->composition, 0u);
  }
}

}  // namespace
}  // namespace campush

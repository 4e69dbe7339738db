#include <gtest/gtest.h>

#include "media/codec_config.h"
#include "unit/media/nal_builder.h"

namespace campush {
namespace {

using bytes = std::vector<uint8_t>;

/// Feeds slices of one H.264 stream and tells the order of each.
class h264_stream {
 public:
  explicit h264_stream(const h264_sps_fields& fields) : m_fields(fields) {
    m_pending = {fields.unit(), h264_pps_unit()};
  }
  int64_t order_of(const h264_slice_fields& slice) {
    std::vector<bytes> units = m_pending;
    units.push_back(slice.unit(m_fields));
    m_pending.clear();
    const auto position = m_order.order_of(annexb_of(units));
    EXPECT_TRUE(position);
    if (!position) return INT64_MIN;
    m_did_start = position->starts_sequence;
    return position->order;
  }
  bool did_start() const { return m_did_start; }

 private:
  h264_sps_fields m_fields;
  picture_order m_order{codec_id::h264};
  std::vector<bytes> m_pending;
  bool m_did_start = false;
};

h264_slice_fields idr() {
  h264_slice_fields slice;
  slice.is_idr = true;
  slice.slice_type = 7;
  return slice;
}
h264_slice_fields picture(uint32_t poc_lsb, bool is_reference = true, uint32_t frame_num = 1) {
  h264_slice_fields slice;
  slice.poc_lsb = poc_lsb;
  slice.is_reference = is_reference;
  slice.slice_type = is_reference ? 5 : 6;
  slice.frame_num = frame_num;
  return slice;
}

TEST(picture_order, counts_type_0_over_the_wrap_of_its_low_bits) {
  h264_sps_fields fields;
  fields.log2_max_poc_lsb = 4;
  h264_stream stream(fields);
  EXPECT_EQ(stream.order_of(idr()), 0);
  EXPECT_TRUE(stream.did_start());
  const int64_t orders[] = {6, 2, 4, 12, 8, 10, 18, 14, 16, 24, 20, 22, 30, 26, 28, 36, 32, 34};
  int at = 0;
  for (const int64_t order : orders) {
    EXPECT_EQ(stream.order_of(picture(static_cast<uint32_t>(order & 15), at++ % 3 == 0)), order);
    EXPECT_FALSE(stream.did_start());
  }
  EXPECT_EQ(stream.order_of(idr()), 0);
  EXPECT_TRUE(stream.did_start());
}

TEST(picture_order, extends_counts_from_the_last_picture_that_others_refer_to) {
  h264_stream stream(h264_sps_fields{});
  EXPECT_EQ(stream.order_of(idr()), 0);
  EXPECT_EQ(stream.order_of(picture(100)), 100);
  EXPECT_EQ(stream.order_of(picture(220, false)), 220);
  EXPECT_EQ(stream.order_of(picture(20, false)), 20) << "seen from 100, not from 220";
}

TEST(picture_order, takes_the_earlier_field_of_a_frame) {
  const h264_sps_fields fields;
  h264_slice_fields first = idr(), second = picture(8);
  first.has_bottom = second.has_bottom = true;
  second.delta_poc_bottom = -1;
  picture_order order(codec_id::h264);
  ASSERT_TRUE(order.order_of(annexb_of({fields.unit(), h264_pps_unit(0, 0, true), first.unit(fields)})));
  EXPECT_EQ(order.order_of(annexb_of({second.unit(fields)}))->order, 7);
}

TEST(picture_order, takes_operation_5_for_a_new_beginning) {
  h264_stream stream(h264_sps_fields{});
  EXPECT_EQ(stream.order_of(idr()), 0);
  EXPECT_EQ(stream.order_of(picture(4)), 4);
  h264_slice_fields reset = picture(200);
  reset.has_operation_5 = true;
  EXPECT_EQ(stream.order_of(reset), 0);
  EXPECT_TRUE(stream.did_start());
  EXPECT_EQ(stream.order_of(picture(4)), 4);
  EXPECT_FALSE(stream.did_start());
  EXPECT_EQ(stream.order_of(picture(2, false)), 2);
}

TEST(picture_order, counts_type_1_by_frame_numbers_and_offsets) {
  h264_sps_fields fields;
  fields.poc_type = 1;
  fields.offset_for_non_ref_pic = -4;
  fields.offset_for_ref_frame = {6, 6};
  h264_stream stream(fields);
  EXPECT_EQ(stream.order_of(idr()), 0);
  int64_t expected = 0;
  // 4 bits of frame_num wrap at 16.
  for (uint32_t frame = 1; frame < 40; ++frame) {
    expected += 6;
    EXPECT_EQ(stream.order_of(picture(0, true, frame % 16)), expected);
    h264_slice_fields between = picture(0, false, (frame + 1) % 16);
    EXPECT_EQ(stream.order_of(between), expected - 4);
    between.delta_poc = 2;
    EXPECT_EQ(stream.order_of(between), expected - 2);
  }
}

TEST(picture_order, gives_type_2_in_decoding_order) {
  h264_sps_fields fields;
  fields.poc_type = 2;
  h264_stream stream(fields);
  EXPECT_EQ(stream.order_of(idr()), 0);
  EXPECT_EQ(stream.order_of(picture(0, true, 1)), 2);
  EXPECT_EQ(stream.order_of(picture(0, false, 2)), 4);
  EXPECT_EQ(stream.order_of(picture(0, true, 2)), 6);
  EXPECT_EQ(stream.order_of(idr()), 0);
}

TEST(picture_order, counts_from_the_first_picture_when_the_stream_begins_without_an_idr) {
  h264_stream stream(h264_sps_fields{});
  EXPECT_EQ(stream.order_of(picture(100)), 0);
  EXPECT_TRUE(stream.did_start());
  EXPECT_EQ(stream.order_of(picture(96, false)), -4);
  EXPECT_EQ(stream.order_of(picture(108)), 8);
}

TEST(picture_order, reads_frames_of_interlaced_streams) {
  h264_sps_fields fields;
  fields.has_frame_mbs_only = false;
  h264_stream stream(fields);
  EXPECT_EQ(stream.order_of(idr()), 0);
  EXPECT_EQ(stream.order_of(picture(6)), 6);
  EXPECT_EQ(stream.order_of(picture(2, false)), 2);
}

/// Feeds slices of one H.265 stream and tells the order of each.
class h265_stream {
 public:
  h265_stream() { m_fields.log2_max_poc_lsb = 4; }
  int64_t order_of(uint8_t type, uint32_t poc, uint8_t temporal_id = 0, std::vector<bytes> behind = {}) {
    h265_slice_fields slice;
    slice.type = type;
    slice.temporal_id = temporal_id;
    slice.poc_lsb = poc & 15;
    std::vector<bytes> units{h265_vps_unit(), m_fields.unit(), h265_pps_unit(), slice.unit(m_fields)};
    units.insert(units.end(), behind.begin(), behind.end());
    const auto position = m_order.order_of(annexb_of(units));
    EXPECT_TRUE(position);
    if (!position) return INT64_MIN;
    m_did_start = position->starts_sequence;
    return position->order;
  }
  bool did_start() const { return m_did_start; }
  picture_order& order() { return m_order; }

 private:
  h265_sps_fields m_fields;
  picture_order m_order{codec_id::h265};
  bool m_did_start = false;
};

constexpr uint8_t trail_n = 0, trail_r = 1, rasl_n = 8;

TEST(picture_order, counts_h265_over_the_wrap_of_its_low_bits) {
  h265_stream stream;
  EXPECT_EQ(stream.order_of(h265_nal::idr_w_radl, 0), 0);
  for (int64_t anchor = 5; anchor < 60; anchor += 5) {
    EXPECT_EQ(stream.order_of(trail_r, static_cast<uint32_t>(anchor)), anchor);
    EXPECT_EQ(stream.order_of(trail_n, static_cast<uint32_t>(anchor - 2)), anchor - 2);
    EXPECT_EQ(stream.order_of(trail_r, static_cast<uint32_t>(anchor - 1), 1), anchor - 1);
  }
}

TEST(picture_order, extends_h265_counts_from_the_last_picture_that_all_layers_know) {
  struct anchor_case {
    const char* name;
    uint8_t type, temporal_id;
  };
  constexpr uint8_t radl_r = 7;
  for (const anchor_case& one : {anchor_case{"a higher temporal layer", trail_r, 1},
                                 {"a leading picture", radl_r, 0},
                                 {"one that nobody refers to", trail_n, 0}}) {
    SCOPED_TRACE(one.name);
    h265_stream stream;
    EXPECT_EQ(stream.order_of(h265_nal::idr_w_radl, 0), 0);
    EXPECT_EQ(stream.order_of(trail_r, 6), 6);
    EXPECT_EQ(stream.order_of(one.type, 13, one.temporal_id), 13);
    EXPECT_EQ(stream.order_of(trail_r, 2), 2) << "seen from 6, not from 13";
  }
}

TEST(picture_order, goes_on_counting_at_a_cra_inside_the_stream) {
  h265_stream stream;
  EXPECT_EQ(stream.order_of(h265_nal::idr_n_lp, 0), 0);
  EXPECT_EQ(stream.order_of(trail_r, 4), 4);
  EXPECT_EQ(stream.order_of(h265_nal::cra, 8), 8);
  EXPECT_FALSE(stream.did_start());
  EXPECT_EQ(stream.order_of(rasl_n, 6), 6);
  EXPECT_EQ(stream.order_of(trail_r, 12), 12);
}

TEST(picture_order, begins_at_a_cra_first_behind_an_end_of_sequence_and_after_starting_over) {
  h265_stream stream;
  EXPECT_EQ(stream.order_of(h265_nal::cra, 9), 0);
  EXPECT_TRUE(stream.did_start());
  EXPECT_EQ(stream.order_of(rasl_n, 7), -2);
  EXPECT_EQ(stream.order_of(trail_r, 12, 0, {{h265_nal::end_of_sequence << 1, 1}}), 3);
  EXPECT_EQ(stream.order_of(h265_nal::cra, 3), 0);
  EXPECT_TRUE(stream.did_start());
  EXPECT_EQ(stream.order_of(trail_r, 6), 3);
  stream.order().start_over();
  EXPECT_EQ(stream.order_of(h265_nal::cra, 11), 0);
  EXPECT_TRUE(stream.did_start());
  EXPECT_EQ(stream.order_of(h265_nal::bla_w_lp, 5), 0);
  EXPECT_TRUE(stream.did_start());
}

TEST(picture_order, names_what_it_cannot_read) {
  const h264_sps_fields fields;
  picture_order order(codec_id::h264);
  EXPECT_EQ(order.order_of({}).error().code, error_code::not_found);
  EXPECT_EQ(order.order_of(annexb_of({fields.unit(), {0x09, 0x10}})).error().code, error_code::not_found);
  picture_order without_sets(codec_id::h264);
  EXPECT_EQ(without_sets.order_of(annexb_of({idr().unit(fields)})).error().code, error_code::malformed);
  EXPECT_EQ(order.order_of(annexb_of({{0x65}})).error().code, error_code::truncated);
  picture_order h265_order(codec_id::h265);
  EXPECT_EQ(h265_order.order_of(annexb_of({{0x26, 1, 0xaf}})).error().code, error_code::malformed);
}

}  // namespace
}  // namespace campush

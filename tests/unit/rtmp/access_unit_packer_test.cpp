#include "rtmp/access_unit_packer.h"

#include <gtest/gtest.h>

#include "unit/media/nal_builder.h"

namespace campush {
namespace {

packed_access_unit pack(codec_config& config, const std::vector<std::vector<uint8_t>>& units, size_t room = 4096) {
  std::vector<uint8_t> out(room);
  return pack_access_unit(annexb_of(units), config, 0, out.data(), room);
}

TEST(access_unit_packer, knows_that_higher_temporal_layers_may_need_a_lower_one) {
  h265_sps_fields sps;
  sps.max_sub_layers = 2;
  codec_config config(codec_id::h265);
  ASSERT_TRUE(
      pack(config, {h265_vps_unit(), sps.unit(), h265_pps_unit(), h265_slice_fields{19}.unit(sps)}).is_keyframe);
  constexpr uint8_t trail_n = 0, trail_r = 1;
  EXPECT_FALSE(pack(config, {h265_slice_fields{trail_n, 0}.unit(sps)}).is_disposable);
  EXPECT_TRUE(pack(config, {h265_slice_fields{trail_n, 1}.unit(sps)}).is_disposable);
  EXPECT_FALSE(pack(config, {h265_slice_fields{trail_r, 1}.unit(sps)}).is_disposable);
}

TEST(access_unit_packer, says_that_the_room_is_too_small_and_stays_within_it) {
  codec_config config(codec_id::h264);
  const std::vector<std::vector<uint8_t>> units{{0x65, 0x88, 0x84}, {0x65, 0x08, 0x84}};
  EXPECT_FALSE(pack(config, units, 14).has_overflowed);
  EXPECT_EQ(14u, pack(config, units, 14).bytes);
  EXPECT_TRUE(pack(config, units, 13).has_overflowed);
  EXPECT_TRUE(pack(config, units, 0).has_overflowed);
}

TEST(access_unit_packer, has_room_enough_at_most_for_sets_that_change) {
  codec_config config(codec_id::h265);
  h265_sps_fields sps;
  pack(config, {h265_vps_unit(), sps.unit(), h265_pps_unit(), h265_slice_fields{19}.unit(sps)});
  const uint32_t sent_version = config.version();
  sps.width = 640;
  const std::vector<uint8_t> unit =
      annexb_of({sps.unit(), h265_pps_unit(), h265_pps_unit(1), h265_slice_fields{19}.unit(sps)});
  std::vector<uint8_t> out(packed_bytes_at_most(unit, config));
  const packed_access_unit packed = pack_access_unit(unit, config, sent_version, out.data(), out.size());
  EXPECT_FALSE(packed.has_overflowed);
  size_t expected = 0;
  for (const auto& put :
       {h265_vps_unit(), sps.unit(), h265_pps_unit(), h265_pps_unit(1), h265_slice_fields{19}.unit(sps)}) {
    expected += 4 + put.size();
  }
  EXPECT_EQ(expected, packed.bytes);
}

}  // namespace
}  // namespace campush

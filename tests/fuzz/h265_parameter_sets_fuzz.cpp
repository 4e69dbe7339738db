#include "parameter_sets_fuzz.h"

/// An Annex B stream, whose first two units are also taken as SPS and PPS whatever they are.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace campush;
  const byte_view stream(data, size);
  annexb_cursor cursor(stream);
  nal_unit first, second;
  if (cursor.next(first) && cursor.next(second)) {
    const auto sps = parse_h265_sps(first);
    const auto pps = parse_h265_pps(second);
    const auto record = make_hvcc(first, first, second);
    if (record && !sps) std::abort();
    for (nal_unit unit; sps && pps && cursor.next(unit);) {
      const auto slice = parse_h265_slice_header(unit, *sps, *pps);
      if (slice && !read_h265_slice_pps_id(unit)) std::abort();
    }
  }
  fuzz_video_stream(codec_id::h265, stream);
  return 0;
}

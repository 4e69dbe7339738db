#include <cstdlib>

#include "media/annexb.h"

namespace {

using namespace campush;

bool holds(byte_view outer, byte_view inner) {
  return inner.begin() >= outer.begin() && inner.end() <= outer.end() && !inner.empty();
}

void require(bool condition) {
  if (!condition) std::abort();
}

}  // namespace

/// Byte 0 picks the codec, byte 1 the size of the reads. The units that come out of the splitter are those of the whole
/// stream, wherever the reads end.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 2) return 0;
  const codec_id codec = (data[0] & 1) != 0 ? codec_id::h265 : codec_id::h264;
  const size_t step = data[1] + size_t{1};
  const byte_view stream(data + 2, size - 2);

  const size_t first = find_start_code(stream, 0);
  std::vector<nal_unit> units;
  annexb_cursor cursor(stream);
  for (nal_unit unit; cursor.next(unit);) {
    require(holds(stream, unit) && unit[unit.size() - 1] != 0);
    units.push_back(unit);
  }
  if (first == stream.size()) return 0;

  access_unit_splitter splitter(codec);
  size_t seen = 0;
  const auto compare = [&] {
    for (byte_view access_unit; splitter.next(access_unit);) {
      annexb_cursor inside(access_unit);
      for (nal_unit unit; inside.next(unit); ++seen) require(seen < units.size() && unit == units[seen]);
    }
  };
  for (size_t at = 0; at < stream.size(); at += step) {
    require(splitter.append(stream.subview(at, step)).has_value());
    compare();
  }
  splitter.finish();
  compare();
  require(seen == units.size());

  access_unit_splitter small(codec, 32);
  for (size_t at = 0; at < stream.size(); at += step) {
    if (!small.append(stream.subview(at, step))) continue;
    for (byte_view access_unit; small.next(access_unit);) require(access_unit.size() <= 32);
  }
  return 0;
}

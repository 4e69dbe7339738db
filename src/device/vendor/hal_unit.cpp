#include "device/vendor/hal_unit.h"

#include <cstddef>

namespace campush {

namespace {

struct codec_pair {
  uint32_t hal;
  codec_id codec;
};
constexpr codec_pair codec_pairs[] = {
    {CAMPUSH_HAL_H264, codec_id::h264},   {CAMPUSH_HAL_H265, codec_id::h265},   {CAMPUSH_HAL_AAC, codec_id::aac},
    {CAMPUSH_HAL_G711A, codec_id::g711a}, {CAMPUSH_HAL_G711U, codec_id::g711u},
};

struct result_text {
  int code;
  const char* name;
};
constexpr result_text result_texts[] = {
    {CAMPUSH_HAL_OK, "ok"},           {CAMPUSH_HAL_AGAIN, "again"},         {CAMPUSH_HAL_UNSUPPORTED, "unsupported"},
    {CAMPUSH_HAL_INVALID, "invalid"}, {CAMPUSH_HAL_BUSY, "busy"},           {CAMPUSH_HAL_GONE, "gone"},
    {CAMPUSH_HAL_FAILED, "failed"},   {CAMPUSH_HAL_NO_MEMORY, "no memory"},
};

/// Everything that get has to fill; a plug-in of an older minor version knows at least this much.
constexpr size_t least_unit_size = offsetof(campush_hal_unit, part_count) + sizeof(campush_hal_unit::part_count);

bool are_adjacent(const campush_hal_part* parts, uint32_t count) noexcept {
  for (uint32_t i = 1; i < count; ++i) {
    if (parts[i - 1].data + parts[i - 1].bytes != parts[i].data) return false;
  }
  return true;
}

const char* measure(const campush_hal_unit& unit, size_t& total) noexcept {
  if (unit.part_count == 0) return "it has no parts";
  if (unit.part_count > CAMPUSH_HAL_MAX_PARTS) return "it has more than 64 parts";
  if (unit.parts == nullptr) return "its list of parts is null";
  total = 0;
  for (uint32_t i = 0; i < unit.part_count; ++i) {
    const campush_hal_part& part = unit.parts[i];
    if (part.data == nullptr && part.bytes > 0) return "a part is null";
    if (part.bytes > CAMPUSH_HAL_MAX_UNIT_BYTES) return "a part is larger than 8 MiB";
    total += part.bytes;
  }
  if (total == 0) return "it is empty";
  return total > CAMPUSH_HAL_MAX_UNIT_BYTES ? "it is larger than 8 MiB" : nullptr;
}

byte_view join(const campush_hal_unit& unit, size_t total, std::vector<uint8_t>& joined) {
  if (are_adjacent(unit.parts, unit.part_count)) return {unit.parts[0].data, total};
  joined.clear();
  for (uint32_t i = 0; i < unit.part_count; ++i) {
    const campush_hal_part& part = unit.parts[i];
    if (part.bytes > 0) joined.insert(joined.end(), part.data, part.data + part.bytes);
  }
  return joined;
}

}  // namespace

std::optional<codec_id> codec_of_hal(uint32_t codec) noexcept {
  for (const codec_pair& pair : codec_pairs) {
    if (pair.hal == codec) return pair.codec;
  }
  return std::nullopt;
}

uint32_t hal_of_codec(codec_id codec) noexcept {
  for (const codec_pair& pair : codec_pairs) {
    if (pair.codec == codec) return pair.hal;
  }
  return 0;
}

const char* hal_result_name(int code) noexcept {
  for (const result_text& text : result_texts) {
    if (text.code == code) return text.name;
  }
  return "no result of this interface";
}

std::string hal_text(const char* text, size_t capacity) {
  std::string out(text, strnlen(text, capacity));
  for (char& letter : out) {
    if (letter < ' ' || letter > '~') letter = '?';
  }
  return out;
}

const char* check_unit(const campush_hal_unit& unit, uint32_t codecs, std::vector<uint8_t>& joined, checked_unit& out) {
  if (unit.size < least_unit_size || unit.size > sizeof unit) return "its size field is wrong";
  const auto codec = codec_of_hal(unit.codec);
  if (!codec) return "its codec is none of the interface";
  if ((unit.codec & codecs) == 0) return "its codec is not one of this channel";
  size_t total = 0;
  if (const char* fault = measure(unit, total)) return fault;
  out.codec = *codec;
  out.payload = join(unit, total, joined);
  out.pts_us = unit.pts_us;
  out.dts_us = (unit.flags & CAMPUSH_HAL_HAS_DTS) != 0 ? unit.dts_us : unit.pts_us;
  out.sequence = unit.sequence;
  return nullptr;
}

}  // namespace campush

#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "codec/picture.h"
#include "device/v4l2/v4l2_node.h"
#include "media/media_frame.h"

namespace campush {

/// Where the buffers lie that the driver fills, as source.memory has it.
enum class buffer_origin : uint8_t {
  automatic,  ///< the first of the following that the driver takes
  driver,     ///< its own, mapped here (MMAP)
  process,    ///< this program's (USERPTR)
  dma_heap,   ///< a heap of the kernel's (DMABUF)
  read_calls  ///< copied by read(); not to be asked for
};
const char* buffer_origin_name(buffer_origin origin) noexcept;
/// Of a name as source.memory has it; automatic for any other.
buffer_origin buffer_origin_of(std::string_view name) noexcept;

/// A format that this program can take: either coded pictures (codec) or raw ones (raw).
struct known_format {
  uint32_t fourcc = 0;
  const char* name = "";  ///< as in source.pixel_format
  codec_id codec = codec_id::none;
  pixel_format raw = pixel_format::none;
  uint32_t memory_planes = 1;  ///< planes with memory of their own
};
/// Null: not one of ours.
const known_format* find_format(uint32_t fourcc) noexcept;
/// Formats of that name ("h264", "yuyv", or a fourcc in any case), the preferred first.
std::vector<uint32_t> fourccs_of_name(std::string_view name);
std::vector<uint32_t> fourccs_of_codec(codec_id codec);
/// Raw formats and MJPEG, those first that cost least to encode.
std::vector<uint32_t> raw_fourccs();

/// How the planes of a raw picture lie in memory: bytes of a line and lines of each plane, for a stride of `stride` bytes in the first.
/// Shape: planes that share one memory follow each other without a gap.
struct plane_layout {
  uint32_t stride = 0, rows = 0;
};
struct picture_layout {
  uint32_t plane_count = 0;
  std::array<plane_layout, 3> planes{};
};
/// None for a format without lines (mjpeg).
std::optional<picture_layout> layout_of(pixel_format format, uint32_t width, uint32_t height, uint32_t stride) noexcept;
/// The least bytes a line of the first plane can have.
uint32_t least_stride(pixel_format format, uint32_t width) noexcept;

/// What a driver offers, by its own enumerations. All of them are bounded; a driver that lacks one offers nothing.
struct offered_format {
  uint32_t fourcc = 0;
  std::string description;
  bool is_compressed = false;
};
struct offered_size {
  uint32_t width = 0, height = 0;          ///< of a range: the largest
  uint32_t min_width = 0, min_height = 0;  ///< 0: one discrete size
  uint32_t step_width = 1, step_height = 1;
};
std::vector<offered_format> enumerate_formats(const v4l2_node& node);
std::vector<offered_size> enumerate_sizes(const v4l2_node& node, uint32_t fourcc);
/// Pictures a second, highest first; of a range its two ends.
struct offered_rates {
  std::vector<double> rates;
  bool is_range = false;
};
offered_rates enumerate_rates(const v4l2_node& node, uint32_t fourcc, uint32_t width, uint32_t height);

struct picture_size {
  uint32_t width = 0, height = 0;
};
/// The offered size that is closest to the wanted one, the larger of two that are equally far. No sizes: the wanted one.
picture_size nearest_size(const std::vector<offered_size>& sizes, picture_size wanted) noexcept;
bool offers_any(const std::vector<offered_format>& offered, const std::vector<uint32_t>& fourccs) noexcept;
/// "H264, YUYV": for errors.
std::string list_fourccs(const std::vector<offered_format>& formats);

}  // namespace campush

#include "device/v4l2/v4l2_formats.h"

#include <linux/videodev2.h>

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <functional>

namespace campush {

namespace {

/// By buffer_origin; the last one is not for the configuration.
constexpr const char* names_of_origins[] = {"auto", "mmap", "userptr", "dmabuf", "read"};

/// Coded formats as they are preferred; then raw ones, those first that an encoder takes without conversion, then those with all
/// colour, MJPEG (which has to be decoded) and GREY (which lacks colour) last. H264_MVC is left out: two views are not one stream.
constexpr known_format known_formats[] = {
    {V4L2_PIX_FMT_H264, "h264", codec_id::h264, pixel_format::none, 1},
    {V4L2_PIX_FMT_H264_NO_SC, "h264", codec_id::h264, pixel_format::none, 1},
    {V4L2_PIX_FMT_HEVC, "h265", codec_id::h265, pixel_format::none, 1},
    {V4L2_PIX_FMT_YUV420, "yuv420", codec_id::none, pixel_format::yuv420, 1},
    {V4L2_PIX_FMT_YUV420M, "yuv420", codec_id::none, pixel_format::yuv420, 3},
    {V4L2_PIX_FMT_NV12, "nv12", codec_id::none, pixel_format::nv12, 1},
    {V4L2_PIX_FMT_NV12M, "nv12", codec_id::none, pixel_format::nv12, 2},
    {V4L2_PIX_FMT_NV21, "nv21", codec_id::none, pixel_format::nv21, 1},
    {V4L2_PIX_FMT_NV21M, "nv21", codec_id::none, pixel_format::nv21, 2},
    {V4L2_PIX_FMT_YUYV, "yuyv", codec_id::none, pixel_format::yuyv, 1},
    {V4L2_PIX_FMT_UYVY, "uyvy", codec_id::none, pixel_format::uyvy, 1},
    {V4L2_PIX_FMT_YUV422P, "yuv422p", codec_id::none, pixel_format::yuv422p, 1},
    {V4L2_PIX_FMT_RGB24, "rgb24", codec_id::none, pixel_format::rgb24, 1},
    {V4L2_PIX_FMT_BGR24, "bgr24", codec_id::none, pixel_format::bgr24, 1},
    {V4L2_PIX_FMT_MJPEG, "mjpeg", codec_id::none, pixel_format::mjpeg, 1},
    {V4L2_PIX_FMT_JPEG, "mjpeg", codec_id::none, pixel_format::mjpeg, 1},
    {V4L2_PIX_FMT_GREY, "grey", codec_id::none, pixel_format::grey, 1},
};

/// A driver that enumerates without end is not believed.
constexpr uint32_t most_entries = 256;

/// bytes_per_pixel of a line of the first plane; the chroma planes relative to it: stride divided, rows divided, how many.
struct layout_row {
  pixel_format format;
  uint32_t bytes_per_pixel, stride_divisor, row_divisor, chroma_planes;
};
constexpr layout_row layouts[] = {
    {pixel_format::yuv420, 1, 2, 2, 2}, {pixel_format::yuv422p, 1, 2, 1, 2}, {pixel_format::nv12, 1, 1, 2, 1},
    {pixel_format::nv21, 1, 1, 2, 1},   {pixel_format::yuyv, 2, 1, 1, 0},    {pixel_format::uyvy, 2, 1, 1, 0},
    {pixel_format::rgb24, 3, 1, 1, 0},  {pixel_format::bgr24, 3, 1, 1, 0},   {pixel_format::grey, 1, 1, 1, 0},
};
const layout_row* find_layout(pixel_format format) noexcept {
  const auto* const end = std::end(layouts);
  const auto* const row =
      std::find_if(std::begin(layouts), end, [format](const layout_row& entry) { return entry.format == format; });
  return row != end ? row : nullptr;
}

std::string lower(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(),
                 [](unsigned char letter) { return static_cast<char>(std::tolower(letter)); });
  return out;
}

template <class Predicate>
std::vector<uint32_t> fourccs_where(Predicate matches) {
  std::vector<uint32_t> out;
  for (const known_format& format : known_formats) {
    if (matches(format)) out.push_back(format.fourcc);
  }
  return out;
}

uint32_t clamp_to_step(uint32_t wanted, uint32_t least, uint32_t most, uint32_t step) noexcept {
  const uint32_t inside = std::clamp(wanted, least, std::max(least, most));
  return step > 1 ? least + (inside - least) / step * step : inside;
}

double rate_of(const v4l2_fract& interval) noexcept {
  return interval.numerator != 0 ? static_cast<double>(interval.denominator) / interval.numerator : 0;
}

}  // namespace

const char* buffer_origin_name(buffer_origin origin) noexcept {
  return names_of_origins[static_cast<size_t>(origin)];
}

buffer_origin buffer_origin_of(std::string_view name) noexcept {
  for (size_t i = 0; i < std::size(names_of_origins) - 1; ++i) {
    if (name == names_of_origins[i]) return static_cast<buffer_origin>(i);
  }
  return buffer_origin::automatic;
}

const known_format* find_format(uint32_t fourcc) noexcept {
  for (const known_format& format : known_formats) {
    if (format.fourcc == fourcc) return &format;
  }
  return nullptr;
}

std::vector<uint32_t> fourccs_of_name(std::string_view name) {
  const std::string wanted = lower(name) == "hevc" ? "h265" : lower(name);
  return fourccs_where([&wanted](const known_format& format) {
    return format.name == wanted || lower(fourcc_text(format.fourcc)) == wanted;
  });
}

std::vector<uint32_t> fourccs_of_codec(codec_id codec) {
  return fourccs_where([codec](const known_format& format) { return format.codec == codec; });
}

std::vector<uint32_t> raw_fourccs() {
  return fourccs_where([](const known_format& format) { return format.raw != pixel_format::none; });
}

std::optional<picture_layout> layout_of(pixel_format format, uint32_t width, uint32_t height,
                                        uint32_t stride) noexcept {
  const layout_row* const row = find_layout(format);
  if (row == nullptr) return std::nullopt;
  picture_layout out;
  out.plane_count = 1 + row->chroma_planes;
  out.planes[0] = {std::max(stride, least_stride(format, width)), height};
  for (uint32_t plane = 1; plane < out.plane_count; ++plane) {
    out.planes[plane] = {(out.planes[0].stride + row->stride_divisor - 1) / row->stride_divisor,
                         (height + row->row_divisor - 1) / row->row_divisor};
  }
  return out;
}

uint32_t least_stride(pixel_format format, uint32_t width) noexcept {
  const layout_row* const row = find_layout(format);
  return row != nullptr ? width * row->bytes_per_pixel : 0;
}

std::vector<offered_format> enumerate_formats(const v4l2_node& node) {
  std::vector<offered_format> out;
  for (uint32_t index = 0; index < most_entries; ++index) {
    v4l2_fmtdesc answer{};
    answer.index = index;
    answer.type = node.buffer_type();
    if (node.call(VIDIOC_ENUM_FMT, &answer) != 0) break;
    const bool is_compressed = (answer.flags & V4L2_FMT_FLAG_COMPRESSED) != 0;
    out.push_back({answer.pixelformat, driver_text(answer.description, sizeof answer.description), is_compressed});
  }
  return out;
}

std::vector<offered_size> enumerate_sizes(const v4l2_node& node, uint32_t fourcc) {
  std::vector<offered_size> out;
  for (uint32_t index = 0; index < most_entries; ++index) {
    v4l2_frmsizeenum answer{};
    answer.index = index;
    answer.pixel_format = fourcc;
    if (node.call(VIDIOC_ENUM_FRAMESIZES, &answer) != 0) break;
    if (answer.type == V4L2_FRMSIZE_TYPE_DISCRETE) {
      out.push_back({answer.discrete.width, answer.discrete.height, 0, 0, 1, 1});
      continue;
    }
    // A range stands alone.
    const v4l2_frmsize_stepwise& range = answer.stepwise;
    const bool has_steps = answer.type == V4L2_FRMSIZE_TYPE_STEPWISE;
    out.push_back({range.max_width, range.max_height, range.min_width, range.min_height,
                   has_steps ? std::max(range.step_width, 1U) : 1, has_steps ? std::max(range.step_height, 1U) : 1});
    break;
  }
  return out;
}

offered_rates enumerate_rates(const v4l2_node& node, uint32_t fourcc, uint32_t width, uint32_t height) {
  offered_rates out;
  for (uint32_t index = 0; index < most_entries; ++index) {
    v4l2_frmivalenum answer{};
    answer.index = index;
    answer.pixel_format = fourcc;
    answer.width = width;
    answer.height = height;
    if (node.call(VIDIOC_ENUM_FRAMEINTERVALS, &answer) != 0) break;
    if (answer.type == V4L2_FRMIVAL_TYPE_DISCRETE) {
      out.rates.push_back(rate_of(answer.discrete));
      continue;
    }
    out.rates = {rate_of(answer.stepwise.min), rate_of(answer.stepwise.max)};
    out.is_range = true;
    break;
  }
  std::sort(out.rates.begin(), out.rates.end(), std::greater<>());
  return out;
}

picture_size nearest_size(const std::vector<offered_size>& sizes, picture_size wanted) noexcept {
  picture_size best = wanted;
  int64_t best_distance = INT64_MAX;
  for (const offered_size& size : sizes) {
    picture_size candidate{size.width, size.height};
    if (size.min_width != 0) {
      candidate = {clamp_to_step(wanted.width, size.min_width, size.width, size.step_width),
                   clamp_to_step(wanted.height, size.min_height, size.height, size.step_height)};
    }
    const int64_t distance =
        std::llabs(int64_t{candidate.width} - wanted.width) + std::llabs(int64_t{candidate.height} - wanted.height);
    const bool is_larger = uint64_t{candidate.width} * candidate.height > uint64_t{best.width} * best.height;
    if (distance > best_distance || (distance == best_distance && !is_larger)) continue;
    best = candidate;
    best_distance = distance;
  }
  return best;
}

bool offers_any(const std::vector<offered_format>& offered, const std::vector<uint32_t>& fourccs) noexcept {
  return std::any_of(offered.begin(), offered.end(), [&fourccs](const offered_format& format) {
    return std::find(fourccs.begin(), fourccs.end(), format.fourcc) != fourccs.end();
  });
}

std::string list_fourccs(const std::vector<offered_format>& formats) {
  std::string out;
  for (const offered_format& format : formats) {
    if (!out.empty()) out += ", ";
    out += fourcc_text(format.fourcc);
  }
  return out;
}

}  // namespace campush

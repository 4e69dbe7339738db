#include "codec/libav_pictures.h"

#include <string>

namespace campush {

namespace {

struct format_row {
  pixel_format format;
  AVPixelFormat libav;
  uint8_t planes;
  /// Bytes of a row and rows of each plane, by a width and height of 1: what follows the first plane is divided so.
  uint8_t bytes_per_pixel, chroma_width_shift, chroma_height_shift, chroma_bytes;
};
constexpr format_row formats[] = {
    {pixel_format::yuv420, AV_PIX_FMT_YUV420P, 3, 1, 1, 1, 1},
    {pixel_format::nv12, AV_PIX_FMT_NV12, 2, 1, 1, 1, 2},
    {pixel_format::nv21, AV_PIX_FMT_NV21, 2, 1, 1, 1, 2},
    {pixel_format::yuyv, AV_PIX_FMT_YUYV422, 1, 2, 0, 0, 0},
    {pixel_format::uyvy, AV_PIX_FMT_UYVY422, 1, 2, 0, 0, 0},
    {pixel_format::yuv422p, AV_PIX_FMT_YUV422P, 3, 1, 1, 0, 1},
    {pixel_format::rgb24, AV_PIX_FMT_RGB24, 1, 3, 0, 0, 0},
    {pixel_format::bgr24, AV_PIX_FMT_BGR24, 1, 3, 0, 0, 0},
    {pixel_format::grey, AV_PIX_FMT_GRAY8, 1, 1, 0, 0, 0},
};

const format_row* row_of(pixel_format format) noexcept {
  for (const format_row& row : formats) {
    if (row.format == format) return &row;
  }
  return nullptr;
}

uint32_t halved(uint32_t value, uint8_t shift) noexcept {
  return shift == 0 ? value : (value + 1) / 2;
}

bool is_plane_whole(const raw_picture& picture, const format_row& row, size_t plane) noexcept {
  const picture_shape& shape = picture.shape;
  const bool is_first = plane == 0;
  const uint32_t bytes =
      is_first ? shape.width * row.bytes_per_pixel : halved(shape.width, row.chroma_width_shift) * row.chroma_bytes;
  const uint32_t rows = is_first ? shape.height : halved(shape.height, row.chroma_height_shift);
  const uint64_t stride = picture.strides[plane];
  // The last row need not be filled up to the stride.
  return picture.planes[plane].data() != nullptr && stride >= bytes && stride <= INT32_MAX &&
         picture.planes[plane].size() >= stride * (rows - 1) + bytes;
}

}  // namespace

AVPixelFormat libav_format(pixel_format format) noexcept {
  const format_row* const row = row_of(format);
  return row != nullptr ? row->libav : AV_PIX_FMT_NONE;
}

result<void> check_picture(const raw_picture& picture) {
  const picture_shape& shape = picture.shape;
  const format_row* const row = row_of(shape.format);
  const auto refuse = [&shape](const char* why) {
    return fail(error_code::invalid_argument, std::string("a picture of ") + std::to_string(shape.width) + "x" +
                                                  std::to_string(shape.height) + " " + pixel_format_name(shape.format) +
                                                  why);
  };
  if (row == nullptr) return refuse(" is not raw");
  const bool is_sane = shape.width > 0 && shape.height > 0 && shape.width <= longest_side &&
                       shape.height <= longest_side && uint64_t{shape.width} * shape.height <= largest_area;
  if (!is_sane) return refuse(" has no possible size");
  for (size_t plane = 0; plane < row->planes; ++plane) {
    if (!is_plane_whole(picture, *row, plane)) return refuse(" is shorter than its rows");
  }
  return {};
}

result<void> libav_scaler::set_input(const picture_shape& shape) {
  m_context.reset(sws_alloc_context());
  struct option {
    const char* name;
    int64_t value;
  };
  const option options[] = {{"srcw", shape.width},
                            {"srch", shape.height},
                            {"src_format", libav_format(shape.format)},
                            {"src_range", shape.is_full_range ? 1 : 0},
                            {"dstw", m_width},
                            {"dsth", m_height},
                            {"dst_format", m_format},
                            {"dst_range", 0},
                            {"sws_flags", SWS_BILINEAR}};
  for (const option& each : options) {
    if (m_context) av_opt_set_int(m_context.get(), each.name, each.value, 0);
  }
  if (!m_context || sws_init_context(m_context.get(), nullptr, nullptr) < 0) {
    m_context.reset();
    return fail(error_code::invalid_argument, std::string("pictures of ") + std::to_string(shape.width) + "x" +
                                                  std::to_string(shape.height) + " " + pixel_format_name(shape.format) +
                                                  " cannot be scaled to " + std::to_string(m_width) + "x" +
                                                  std::to_string(m_height));
  }
  m_input = shape;
  return {};
}

/// The encoder may still hold the frame of last time (hardware does): then it keeps that memory, and there is new one.
result<void> libav_scaler::prepare_frame() {
  if (m_frame && av_frame_is_writable(m_frame.get()) > 0) return {};
  m_frame.reset(av_frame_alloc());
  if (!m_frame) return fail(error_code::io_failed, "no memory for a picture");
  m_frame->width = static_cast<int>(m_width);
  m_frame->height = static_cast<int>(m_height);
  m_frame->format = m_format;
  m_frame->color_range = AVCOL_RANGE_MPEG;
  if (av_frame_get_buffer(m_frame.get(), 0) == 0) return {};
  m_frame.reset();
  return fail(error_code::io_failed, "no memory for a picture");
}

result<AVFrame*> libav_scaler::scale(const raw_picture& picture) {
  if (auto checked = check_picture(picture); !checked) return tl::unexpected<error>(std::move(checked.error()));
  if (!m_context || !(m_input == picture.shape)) {
    if (auto ready = set_input(picture.shape); !ready) return tl::unexpected<error>(std::move(ready.error()));
  }
  if (auto ready = prepare_frame(); !ready) return tl::unexpected<error>(std::move(ready.error()));
  const uint8_t* planes[4] = {picture.planes[0].data(), picture.planes[1].data(), picture.planes[2].data(), nullptr};
  const int strides[4] = {static_cast<int>(picture.strides[0]), static_cast<int>(picture.strides[1]),
                          static_cast<int>(picture.strides[2]), 0};
  const int rows = sws_scale(m_context.get(), planes, strides, 0, static_cast<int>(picture.shape.height), m_frame->data,
                             m_frame->linesize);
  if (rows <= 0) return fail(error_code::invalid_argument, "a picture cannot be scaled");
  return m_frame.get();
}

}  // namespace campush

#include "codec/libav_pictures.h"

#include <cstring>
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

/// More than any of swscale's loops takes at once.
constexpr size_t spare_bytes = 256;

const format_row* row_of(pixel_format format) noexcept {
  for (const format_row& row : formats) {
    if (row.format == format) return &row;
  }
  return nullptr;
}

uint32_t halved(uint32_t value, uint8_t shift) noexcept {
  return shift == 0 ? value : (value + 1) / 2;
}

struct plane_size {
  uint32_t bytes = 0, rows = 0;  ///< of a row, and how many
};

plane_size size_of_plane(const picture_shape& shape, const format_row& row, size_t plane) noexcept {
  if (plane == 0) return {shape.width * row.bytes_per_pixel, shape.height};
  return {halved(shape.width, row.chroma_width_shift) * row.chroma_bytes,
          halved(shape.height, row.chroma_height_shift)};
}

/// The last row need not be filled up to the stride.
uint64_t length_of(const plane_size& size, uint64_t stride) noexcept {
  return stride * (size.rows - 1) + size.bytes;
}

bool is_plane_whole(const raw_picture& picture, const format_row& row, size_t plane) noexcept {
  const plane_size size = size_of_plane(picture.shape, row, plane);
  const uint64_t stride = picture.strides[plane];
  return picture.planes[plane].data() != nullptr && stride >= size.bytes && stride <= INT32_MAX &&
         picture.planes[plane].size() >= length_of(size, stride);
}

/// Whether this many bytes from the begin of the plane on can be read, be it in the planes that follow it in memory.
bool is_readable(const raw_picture& picture, size_t plane, uint64_t length) noexcept {
  const uint8_t* const wanted = picture.planes[plane].data() + length;
  const uint8_t* end = picture.planes[plane].data() + picture.planes[plane].size();
  for (size_t pass = 0; pass < picture.planes.size(); ++pass) {
    for (const byte_view& other : picture.planes) {
      const bool goes_on = other.data() != nullptr && other.data() <= end && other.data() + other.size() > end;
      if (goes_on) end = other.data() + other.size();
    }
  }
  return wanted <= end;
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

/// swscale reads in steps of its vector registers, and so past the last row of a plane: into the page behind a driver's buffer. A plane
/// with nothing of its own behind it is copied to memory that has.
result<const uint8_t*> libav_scaler::readable_plane(const raw_picture& picture, size_t plane) {
  const format_row& row = *row_of(picture.shape.format);
  if (plane >= row.planes) return nullptr;
  // A length of memory that is there.
  const auto length = static_cast<size_t>(length_of(size_of_plane(picture.shape, row, plane), picture.strides[plane]));
  const uint8_t* const bytes = picture.planes[plane].data();
  if (is_readable(picture, plane, length + spare_bytes)) return bytes;
  padded_plane& copy = m_padded[plane];
  if (copy.size < length + spare_bytes) {
    copy.memory.reset(static_cast<uint8_t*>(av_mallocz(length + spare_bytes)));
    copy.size = copy.memory ? length + spare_bytes : 0;
  }
  if (!copy.memory) return fail(error_code::io_failed, "no memory for a picture");
  std::memcpy(copy.memory.get(), bytes, length);
  return copy.memory.get();
}

result<AVFrame*> libav_scaler::scale(const raw_picture& picture) {
  if (auto checked = check_picture(picture); !checked) return tl::unexpected<error>(std::move(checked.error()));
  if (!m_context || !(m_input == picture.shape)) {
    if (auto ready = set_input(picture.shape); !ready) return tl::unexpected<error>(std::move(ready.error()));
  }
  if (auto ready = prepare_frame(); !ready) return tl::unexpected<error>(std::move(ready.error()));
  const uint8_t* planes[4] = {};
  for (size_t plane = 0; plane < picture.planes.size(); ++plane) {
    const auto readable = readable_plane(picture, plane);
    if (!readable) return tl::unexpected<error>(readable.error());
    planes[plane] = *readable;
  }
  const int strides[4] = {static_cast<int>(picture.strides[0]), static_cast<int>(picture.strides[1]),
                          static_cast<int>(picture.strides[2]), 0};
  const int rows = sws_scale(m_context.get(), planes, strides, 0, static_cast<int>(picture.shape.height), m_frame->data,
                             m_frame->linesize);
  if (rows <= 0) return fail(error_code::invalid_argument, "a picture cannot be scaled");
  return m_frame.get();
}

}  // namespace campush

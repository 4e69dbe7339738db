#include "codec/libav_picture_decoder.h"

#include <cstring>

#include "codec/libav_log.h"
#include "util/byte_reader.h"

namespace campush {

namespace {

constexpr size_t largest_image = 64u << 20;
constexpr uint8_t marker_soi = 0xd8, marker_eoi = 0xd9, marker_sos = 0xda, marker_dht = 0xc4, marker_dac = 0xcc,
                  marker_jpg = 0xc8, marker_sof0 = 0xc0, marker_sof1 = 0xc1, marker_sof15 = 0xcf;

bool is_frame_header(uint8_t marker) noexcept {
  return marker >= marker_sof0 && marker <= marker_sof15 && marker != marker_dht && marker != marker_jpg &&
         marker != marker_dac;
}

tl::unexpected<error> refuse_image(const char* why) {
  return fail(error_code::malformed, std::string("a JPEG image ") + why);
}

struct output_row {
  AVPixelFormat libav;
  pixel_format format;
  bool is_full_range;
};
constexpr output_row outputs[] = {
    {AV_PIX_FMT_YUVJ420P, pixel_format::yuv420, true},  {AV_PIX_FMT_YUV420P, pixel_format::yuv420, false},
    {AV_PIX_FMT_YUVJ422P, pixel_format::yuv422p, true}, {AV_PIX_FMT_YUV422P, pixel_format::yuv422p, false},
    {AV_PIX_FMT_GRAY8, pixel_format::grey, true},
};

const output_row* find_output(int format) noexcept {
  for (const output_row& row : outputs) {
    if (row.libav == format) return &row;
  }
  return nullptr;
}

size_t rows_of_plane(const AVFrame& frame, pixel_format format, size_t plane) noexcept {
  const auto rows = static_cast<size_t>(frame.height);
  return plane > 0 && format == pixel_format::yuv420 ? (rows + 1) / 2 : rows;
}

/// The lease holds the frame, so that its memory goes back to the decoder's pool with the last holder.
struct held_picture {
  raw_picture picture;
  libav_ptr<AVFrame> frame;
};

picture_lease lease_of(libav_ptr<AVFrame> frame, const output_row& output, time_point captured_at) {
  auto held = std::make_shared<held_picture>();
  raw_picture& picture = held->picture;
  picture.shape.format = output.format;
  picture.shape.width = static_cast<uint32_t>(frame->width);
  picture.shape.height = static_cast<uint32_t>(frame->height);
  picture.shape.is_full_range = output.is_full_range || frame->color_range == AVCOL_RANGE_JPEG;
  picture.captured_at = captured_at;
  const size_t planes = output.format == pixel_format::grey ? 1 : 3;
  for (size_t plane = 0; plane < planes; ++plane) {
    const auto stride = static_cast<size_t>(frame->linesize[plane]);
    picture.strides[plane] = static_cast<uint32_t>(stride);
    picture.planes[plane] = byte_view(frame->data[plane], stride * rows_of_plane(*frame, output.format, plane));
  }
  held->frame = std::move(frame);
  return {held, &held->picture};
}

}  // namespace

result<jpeg_size> find_jpeg_size(byte_view image) {
  byte_reader in(image);
  if (in.read_u8() != 0xff || in.read_u8() != marker_soi) return refuse_image("does not begin as one");
  while (!in.failed()) {
    if (in.read_u8() != 0xff) return refuse_image("has no marker where one is due");
    uint8_t marker = 0xff;
    while (marker == 0xff && !in.failed()) marker = in.read_u8();
    if (marker == marker_sos || marker == marker_eoi) return refuse_image("has no dimensions");
    const uint16_t length = in.read_u16();
    if (length < 2) return refuse_image("has a segment without length");
    if (!is_frame_header(marker)) {
      in.skip(length - 2u);
      continue;
    }
    if (marker != marker_sof0 && marker != marker_sof1) return refuse_image("is not of the baseline process");
    in.skip(1);
    jpeg_size size;
    size.height = in.read_u16();
    size.width = in.read_u16();
    if (!in.failed() && size.width > 0 && size.height > 0) return size;
    return refuse_image("has no dimensions");
  }
  return refuse_image("is cut off");
}

result<std::unique_ptr<picture_decoder>> libav_picture_decoder::make() {
  std::unique_ptr<libav_picture_decoder> made(new libav_picture_decoder);
  if (auto opened = made->open(); !opened) return tl::unexpected<error>(std::move(opened.error()));
  return std::unique_ptr<picture_decoder>(std::move(made));
}

result<void> libav_picture_decoder::open() {
  const AVCodec* const codec = avcodec_find_decoder(AV_CODEC_ID_MJPEG);
  m_context.reset(codec != nullptr ? avcodec_alloc_context3(codec) : nullptr);
  m_packet.reset(av_packet_alloc());
  if (!m_context || !m_packet) return fail(error_code::not_found, "FFmpeg was built without a decoder of MJPEG");
  m_context->thread_count = 1;
  m_context->max_pixels = static_cast<int64_t>(largest_area);
  // Half a picture is worth less than the one before it.
  m_context->err_recognition = AV_EF_EXPLODE;
  forget_libav_words();
  const int opened = avcodec_open2(m_context.get(), codec, nullptr);
  return opened >= 0 ? result<void>() : tl::unexpected<error>(libav_error(opened, "mjpeg"));
}

result<picture_lease> libav_picture_decoder::decode(byte_view image, time_point captured_at) {
  const auto size = find_jpeg_size(image);
  if (!size) return tl::unexpected<error>(size.error());
  if (image.size() > largest_image || uint64_t{size->width} * size->height > largest_area) {
    return fail(error_code::too_big, "a JPEG image of " + std::to_string(size->width) + "x" +
                                         std::to_string(size->height) + " and " + std::to_string(image.size()) +
                                         " bytes is more than 64 megapixels");
  }
  auto frame = decode_frame(image);
  if (!frame) return tl::unexpected<error>(std::move(frame.error()));
  frame = as_known_format(std::move(*frame));
  if (!frame) return tl::unexpected<error>(std::move(frame.error()));
  const output_row* const output = find_output((*frame)->format);
  return lease_of(std::move(*frame), *output, captured_at);
}

result<libav_ptr<AVFrame>> libav_picture_decoder::decode_frame(byte_view image) {
  // FFmpeg reads past the end of what it is given, up to its padding.
  m_padded.resize(image.size() + AV_INPUT_BUFFER_PADDING_SIZE);
  std::memcpy(m_padded.data(), image.data(), image.size());
  std::memset(m_padded.data() + image.size(), 0, AV_INPUT_BUFFER_PADDING_SIZE);
  av_packet_unref(m_packet.get());
  m_packet->data = m_padded.data();
  m_packet->size = static_cast<int>(image.size());
  libav_ptr<AVFrame> frame(av_frame_alloc());
  if (!frame) return fail(error_code::io_failed, "no memory for a picture");
  forget_libav_words();
  int done = avcodec_send_packet(m_context.get(), m_packet.get());
  if (done >= 0) done = avcodec_receive_frame(m_context.get(), frame.get());
  if (done < 0) {
    avcodec_flush_buffers(m_context.get());
    return fail(error_code::malformed, libav_error(done, "a JPEG image").message);
  }
  const bool is_sane = frame->width > 0 && frame->height > 0 && frame->linesize[0] > 0 && frame->data[0] != nullptr;
  if (!is_sane) return refuse_image("gave no picture");
  return frame;
}

result<libav_ptr<AVFrame>> libav_picture_decoder::as_known_format(libav_ptr<AVFrame> frame) {
  if (find_output(frame->format) != nullptr) return frame;
  libav_ptr<AVFrame> out(av_frame_alloc());
  const auto format = static_cast<AVPixelFormat>(frame->format);
  const libav_ptr<SwsContext> converter(sws_getContext(frame->width, frame->height, format, frame->width, frame->height,
                                                       AV_PIX_FMT_YUV420P, SWS_BILINEAR, nullptr, nullptr, nullptr));
  if (!out || !converter) return refuse_image("has samples of a form that is not known");
  out->width = frame->width;
  out->height = frame->height;
  out->format = AV_PIX_FMT_YUV420P;
  if (av_frame_get_buffer(out.get(), 0) != 0) return fail(error_code::io_failed, "no memory for a picture");
  const int rows = sws_scale(converter.get(), frame->data, frame->linesize, 0, frame->height, out->data, out->linesize);
  if (rows <= 0) return refuse_image("has samples of a form that is not known");
  return out;
}

}  // namespace campush

#include "codec/picture_decoder.h"

#include <gtest/gtest.h>

#include <cstdlib>

#include "codec/codec_library.h"
#include "codec/libav_handles.h"
#include "device/test/test_pattern.h"

namespace campush {
namespace {

constexpr time_point some_time{std::chrono::seconds(7)};
constexpr wall_ms shown_time{1'795'192'445'123};

/// The test pattern as a JPEG image, as a webcam makes it.
std::vector<uint8_t> make_jpeg(AVPixelFormat format, uint32_t width = 640, uint32_t height = 360) {
  test_pattern pattern(width, height, "gate");
  const raw_picture& picture = pattern.draw(shown_time, false);
  const AVCodec* const codec = avcodec_find_encoder(AV_CODEC_ID_MJPEG);
  const libav_ptr<AVCodecContext> context(avcodec_alloc_context3(codec));
  context->width = static_cast<int>(width);
  context->height = static_cast<int>(height);
  context->pix_fmt = format;
  context->color_range = AVCOL_RANGE_JPEG;
  context->time_base = {1, 25};
  context->thread_count = 1;
  // The tables of the standard, which are those that a webcam leaves out.
  av_opt_set(context->priv_data, "huffman", "default", 0);
  if (avcodec_open2(context.get(), codec, nullptr) < 0) return {};
  const libav_ptr<AVFrame> frame(av_frame_alloc());
  frame->format = format;
  frame->width = context->width;
  frame->height = context->height;
  av_frame_get_buffer(frame.get(), 0);
  for (int plane = 0; plane < 3; ++plane) {
    const int rows = plane > 0 && format == AV_PIX_FMT_YUVJ420P ? context->height / 2 : context->height;
    for (int y = 0; y < rows; ++y) {
      uint8_t* const row = frame->data[plane] + ptrdiff_t{y} * frame->linesize[plane];
      if (plane == 0) {
        std::copy_n(picture.planes[0].data() + size_t{picture.strides[0]} * static_cast<size_t>(y), width, row);
      } else {
        std::fill_n(row, frame->linesize[plane], uint8_t{128});
      }
    }
  }
  frame->pts = 0;
  const libav_ptr<AVPacket> packet(av_packet_alloc());
  avcodec_send_frame(context.get(), frame.get());
  avcodec_send_frame(context.get(), nullptr);
  if (avcodec_receive_packet(context.get(), packet.get()) < 0) return {};
  return {packet->data, packet->data + packet->size};
}

/// Segments of this marker cut out.
std::vector<uint8_t> without_segments(const std::vector<uint8_t>& image, uint8_t marker) {
  std::vector<uint8_t> out(image.begin(), image.begin() + 2);
  size_t at = 2;
  while (at + 4 < image.size() && image[at] == 0xff && image[at + 1] != 0xda) {
    const size_t length = 2 + static_cast<size_t>(image[at + 2] << 8 | image[at + 3]);
    if (image[at + 1] != marker)
      out.insert(out.end(), image.begin() + static_cast<long>(at), image.begin() + static_cast<long>(at + length));
    at += length;
  }
  out.insert(out.end(), image.begin() + static_cast<long>(at), image.end());
  return out;
}

std::unique_ptr<picture_decoder> make_decoder() {
  return std::move(*default_codec_library().make_picture_decoder());
}

void expect_shows_time(const result<picture_lease>& decoded) {
  ASSERT_TRUE(decoded) << decoded.error().message;
  const raw_picture& picture = **decoded;
  const auto shown = read_time_strip(picture.planes[0], picture.strides[0], picture.shape.width, picture.shape.height);
  EXPECT_EQ(shown, shown_time);
  EXPECT_EQ(picture.captured_at, some_time);
}

TEST(picture_decoder, decodes_what_webcams_send) {
  struct row {
    const char* name;
    AVPixelFormat format;
    pixel_format expected;
  };
  const row rows[] = {{"4:2:0", AV_PIX_FMT_YUVJ420P, pixel_format::yuv420},
                      {"4:2:2", AV_PIX_FMT_YUVJ422P, pixel_format::yuv422p},
                      {"4:4:4", AV_PIX_FMT_YUVJ444P, pixel_format::yuv420}};
  const auto decoder = make_decoder();
  for (const row& each : rows) {
    SCOPED_TRACE(each.name);
    const std::vector<uint8_t> image = make_jpeg(each.format);
    ASSERT_FALSE(image.empty());
    const auto decoded = decoder->decode(image, some_time);
    expect_shows_time(decoded);
    EXPECT_EQ((*decoded)->shape.format, each.expected);
    EXPECT_EQ((*decoded)->shape.width, 640u);
    if (each.expected != pixel_format::yuv420) {
      EXPECT_TRUE((*decoded)->shape.is_full_range);
    }
  }
}

TEST(picture_decoder, decodes_images_without_huffman_tables) {
  const std::vector<uint8_t> image = make_jpeg(AV_PIX_FMT_YUVJ420P);
  const std::vector<uint8_t> bare = without_segments(image, 0xc4);
  ASSERT_LT(bare.size() + 100, image.size());
  expect_shows_time(make_decoder()->decode(bare, some_time));
}

TEST(picture_decoder, keeps_a_picture_as_long_as_its_lease) {
  auto decoder = make_decoder();
  const std::vector<uint8_t> image = make_jpeg(AV_PIX_FMT_YUVJ420P);
  const auto first = decoder->decode(image, some_time);
  for (int i = 0; i < 10; ++i) ASSERT_TRUE(decoder->decode(make_jpeg(AV_PIX_FMT_YUVJ420P, 320, 180), some_time));
  expect_shows_time(first);
  decoder.reset();
  expect_shows_time(first);
}

TEST(picture_decoder, refuses_damaged_images_and_decodes_the_next_good_one) {
  const std::vector<uint8_t> good = make_jpeg(AV_PIX_FMT_YUVJ420P);
  const auto decoder = make_decoder();
  struct row {
    const char* name;
    std::vector<uint8_t> image;
  };
  std::vector<row> rows = {{"empty", {}},
                           {"no JPEG", std::vector<uint8_t>(1000, 0x55)},
                           {"only its beginning", {0xff, 0xd8}},
                           {"cut in its headers", {good.begin(), good.begin() + 100}},
                           {"cut in the middle", {good.begin(), good.begin() + static_cast<long>(good.size() / 2)}}};
  std::vector<uint8_t> progressive = good;
  for (size_t i = 2; i + 1 < progressive.size(); ++i) {
    if (progressive[i] == 0xff && progressive[i + 1] == 0xc0) progressive[i + 1] = 0xc2;
  }
  rows.push_back({"progressive", progressive});
  for (const row& each : rows) {
    SCOPED_TRACE(each.name);
    const auto decoded = decoder->decode(each.image, some_time);
    ASSERT_FALSE(decoded);
    EXPECT_EQ(decoded.error().code, error_code::malformed) << decoded.error().message;
    expect_shows_time(decoder->decode(good, some_time));
  }
}

TEST(picture_decoder, refuses_more_than_64_megapixels_before_it_makes_room) {
  std::vector<uint8_t> image = make_jpeg(AV_PIX_FMT_YUVJ420P);
  for (size_t i = 2; i + 8 < image.size(); ++i) {
    if (image[i] != 0xff || image[i + 1] != 0xc0) continue;
    image[i + 5] = image[i + 7] = 0xff;
    break;
  }
  const auto decoded = make_decoder()->decode(image, some_time);
  ASSERT_FALSE(decoded);
  EXPECT_EQ(decoded.error().code, error_code::too_big);
}

TEST(picture_decoder, survives_images_with_any_byte_changed) {
  const std::vector<uint8_t> good = make_jpeg(AV_PIX_FMT_YUVJ420P, 64, 64);
  const auto decoder = make_decoder();
  uint32_t state = 1;
  for (int i = 0; i < 2000; ++i) {
    std::vector<uint8_t> image = good;
    for (int change = 0; change < 3; ++change) {
      state = state * 1664525 + 1013904223;
      image[(state >> 8) % image.size()] = static_cast<uint8_t>(state >> 24);
    }
    const auto decoded = decoder->decode(image, some_time);
    if (decoded) {
      EXPECT_LE(uint64_t{(*decoded)->shape.width} * (*decoded)->shape.height, 64u << 20);
    }
  }
  EXPECT_TRUE(decoder->decode(good, some_time));
}

}  // namespace
}  // namespace campush

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstring>

#include "codec/codec_library.h"
#include "fakes/fake_codec_library.h"

namespace campush {
namespace {

/// Memory of exactly so many bytes: the page behind its last byte, and one before its first, cannot be read.
class guarded_memory {
 public:
  explicit guarded_memory(size_t size) {
    const auto page = static_cast<size_t>(::sysconf(_SC_PAGESIZE));
    const size_t pages = (size + page - 1) / page * page;
    m_length = pages + 2 * page;
    void* const all = ::mmap(nullptr, m_length, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (all == MAP_FAILED) return;
    m_all = static_cast<uint8_t*>(all);
    if (::mprotect(m_all + page, pages, PROT_READ | PROT_WRITE) != 0) return;
    std::memset(m_all + page, 0x55, pages);
    m_bytes = byte_view(m_all + page + pages - size, size);
  }
  guarded_memory(const guarded_memory&) = delete;
  guarded_memory& operator=(const guarded_memory&) = delete;
  ~guarded_memory() {
    if (m_all != nullptr) ::munmap(m_all, m_length);
  }
  byte_view bytes() const { return m_bytes; }

 private:
  uint8_t* m_all = nullptr;
  size_t m_length = 0;
  byte_view m_bytes;
};

struct format_row {
  pixel_format format;
  size_t planes;
  uint32_t bytes_per_pixel, chroma_bytes;  ///< of a column, and of two
  bool has_half_rows;
};
constexpr format_row formats[] = {
    {pixel_format::yuv420, 3, 1, 1, true}, {pixel_format::nv12, 2, 1, 2, true},
    {pixel_format::nv21, 2, 1, 2, true},   {pixel_format::yuyv, 1, 2, 0, false},
    {pixel_format::uyvy, 1, 2, 0, false},  {pixel_format::yuv422p, 3, 1, 1, false},
    {pixel_format::rgb24, 1, 3, 0, false}, {pixel_format::bgr24, 1, 3, 0, false},
    {pixel_format::grey, 1, 1, 0, false},
};

struct size_row {
  uint32_t width, height, more_stride;
};
constexpr size_row sizes[] = {{640, 480, 0}, {1280, 720, 0}, {720, 512, 0}, {912, 512, 0},  {128, 96, 0}, {641, 479, 0},
                              {66, 34, 0},   {33, 33, 0},    {720, 512, 7}, {640, 480, 64}, {31, 17, 0},  {16, 16, 0},
                              {2, 2, 0},     {1, 1, 0},      {3, 200, 0},   {200, 1, 0},    {1030, 38, 2}};

std::unique_ptr<video_encoder> encoder_of(uint32_t width, uint32_t height) {
  video_encoder_options options;
  options.name = "libx264";
  options.width = width;
  options.height = height;
  auto made = default_codec_library().make_video_encoder(options);
  return made ? std::move(*made) : nullptr;
}

struct guarded_plane {
  uint32_t stride;
  size_t size;
};

guarded_plane plane_of(const format_row& row, const size_row& size, size_t plane) {
  const uint32_t columns = (size.width + 1) / 2;
  const uint32_t bytes = plane == 0 ? size.width * row.bytes_per_pixel : columns * row.chroma_bytes;
  const uint32_t rows = plane == 0 || !row.has_half_rows ? size.height : (size.height + 1) / 2;
  const uint32_t stride = bytes + size.more_stride;
  return {stride, size_t{stride} * (rows - 1) + bytes};
}

/// Every plane alone before a page that cannot be read, as drivers map them.
void encode_planes_apart(const format_row& row, const size_row& size, video_encoder& encoder, frame_sink& sink) {
  raw_picture picture;
  picture.shape = {row.format, size.width, size.height, false};
  std::vector<std::unique_ptr<guarded_memory>> memory;
  for (size_t plane = 0; plane < row.planes; ++plane) {
    const guarded_plane one = plane_of(row, size, plane);
    memory.push_back(std::make_unique<guarded_memory>(one.size));
    ASSERT_EQ(memory.back()->bytes().size(), one.size);
    picture.planes[plane] = memory.back()->bytes();
    picture.strides[plane] = one.stride;
  }
  const auto encoded = encoder.encode(picture, sink);
  EXPECT_TRUE(encoded) << encoded.error().message;
}

/// All planes one after the other, the last before a page that cannot be read.
void encode_planes_together(const format_row& row, const size_row& size, video_encoder& encoder, frame_sink& sink) {
  size_t sum = 0;
  for (size_t plane = 0; plane < row.planes; ++plane) sum += plane_of(row, size, plane).size;
  const guarded_memory memory(sum);
  ASSERT_EQ(memory.bytes().size(), sum);
  raw_picture picture;
  picture.shape = {row.format, size.width, size.height, false};
  size_t begin = 0;
  for (size_t plane = 0; plane < row.planes; ++plane) {
    const guarded_plane one = plane_of(row, size, plane);
    picture.planes[plane] = byte_view(memory.bytes().data() + begin, one.size);
    picture.strides[plane] = one.stride;
    begin += one.size;
  }
  const auto encoded = encoder.encode(picture, sink);
  EXPECT_TRUE(encoded) << encoded.error().message;
}

TEST(guarded_picture, is_encoded_in_its_own_size_without_a_look_behind_its_planes) {
  kept_frames frames;
  for (const size_row& size : sizes) {
    if (size.width < 34 || size.height < 34) continue;
    const auto encoder = encoder_of(size.width & ~1u, size.height & ~1u);
    ASSERT_NE(encoder, nullptr);
    for (const format_row& row : formats) {
      SCOPED_TRACE(std::string(pixel_format_name(row.format)) + " " + std::to_string(size.width));
      encode_planes_apart(row, size, *encoder, frames);
      encode_planes_together(row, size, *encoder, frames);
    }
  }
}

TEST(guarded_picture, is_scaled_without_a_look_behind_its_planes) {
  kept_frames frames;
  for (const size_row& wanted : {size_row{64, 64, 0}, size_row{960, 540, 0}}) {
    const auto encoder = encoder_of(wanted.width, wanted.height);
    ASSERT_NE(encoder, nullptr);
    for (const size_row& size : sizes) {
      for (const format_row& row : formats) {
        SCOPED_TRACE(std::string(pixel_format_name(row.format)) + " " + std::to_string(size.width));
        encode_planes_apart(row, size, *encoder, frames);
        encode_planes_together(row, size, *encoder, frames);
      }
    }
  }
}

}  // namespace
}  // namespace campush

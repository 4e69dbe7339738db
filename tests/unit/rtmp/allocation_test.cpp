#include <gtest/gtest.h>

#include <array>

#include "fakes/allocation_count.h"
#include "net/simulated_loop.h"
#include "rtmp/media_stream.h"
#include "unit/rtmp/frame_builder.h"

namespace campush {
namespace {

using std::chrono::milliseconds;
using namespace test;

/// Keeps the newest tags, as a session with a queue does.
class queueing_sink final : public tag_sink {
 public:
  void on_tag(const tag_ptr& tag, const std::shared_ptr<const stream_headers>&) override {
    m_queue[m_count++ % m_queue.size()] = tag;
  }
  void on_stream_state(stream_state) override {}

 private:
  std::array<tag_ptr, 40> m_queue;
  size_t m_count = 0;
};

/// One camera at 25 pictures and 50 sounds a second, 4 Mbit/s, sizes that vary like a real encoder's: the same in each round
/// of 10 s, as of a clip, or never the same again.
enum class size_pattern { clip, endless };
class camera {
 public:
  camera(codec_id codec, size_pattern pattern) : m_codec(codec), m_pattern(pattern) {
    m_sets = codec == codec_id::h264 ? annexb_of({h264_sps, h264_pps}) : annexb_of({h265_vps, h265_sps, h265_pps});
    m_picture.reserve(200000);
    m_sound.assign(400, 0x21);
  }

  stream_description description() const {
    stream_description all = h264_and_aac();
    all.video->codec = m_codec;
    return all;
  }

  void run(simulation& world, media_stream& stream, milliseconds span) {
    const time_point end = world.now() + span;
    while (world.now() < end) {
      make_picture();
      media_frame frame;
      frame.codec = m_codec;
      frame.dts = frame.pts = frame.capture_time = world.now();
      frame.payload = m_picture;
      stream.on_frame(frame);
      for (int i = 0; i < 2; ++i) {
        frame.codec = codec_id::aac;
        frame.dts = frame.pts = world.now() + milliseconds(i * 20 - 5);
        frame.payload = byte_view(m_sound).subview(0, 100 + next_random() % 300);
        stream.on_frame(frame);
      }
      world.run_for(milliseconds(40));
    }
  }

 private:
  uint32_t next_random() noexcept { return (m_random = m_random * 1664525 + 1013904223) >> 8; }

  void make_picture() {
    if (m_pattern == size_pattern::clip && m_pictures % 250 == 0) m_random = 1;
    const bool is_key = m_pictures++ % 50 == 0;
    m_picture.clear();
    if (is_key) m_picture.insert(m_picture.end(), m_sets.begin(), m_sets.end());
    const size_t slice_bytes = is_key ? 60000 + next_random() % 40000 : 5000 + next_random() % 25000;
    for (const uint8_t byte : start_code) m_picture.push_back(byte);
    m_picture.push_back(
        static_cast<uint8_t>(m_codec == codec_id::h264 ? (is_key ? 0x65 : 0x41) : (is_key ? 0x28 : 0x02)));
    m_picture.push_back(0x01);
    m_picture.resize(m_picture.size() + slice_bytes, 0xa7);
  }

  static constexpr uint8_t start_code[] = {0, 0, 0, 1};
  const codec_id m_codec;
  const size_pattern m_pattern;
  std::vector<uint8_t> m_sets, m_picture, m_sound;
  uint32_t m_random = 1;
  uint64_t m_pictures = 0;
};

TEST(allocation, is_counted) {
  const uint64_t before = allocation_count();
  ::operator delete(::operator new(1));  // a call that the compiler may not leave out
  EXPECT_EQ(before + 1, allocation_count());
}

/// A stream with a queueing session and a GOP cache, warm after 30 s.
class warm_stream {
 public:
  warm_stream(codec_id codec, size_pattern pattern) : m_source(codec, pattern) {
    m_stream.add_sink(m_sink);
    m_stream.hold_gop_cache();
    const stream_description description = m_source.description();
    m_stream.on_source_event({source_event_kind::opened, &description, nullptr});
    m_source.run(m_world, m_stream, std::chrono::seconds(30));
  }
  uint64_t allocations_in(std::chrono::seconds span) {
    const uint64_t before = allocation_count();
    m_source.run(m_world, m_stream, span);
    return allocation_count() - before;
  }
  const media_stream& stream() const { return m_stream; }

 private:
  simulation m_world;
  simulated_loop m_loop{m_world};
  media_stream m_stream{{0, 0}, "main", m_loop, {}};
  queueing_sink m_sink;
  camera m_source;
};

class steady_stream : public testing::TestWithParam<codec_id> {};

TEST_P(steady_stream, allocates_nothing) {
  warm_stream warm(GetParam(), size_pattern::clip);
  const uint64_t tags_before = warm.stream().counters().tags_out;
  EXPECT_EQ(0u, warm.allocations_in(std::chrono::seconds(120)));
  EXPECT_EQ(3u * 25 * 120, warm.stream().counters().tags_out - tags_before);
  EXPECT_EQ(0u, warm.stream().counters().ring_overflows);
  // The queue, the GOP cache and what is free for the next ones: bodies of about 1.2 MB are in use.
  EXPECT_LT(warm.stream().pool_counters().bytes_held, 2500000u);
}

TEST_P(steady_stream, hardly_allocates_when_sizes_never_repeat) {
  warm_stream warm(GetParam(), size_pattern::endless);
  EXPECT_LT(warm.allocations_in(std::chrono::seconds(600)), 3u * 25 * 600 / 1000);
}

INSTANTIATE_TEST_SUITE_P(codecs, steady_stream, testing::Values(codec_id::h264, codec_id::h265),
                         [](const auto& one) { return std::string(codec_name(one.param)); });

}  // namespace
}  // namespace campush

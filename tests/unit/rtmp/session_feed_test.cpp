#include "rtmp/session_feed.h"

#include <gtest/gtest.h>

#include "rtmp/tag_pool.h"

namespace campush {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

/// Takes as many tags as a case allows and keeps what it was given.
struct taking_publisher final : publisher {
  size_t room = SIZE_MAX;
  std::string order;
  std::vector<uint32_t> times;

  void start() override {}
  void publish() override {}
  size_t write(const outgoing_tag* tags, size_t count, video_dialect) override {
    const size_t taken = std::min(count, room);
    for (size_t i = 0; i < taken; ++i) {
      const flv_tag& tag = *tags[i].tag;
      constexpr char letters[] = {'M', 'V', 'A', 'p', 's'};
      order += tag.is_keyframe ? 'k' : letters[static_cast<size_t>(tag.kind)];
      times.push_back(tags[i].timestamp_ms);
    }
    room -= taken;
    return taken;
  }
  bool is_drained() const noexcept override { return true; }
  void stop(duration) override {}
  stream_counters sample() const override { return {}; }
  size_t pending_bytes() const noexcept override { return 0; }
};

struct feed_bench {
  tag_pool pool;
  session_feed feed{session_feed::options{}};
  session_sampler sampler{seconds(8)};
  taking_publisher output;
  time_point now{seconds(1000)};
  std::shared_ptr<const stream_headers> headers = make_headers(1, "sets 1", "config 1");

  std::shared_ptr<flv_tag> make(tag_kind kind, std::string_view body) {
    auto made = pool.make(body.size());
    std::copy(body.begin(), body.end(), made.body);
    made.tag->kind = kind;
    return made.tag;
  }
  std::shared_ptr<const stream_headers> make_headers(uint32_t generation, std::string_view sets,
                                                     std::string_view config) {
    auto made = std::make_shared<stream_headers>();
    made->generation = generation;
    made->metadata.fill(make(tag_kind::metadata, "metadata"));
    made->video_header = make(tag_kind::video_header, sets);
    made->audio_header = make(tag_kind::audio_header, config);
    made->video_codec = codec_id::h264;
    made->audio_codec = codec_id::aac;
    return made;
  }
  session_feed::verdict push(tag_kind kind, int64_t dts_us, bool is_keyframe = false) {
    auto tag = make(kind, "frame");
    tag->is_keyframe = is_keyframe;
    tag->dts = tag->capture_time = time_point(duration(dts_us));
    tag->header_generation = headers->generation;
    return feed.push(tag, headers, now);
  }
  void start(int64_t zero_us) { feed.start(time_point(duration(zero_us)), now, seconds(5)); }
  bool send() { return feed.send(output, sampler); }
};

TEST(session_feed, lets_nothing_pass_before_it_is_started_or_of_before_the_zero) {
  feed_bench bench;
  EXPECT_EQ(bench.push(tag_kind::video, 1000, true), session_feed::verdict::dropped);
  bench.start(50'000);
  EXPECT_EQ(bench.push(tag_kind::audio, 49'999), session_feed::verdict::dropped);
  EXPECT_EQ(bench.push(tag_kind::video, 50'000, true), session_feed::verdict::queued);
  const auto& dropped = bench.feed.queue().dropped().count;
  const auto before_start = static_cast<size_t>(drop_reason::before_start);
  EXPECT_EQ(dropped[static_cast<size_t>(frame_kind::key)][before_start], 1u);
  EXPECT_EQ(dropped[static_cast<size_t>(frame_kind::audio)][before_start], 1u);
}

TEST(session_feed, derives_each_wire_time_by_floor_from_microseconds) {
  feed_bench bench;
  bench.start(999);
  const int64_t period_us = 33'367;  // 29.97 pictures a second
  for (int64_t i = 0; i < 100; ++i) bench.push(tag_kind::video, 999 + i * period_us, i == 0);
  EXPECT_TRUE(bench.send());
  for (size_t i = 0; i < 100; ++i) EXPECT_EQ(bench.output.times[i + 3], i * period_us / 1000);
}

TEST(session_feed, resumes_in_the_middle_of_the_headers_without_repeating_any) {
  feed_bench bench;
  bench.start(0);
  bench.push(tag_kind::video, 0, true);
  bench.push(tag_kind::audio, 10'000);
  for (int i = 0; i < 5; ++i) {
    bench.output.room = 1;
    EXPECT_EQ(bench.send(), i == 4);
  }
  EXPECT_EQ(bench.output.order, "MVAks");
}

TEST(session_feed, sends_only_the_headers_whose_bytes_changed_and_each_before_its_own_track) {
  feed_bench bench;
  bench.start(0);
  bench.push(tag_kind::video, 0, true);
  bench.headers = bench.make_headers(2, "sets 2", "config 1");
  bench.push(tag_kind::audio, 20'000);
  bench.push(tag_kind::video, 40'000, true);
  EXPECT_TRUE(bench.send());
  EXPECT_EQ(bench.output.order, "MVAksVk");
  EXPECT_EQ(bench.output.times[5], 40u);
}

TEST(session_feed, gives_a_picture_of_the_old_set_its_own_header_although_newer_sound_went_first) {
  feed_bench bench;
  bench.start(0);
  bench.push(tag_kind::video, 0, true);
  auto old = bench.headers;
  bench.headers = bench.make_headers(2, "sets 2", "config 1");
  bench.push(tag_kind::audio, 20'000);
  bench.headers = old;
  bench.push(tag_kind::video, 40'000);
  EXPECT_TRUE(bench.send());
  EXPECT_EQ(bench.output.order, "MVAksp");
}

TEST(session_feed, keeps_the_headers_of_all_that_waits_and_sends_nothing_without) {
  feed_bench bench;
  bench.start(0);
  for (uint32_t generation = 1; generation <= 7; ++generation) {
    bench.headers = bench.make_headers(generation, "sets " + std::to_string(generation), "config 1");
    bench.push(tag_kind::video, generation * 40'000, true);
    bench.push(tag_kind::video, generation * 40'000 + 20'000);
  }
  EXPECT_TRUE(bench.send());
  // The fifth set came while four waited: these were given up.
  EXPECT_EQ(bench.output.order, "MVAkpVkpVkp");
  EXPECT_EQ(bench.feed.queue().dropped().total(), 8u);
}

TEST(session_feed, forgets_headers_that_nothing_waits_for) {
  feed_bench bench;
  bench.start(0);
  for (uint32_t generation = 1; generation <= 7; ++generation) {
    bench.headers = bench.make_headers(generation, "sets " + std::to_string(generation), "config 1");
    bench.push(tag_kind::video, generation * 40'000, true);
    EXPECT_TRUE(bench.send());
  }
  EXPECT_EQ(bench.output.order, "MVAkVkVkVkVkVkVk");
}

TEST(session_feed, a_tag_without_its_headers_is_dropped) {
  feed_bench bench;
  bench.start(0);
  const auto good = bench.headers;
  bench.push(tag_kind::video, 0, true);
  auto stray = bench.make(tag_kind::video, "frame");
  stray->dts = time_point(milliseconds(40));
  stray->header_generation = 9;
  EXPECT_EQ(bench.feed.push(stray, nullptr, bench.now), session_feed::verdict::dropped);
  EXPECT_TRUE(bench.send());
  EXPECT_EQ(bench.output.order, "MVAk");
}

/// Pushes H.265 pictures by NAL type: 21 CRA, 20 IDR, 16 BLA, 8 and 9 RASL, 7 RADL, 1 trailing.
std::string sent_of(feed_bench& bench, const std::vector<int>& types) {
  int64_t at_ms = 0;
  for (const int type : types) {
    // A prefix SEI stands before the slice.
    const std::string unit = {0, 0, 0, 3, 39 << 1, 1, 5, 0, 0, 0, 3, static_cast<char>(type << 1), 1, 7};
    auto tag = bench.make(tag_kind::video, unit);
    tag->codec = codec_id::h265;
    tag->is_keyframe = type >= 16;
    tag->is_disposable = type == 8;
    tag->dts = time_point(milliseconds(at_ms));
    tag->header_generation = bench.headers->generation;
    bench.feed.push(tag, bench.headers, bench.now);
    at_ms += 40;
  }
  bench.send();
  return std::exchange(bench.output.order, {});
}

TEST(session_feed, leaves_out_what_refers_to_pictures_before_an_open_gop_that_it_starts_with) {
  const struct {
    const char* name;
    std::vector<int> types;
    const char* order;
    uint64_t dropped;
  } rows[] = {
      {"closed", {20, 1, 1}, "MVAkpp", 0},
      {"start at a CRA", {21, 8, 9, 1, 1}, "MVAkpp", 2},
      {"a decodable leading picture between", {21, 9, 7, 9, 1}, "MVAkpp", 2},
      {"a CRA in the middle is whole", {20, 1, 21, 8, 9, 1}, "MVAkpkppp", 0},
      {"after a splice never", {20, 1, 16, 9, 1}, "MVAkpkp", 1},
      {"only the first GOP", {21, 9, 1, 21, 9, 1}, "MVAkpkpp", 1},
  };
  for (const auto& row : rows) {
    feed_bench bench;
    bench.start(0);
    EXPECT_EQ(sent_of(bench, row.types), row.order) << row.name;
    EXPECT_EQ(bench.feed.queue().dropped().total(), row.dropped) << row.name;
    EXPECT_FALSE(bench.feed.queue().is_waiting_for_keyframe()) << row.name;
  }
}

TEST(session_feed, leaves_them_out_where_the_queue_jumps_to_an_open_gop_later) {
  feed_bench bench;
  bench.start(0);
  std::vector<int> types{20, 1, 21, 8, 9};
  types.resize(80, 1);
  const std::string order = sent_of(bench, types);
  EXPECT_EQ(order, "MVAk" + std::string(75, 'p'));
  EXPECT_EQ(bench.feed.queue().dropped().total(), 4u);
}

TEST(session_feed, counts_what_was_queued_as_not_connected_when_the_connection_ends) {
  feed_bench bench;
  bench.start(0);
  bench.push(tag_kind::video, 0, true);
  bench.push(tag_kind::video, 40'000);
  bench.feed.stop();
  EXPECT_EQ(bench.feed.queue().dropped().total(), 2u);
  EXPECT_TRUE(bench.send());
  EXPECT_EQ(bench.output.order, "");
}

}  // namespace
}  // namespace campush

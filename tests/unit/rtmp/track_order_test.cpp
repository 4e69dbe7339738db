#include "rtmp/track_order.h"

#include <gtest/gtest.h>

#include <string>

#include "unit/rtmp/frame_builder.h"

namespace campush {
namespace {

using std::chrono::milliseconds;
using test::at_ms;

/// A table of arrivals: "V100 A80" at the present time, and what left because of it: "V100 A100".
class order_bench {
 public:
  std::string arrive(const std::string& text) {
    for (size_t at = 0; at < text.size();) {
      size_t end = text.find(' ', at);
      if (end == std::string::npos) end = text.size();
      auto tag = std::make_shared<flv_tag>();
      tag->kind = text[at] == 'A' ? tag_kind::audio : tag_kind::video;
      tag->codec = text[at] == 'A' ? codec_id::aac : codec_id::h264;
      tag->dts = at_ms(std::stoi(text.substr(at + 1, end - at - 1)));
      m_order.push({std::move(tag), nullptr}, m_now);
      collect();
      at = end + 1;
    }
    return take();
  }
  std::string wait(int64_t span_ms) {
    for (const time_point end = m_now + milliseconds(span_ms); m_now < end;) {
      const auto due = m_order.next_due();
      m_now = due && *due < end ? std::max(*due, m_now) : end;
      collect();
    }
    return take();
  }
  std::string flush() {
    m_order.flush();
    collect();
    return take();
  }
  const track_order& order() const { return m_order; }

 private:
  void collect() {
    ordered_tag item;
    while (m_order.pop(item, m_now)) {
      const auto ms = std::chrono::duration_cast<milliseconds>(item.tag->dts.time_since_epoch()).count();
      EXPECT_GE(ms, m_last_ms);
      m_last_ms = ms;
      m_left += (m_left.empty() ? "" : " ") + std::string(item.tag->is_audio_track() ? "A" : "V") + std::to_string(ms);
    }
  }
  std::string take() { return std::exchange(m_left, {}); }

  track_order m_order{milliseconds(200)};
  time_point m_now = at_ms(50000);
  std::string m_left;
  int64_t m_last_ms = 0;
};

TEST(track_order, passes_what_arrives_in_order_at_once) {
  order_bench bench;
  EXPECT_EQ("V100", bench.arrive("V100"));
  EXPECT_EQ("A110", bench.arrive("A110"));
  EXPECT_EQ("A131 V140", bench.arrive("A131 V140"));
  EXPECT_EQ("V180 V220", bench.arrive("V180 V220"));
  EXPECT_FALSE(bench.order().next_due());
}

TEST(track_order, passes_a_single_track_at_once) {
  order_bench bench;
  EXPECT_EQ("A0 A21 A42", bench.arrive("A0 A21 A42"));
}

TEST(track_order, moves_the_first_late_tag_and_then_waits_for_the_late_track) {
  order_bench bench;
  EXPECT_EQ("A60 V100", bench.arrive("A60 V100"));
  EXPECT_EQ("A100", bench.arrive("A80")) << "nobody knew yet that sound lags";
  EXPECT_EQ(1u, bench.order().corrections());
  EXPECT_EQ("", bench.arrive("V140"));
  EXPECT_EQ("A110", bench.arrive("A110"));
  EXPECT_EQ("A131", bench.arrive("A131"));
  EXPECT_EQ("V140 A152", bench.arrive("A152"));
  EXPECT_EQ("", bench.arrive("V180"));
  EXPECT_EQ("A173", bench.arrive("A173"));
  EXPECT_EQ("V180 A194", bench.arrive("A194"));
  EXPECT_EQ(1u, bench.order().corrections());
}

TEST(track_order, holds_a_tag_no_longer_than_the_interleave) {
  order_bench bench;
  bench.arrive("A60 V100 A80");
  EXPECT_EQ("", bench.arrive("V140"));
  EXPECT_EQ("", bench.wait(199));
  EXPECT_EQ("V140", bench.wait(1));
}

TEST(track_order, stops_waiting_for_a_track_that_fell_silent) {
  order_bench bench;
  bench.arrive("A60 V100 A80");
  EXPECT_EQ("", bench.arrive("V140"));
  EXPECT_EQ("V140", bench.wait(250));
  EXPECT_EQ("V180", bench.arrive("V180"));
  EXPECT_EQ("V220", bench.arrive("V220"));
}

TEST(track_order, forgets_a_lag_that_is_over) {
  order_bench bench;
  bench.arrive("A60 V100 A80 A101");
  for (int i = 1; i <= 60; ++i) {
    bench.wait(100);
    bench.arrive("A" + std::to_string(100 + i * 100) + " V" + std::to_string(100 + i * 100));
  }
  EXPECT_EQ("V6140", bench.arrive("V6140"));
}

TEST(track_order, does_not_wait_for_a_track_that_is_further_behind_than_the_interleave) {
  order_bench bench;
  EXPECT_EQ("A0 V1000", bench.arrive("A0 V1000"));
  EXPECT_EQ("A1000", bench.arrive("A500"));
  EXPECT_EQ("V1040", bench.arrive("V1040"));
  EXPECT_EQ("A1040", bench.arrive("A540"));
  EXPECT_EQ("A1041", bench.arrive("A561")) << "a track never repeats a dts";
}

TEST(track_order, lets_everything_go_when_flushed) {
  order_bench bench;
  bench.arrive("A60 V100 A80");
  EXPECT_EQ("", bench.arrive("V140 V180"));
  EXPECT_EQ("V140 V180", bench.flush());
  EXPECT_TRUE(bench.order().empty());
  EXPECT_EQ("", bench.arrive("V220")) << "afterwards it waits again";
}

TEST(track_order, never_holds_more_than_its_room) {
  order_bench bench;
  bench.arrive("A1000 V1010 A1001");
  for (int i = 0; i < 1000; ++i) bench.arrive("V" + std::to_string(1011 + i));
  EXPECT_EQ("A1883", bench.arrive("A1015").substr(0, 5)) << "all but the room has left in the meantime";
}

}  // namespace
}  // namespace campush

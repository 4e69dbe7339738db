#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>

#include "rtmp/send_queue.h"
#include "unit/rtmp/queue_script.h"

namespace campush {
namespace {

using namespace std::chrono_literals;

/// A server's decoder: it must never be shown a picture whose reference is missing, and the tags must come in order.
class decoder_model {
 public:
  void note_pushed(const flv_tag& tag) {
    if (tag.kind == tag_kind::video && !tag.is_disposable) m_references.push_back(&tag);
    if (tag.kind != tag_kind::video && tag.kind != tag_kind::audio) ++m_headers_pushed;
  }
  void take(const flv_tag& tag) {
    if (tag.kind != tag_kind::video && tag.kind != tag_kind::audio) {
      ++m_headers_taken;
      return;
    }
    EXPECT_GE(tag.dts, m_last_dts) << "out of order";
    m_last_dts = tag.dts;
    if (tag.kind == tag_kind::video) take_picture(tag);
    ++m_frames_taken;
  }
  /// Every reference up to the last keyframe that is not taken is lost: the chain must not be used again.
  void take_picture(const flv_tag& tag) {
    const auto index = [this](const flv_tag* wanted) {
      return static_cast<size_t>(
          std::find(m_references.begin() + static_cast<ptrdiff_t>(m_next), m_references.end(), wanted) -
          m_references.begin());
    };
    if (tag.is_disposable) {
      // Its references are all those pushed before it since the keyframe; the stamp tells how many that were.
      EXPECT_EQ(m_next, m_stamps.at(&tag)) << "disposable picture after a missing reference";
      return;
    }
    const size_t at = index(&tag);
    ASSERT_LT(at, m_references.size());
    EXPECT_TRUE(tag.is_keyframe || at == m_next) << "picture after a missing reference";
    m_next = at + 1;
  }
  void stamp(const flv_tag& tag) { m_stamps[&tag] = m_references.size(); }

  uint64_t headers_pushed() const { return m_headers_pushed; }
  uint64_t headers_taken() const { return m_headers_taken; }
  uint64_t frames_taken() const { return m_frames_taken; }

 private:
  std::vector<const flv_tag*> m_references;
  std::map<const flv_tag*, size_t> m_stamps;
  size_t m_next = 0;
  time_point m_last_dts{};
  uint64_t m_headers_pushed = 0, m_headers_taken = 0, m_frames_taken = 0;
};

struct random_run {
  std::mt19937 dice;
  queue_limits limits;
  fake_clock time;
  std::vector<std::shared_ptr<flv_tag>> tags;
  decoder_model decoder;
  uint64_t frames_pushed = 0;

  explicit random_run(uint32_t seed) : dice(seed) {}
  bool chance(int percent) { return static_cast<int>(dice() % 100) < percent; }

  void push_one(send_queue& queue) {
    const char letter = chance(3) ? 'K' : chance(2) ? 'H' : chance(1) ? 'M' : chance(40) ? 'a' : chance(30) ? 'd' : 'P';
    const size_t bytes = letter == 'K'                    ? dice() % 300000
                         : letter == 'a'                  ? dice() % 400
                         : letter == 'H' || letter == 'M' ? dice() % 40
                                                          : dice() % 40000;
    tags.push_back(make_plain_tag(letter, time.now(), bytes));
    const flv_tag& tag = *tags.back();
    decoder.note_pushed(tag);
    decoder.stamp(tag);
    if (tag.kind == tag_kind::video || tag.kind == tag_kind::audio) ++frames_pushed;
    queue.push(tags.back(), time.now());
    ASSERT_LE(queue.queued_bytes(), limits.critical_bytes + 300000 + 40 * decoder.headers_pushed());
  }
  void pop_some(send_queue& queue, size_t count) {
    for (size_t i = 0; i < count && !queue.empty(); ++i) {
      decoder.take(**queue.front());
      queue.pop();
    }
  }
  void step(send_queue& queue, int drain_percent) {
    push_one(queue);
    time.advance(duration(static_cast<int64_t>(dice() % 30000)));
    if (chance(drain_percent)) pop_some(queue, dice() % 6);
    if (chance(5)) queue.set_kernel_unsent(dice() % 200000, dice() % 1000000, time.now());
    if (chance(1) && chance(10)) queue.begin(time.now(), 5s);
  }
};

uint64_t bytes_of(const send_queue& queue) {
  uint64_t sum = 0;
  for (size_t i = 0; i < queue.size(); ++i) sum += (*queue.at(i))->payload_bytes(video_dialect::legacy);
  return sum;
}

TEST(send_queue, never_shows_a_picture_after_a_missing_reference_whatever_comes) {
  for (uint32_t seed = 1; seed <= 60; ++seed) {
    random_run run(seed);
    run.limits.critical_bytes = 1u << 20;
    run.limits.high_bytes = 1u << 19;
    run.limits.warning_bytes = 1u << 18;
    send_queue queue(run.limits, video_dialect::legacy);
    for (int phase = 0; phase < 6; ++phase) {
      const int drain_percent = static_cast<int>(run.dice() % 60);
      for (int i = 0; i < 500 && !testing::Test::HasFailure(); ++i) run.step(queue, drain_percent);
      ASSERT_EQ(queue.queued_bytes(), bytes_of(queue));
    }
    run.pop_some(queue, SIZE_MAX);
    ASSERT_FALSE(testing::Test::HasFailure()) << "seed " << seed;
    EXPECT_EQ(run.decoder.headers_taken(), run.decoder.headers_pushed()) << "seed " << seed;
    EXPECT_EQ(run.decoder.frames_taken() + queue.dropped().total(), run.frames_pushed) << "seed " << seed;
    EXPECT_GT(queue.dropped().total(), 0u) << "seed " << seed;
    EXPECT_GT(run.decoder.frames_taken(), 0u) << "seed " << seed;
    EXPECT_EQ(queue.queued_bytes(), 0u);
  }
}

}  // namespace
}  // namespace campush

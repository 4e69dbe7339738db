#include "rtmp/bitrate_votes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace campush {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

struct recorded_encoder final : stream_control {
  control_outcome request_keyframe() noexcept override { return control_outcome::accepted; }
  control_outcome set_bitrate(uint32_t kbps) noexcept override {
    asked.push_back(kbps);
    return outcome;
  }
  control_outcome set_codec(codec_id) noexcept override { return control_outcome::unsupported; }
  bool has_keyframe_on_demand() const noexcept override { return true; }
  std::vector<uint32_t> asked;
  control_outcome outcome = control_outcome::accepted;
};

/// Three sessions of one encoder that was configured to 4000 kbit/s and may go down to 1000.
struct three_sessions {
  std::shared_ptr<recorded_encoder> encoder = std::make_shared<recorded_encoder>();
  bitrate_votes votes{"cam0_stream0"};
  time_point now{seconds(1000)};
  int a = 0, b = 0, c = 0;

  three_sessions() { votes.set_control(encoder); }
  void vote(const int& who, uint32_t kbps) { votes.vote(&who, {kbps, 1000, 4000}, now); }
  void later(duration span = seconds(2)) { now += span; }
};

TEST(bitrate_votes, the_lowest_wins) {
  three_sessions all;
  all.vote(all.a, 3000);
  all.later();
  all.vote(all.b, 1500);
  all.later();
  all.vote(all.c, 2500);
  EXPECT_THAT(all.encoder->asked, ElementsAre(3000, 1500));
  EXPECT_EQ(all.votes.asked_kbps(), 1500u);
}

TEST(bitrate_votes, a_vote_dies_with_its_session) {
  three_sessions all;
  all.vote(all.a, 3000);
  all.later();
  all.vote(all.b, 1500);
  all.later();
  all.votes.withdraw(&all.b, all.now);
  EXPECT_THAT(all.encoder->asked, ElementsAre(3000, 1500, 3000));
  all.votes.withdraw(&all.a, all.now);
  EXPECT_THAT(all.encoder->asked, ElementsAre(3000, 1500, 3000, 4000));
  all.votes.withdraw(&all.c, all.now);
  EXPECT_EQ(all.encoder->asked.size(), 4u);
}

TEST(bitrate_votes, the_configured_rate_needs_no_words) {
  three_sessions all;
  all.vote(all.a, 4000);
  all.votes.withdraw(&all.a, all.now);
  EXPECT_THAT(all.encoder->asked, IsEmpty());
  EXPECT_EQ(all.votes.asked_kbps(), 0u);
}

TEST(bitrate_votes, asks_at_most_once_a_second_and_forgets_nothing) {
  three_sessions all;
  for (uint32_t kbps = 3000; kbps > 2000; kbps -= 100) {
    all.vote(all.a, kbps);
    all.later(milliseconds(200));
  }
  EXPECT_THAT(all.encoder->asked, ElementsAre(3000, 2500));
  all.vote(all.a, 2100);
  EXPECT_THAT(all.encoder->asked, ElementsAre(3000, 2500, 2100));
}

TEST(bitrate_votes, leaves_small_changes_alone_but_reaches_floor_and_ceiling) {
  three_sessions all;
  for (uint32_t kbps : {3000u, 2950u, 3050u, 1020u, 1000u, 3950u, 4000u}) {
    all.vote(all.a, kbps);
    all.later();
  }
  EXPECT_THAT(all.encoder->asked, ElementsAre(3000, 1020, 1000, 3950, 4000));
}

TEST(bitrate_votes, a_source_that_cannot_is_asked_once) {
  three_sessions all;
  all.encoder->outcome = control_outcome::unsupported;
  for (uint32_t kbps : {3000u, 2000u, 1000u}) {
    all.vote(all.a, kbps);
    all.later();
  }
  EXPECT_EQ(all.encoder->asked.size(), 1u);
  EXPECT_TRUE(all.votes.is_unsupported());
  EXPECT_EQ(all.votes.asked_kbps(), 0u);
}

TEST(bitrate_votes, a_source_that_failed_is_asked_again_after_5_s) {
  three_sessions all;
  all.encoder->outcome = control_outcome::failed;
  all.vote(all.a, 2000);
  for (int i = 0; i < 24; ++i) {
    all.later(milliseconds(200));
    all.vote(all.a, 2000);
  }
  EXPECT_EQ(all.encoder->asked.size(), 1u);
  all.later();
  all.encoder->outcome = control_outcome::accepted;
  all.vote(all.a, 2000);
  EXPECT_EQ(all.encoder->asked.size(), 2u);
  EXPECT_EQ(all.votes.asked_kbps(), 2000u);
}

TEST(bitrate_votes, a_new_source_hears_what_holds) {
  three_sessions all;
  all.vote(all.a, 2000);
  const auto next = std::make_shared<recorded_encoder>();
  all.votes.set_control(next);
  all.later();
  all.vote(all.a, 2000);
  EXPECT_THAT(next->asked, ElementsAre(2000));
}

TEST(bitrate_votes, says_again_what_was_not_obeyed) {
  three_sessions all;
  all.vote(all.a, 2000);
  all.later();
  all.votes.repeat();
  all.vote(all.a, 2000);
  all.later();
  all.vote(all.a, 2000);
  EXPECT_THAT(all.encoder->asked, ElementsAre(2000, 2000));
}

TEST(bitrate_votes, without_a_camera_nothing_happens) {
  three_sessions all;
  all.votes.set_control(nullptr);
  all.vote(all.a, 2000);
  all.votes.withdraw(&all.a, all.now);
  EXPECT_EQ(all.votes.asked_kbps(), 0u);
}

}  // namespace
}  // namespace campush

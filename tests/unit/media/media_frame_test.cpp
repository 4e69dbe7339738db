#include "media/media_frame.h"

#include <gtest/gtest.h>

namespace campush {
namespace {

TEST(codec_name, is_stable_text) {
  EXPECT_STREQ(codec_name(codec_id::none), "none");
  EXPECT_STREQ(codec_name(codec_id::h264), "h264");
  EXPECT_STREQ(codec_name(codec_id::h265), "h265");
  EXPECT_STREQ(codec_name(codec_id::aac), "aac");
  EXPECT_STREQ(codec_name(codec_id::g711a), "g711a");
  EXPECT_STREQ(codec_name(codec_id::g711u), "g711u");
  EXPECT_STREQ(codec_name(static_cast<codec_id>(200)), "none");
}

TEST(media_frame, knows_its_track) {
  media_frame frame;
  frame.codec = codec_id::h265;
  EXPECT_EQ(frame.track(), track_kind::video);
  frame.codec = codec_id::g711a;
  EXPECT_EQ(frame.track(), track_kind::audio);
}

}  // namespace
}  // namespace campush

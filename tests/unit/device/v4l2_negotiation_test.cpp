#include "device/v4l2/v4l2_negotiation.h"

#include <cerrno>

#include "device/v4l2/encoder_controls.h"
#include "v4l2_fixture.h"

namespace campush {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;

class v4l2_negotiation : public ::testing::Test {
 protected:
  static fake_node::format_offer offer(uint32_t fourcc, std::vector<fake_node::size_offer> sizes) {
    fake_node::format_offer out;
    out.fourcc = fourcc;
    out.sizes = std::move(sizes);
    return out;
  }
  result<capture_format> ask(const capture_request& request) {
    if (auto opened = node.open("/dev/video0"); !opened) return tl::unexpected<error>(opened.error());
    return negotiate(node, request);
  }

  fake_v4l2 driver;
  v4l2_node node{driver};
  fake_node& model = driver.node();
};

struct size_case {
  const char* name;
  picture_size wanted, got;
};
TEST_F(v4l2_negotiation, takes_the_nearest_size) {
  model.formats = {offer(V4L2_PIX_FMT_H264, {{640, 360, {}}, {1280, 720, {}}, {1920, 1080, {}}, {640, 480, {}}})};
  const size_case cases[] = {{"as offered", {1280, 720}, {1280, 720}},
                             {"too large", {3840, 2160}, {1920, 1080}},
                             {"too small", {16, 16}, {640, 360}},
                             {"between, the nearer", {1300, 700}, {1280, 720}},
                             {"as near, the larger", {640, 420}, {640, 480}},
                             {"not asked", {0, 0}, {640, 360}}};
  for (const size_case& given : cases) {
    model.width = 640;
    model.height = 360;
    const auto agreed = ask({{V4L2_PIX_FMT_H264}, given.wanted.width, given.wanted.height, 0});
    ASSERT_TRUE(agreed) << given.name;
    EXPECT_EQ(agreed->width, given.got.width) << given.name;
    EXPECT_EQ(agreed->height, given.got.height) << given.name;
  }
}

TEST_F(v4l2_negotiation, keeps_to_the_steps_of_a_range) {
  model.formats = {offer(V4L2_PIX_FMT_H264, {})};
  model.formats[0].range = v4l2_frmsize_stepwise{64, 1936, 16, 64, 1088, 16};
  const auto agreed = ask({{V4L2_PIX_FMT_H264}, 1930, 1081, 0});
  ASSERT_TRUE(agreed);
  EXPECT_EQ(agreed->width, 1920U);
  EXPECT_EQ(agreed->height, 1072U);
  model.formats[0].range = v4l2_frmsize_stepwise{0, 0, 0, 0, 0, 0};
  EXPECT_FALSE(ask({{V4L2_PIX_FMT_H264}, 640, 360, 0})) << "a range of nothing";
}

TEST_F(v4l2_negotiation, takes_the_first_format_that_is_offered) {
  model.formats = {offer(V4L2_PIX_FMT_YUYV, {}), offer(V4L2_PIX_FMT_HEVC, {}), offer(V4L2_PIX_FMT_H264_NO_SC, {})};
  const auto agreed = ask({fourccs_of_codec(codec_id::h264), 0, 0, 0});
  ASSERT_TRUE(agreed);
  EXPECT_EQ(agreed->format.fourcc, uint32_t{V4L2_PIX_FMT_H264_NO_SC});
}

TEST_F(v4l2_negotiation, refuses_a_camera_without_the_format_and_says_what_it_has) {
  model.formats = {offer(V4L2_PIX_FMT_YUYV, {}), offer(V4L2_PIX_FMT_MJPEG, {})};
  const auto agreed = ask({{V4L2_PIX_FMT_H264}, 0, 0, 0});
  ASSERT_FALSE(agreed);
  EXPECT_EQ(agreed.error().code, error_code::unsupported);
  EXPECT_EQ(agreed.error().message, "/dev/video0 does not deliver H264; it offers YUYV, MJPG");
}

TEST_F(v4l2_negotiation, refuses_a_driver_that_answers_with_another_codec) {
  model.formats = {offer(V4L2_PIX_FMT_H264, {}), offer(V4L2_PIX_FMT_HEVC, {})};
  model.answered_fourcc = V4L2_PIX_FMT_HEVC;
  const auto agreed = ask({{V4L2_PIX_FMT_H264}, 0, 0, 0});
  ASSERT_FALSE(agreed);
  EXPECT_EQ(agreed.error().code, error_code::unsupported);
  EXPECT_EQ(agreed.error().message, "/dev/video0 was asked for H264 and answers with HEVC");
}

TEST_F(v4l2_negotiation, tries_where_the_driver_cannot_enumerate) {
  model.can_enumerate = false;
  model.fourcc = V4L2_PIX_FMT_YUYV;
  model.sizes[0] = 640 * 360 * 2;
  EXPECT_TRUE(ask({{V4L2_PIX_FMT_H264}, 0, 0, 0}));
  model.answered_fourcc = V4L2_PIX_FMT_YUYV;
  EXPECT_FALSE(ask({{V4L2_PIX_FMT_H264}, 0, 0, 0}));
  driver.fail(VIDIOC_TRY_FMT, ENOTTY, 10);
  EXPECT_TRUE(ask({{V4L2_PIX_FMT_YUYV}, 0, 0, 0})) << "what it has is what is wanted";
}

TEST_F(v4l2_negotiation, takes_a_device_as_it_is_that_somebody_else_has_set_up) {
  model.formats = {offer(V4L2_PIX_FMT_H264, {})};
  driver.fail(VIDIOC_S_FMT, EBUSY);
  EXPECT_TRUE(ask({{V4L2_PIX_FMT_H264}, 0, 0, 0}));
  model.fourcc = V4L2_PIX_FMT_YUYV;
  driver.fail(VIDIOC_S_FMT, EBUSY);
  const auto agreed = ask({{V4L2_PIX_FMT_H264}, 0, 0, 0});
  ASSERT_FALSE(agreed);
  EXPECT_EQ(agreed.error().code, error_code::busy);
}

TEST_F(v4l2_negotiation, sets_the_rate_and_reports_what_it_became) {
  model.formats = {offer(V4L2_PIX_FMT_H264, {{640, 360, {{1, 30}, {1, 15}}}})};
  const auto rate = [this](double wanted) {
    const auto agreed = ask({{V4L2_PIX_FMT_H264}, 640, 360, wanted});
    return agreed ? agreed->frame_rate : -1;
  };
  EXPECT_DOUBLE_EQ(rate(15), 15);
  EXPECT_DOUBLE_EQ(rate(60), 30);
  EXPECT_NEAR(rate(29.97), 29.97, 0.001);
  EXPECT_NEAR(rate(0), 29.97, 0.001) << "not asked: as it is";
  model.interval = {1, 0};
  EXPECT_DOUBLE_EQ(rate(0), 0);
  model.interval = {0, 25};
  EXPECT_DOUBLE_EQ(rate(0), 0);
  model.has_rate = false;
  EXPECT_DOUBLE_EQ(rate(25), 0);
}

TEST_F(v4l2_negotiation, stays_with_its_rate_when_setting_it_fails) {
  model.formats = {offer(V4L2_PIX_FMT_H264, {})};
  driver.fail(VIDIOC_S_PARM, EINVAL);
  const auto agreed = ask({{V4L2_PIX_FMT_H264}, 0, 0, 60});
  ASSERT_TRUE(agreed);
  EXPECT_DOUBLE_EQ(agreed->frame_rate, 25);
}

TEST_F(v4l2_negotiation, knows_the_lines_of_raw_pictures) {
  model.formats = {offer(V4L2_PIX_FMT_NV12, {})};
  model.sizes[0] = 704 * 360 * 3 / 2;
  model.strides[0] = 704;
  model.quantization = V4L2_QUANTIZATION_FULL_RANGE;
  const auto agreed = ask({{V4L2_PIX_FMT_NV12}, 0, 0, 0});
  ASSERT_TRUE(agreed) << agreed.error().message;
  EXPECT_EQ(agreed->strides[0], 704U);
  EXPECT_TRUE(agreed->is_full_range);
  model.strides[0] = 0;
  EXPECT_EQ(ask({{V4L2_PIX_FMT_NV12}, 0, 0, 0})->strides[0], 640U);
}

TEST_F(v4l2_negotiation, refuses_raw_buffers_that_cannot_hold_a_picture) {
  model.formats = {offer(V4L2_PIX_FMT_YUYV, {})};
  model.sizes[0] = 640 * 360 * 2 - 1;
  EXPECT_EQ(ask({{V4L2_PIX_FMT_YUYV}, 0, 0, 0}).error().code, error_code::unsupported);
  model.sizes[0] = 640 * 360 * 2;
  EXPECT_TRUE(ask({{V4L2_PIX_FMT_YUYV}, 0, 0, 0}));
  model.strides[0] = UINT32_MAX;
  EXPECT_FALSE(ask({{V4L2_PIX_FMT_YUYV}, 0, 0, 0}));
}

TEST_F(v4l2_negotiation, checks_each_plane_of_a_multiplanar_format) {
  model.capabilities = V4L2_CAP_VIDEO_CAPTURE_MPLANE | V4L2_CAP_STREAMING;
  model.formats = {offer(V4L2_PIX_FMT_NV12M, {})};
  model.plane_count = 2;
  model.sizes = {640 * 360, 640 * 180, 0};
  model.strides = {640, 640, 0};
  const auto agreed = ask({{V4L2_PIX_FMT_NV12M}, 0, 0, 0});
  ASSERT_TRUE(agreed) << agreed.error().message;
  EXPECT_EQ(agreed->plane_count, 2U);
  model.sizes[1] -= 1;
  EXPECT_FALSE(ask({{V4L2_PIX_FMT_NV12M}, 0, 0, 0}));
  model.plane_count = 3;
  EXPECT_FALSE(ask({{V4L2_PIX_FMT_NV12M}, 0, 0, 0}));
}

TEST_F(v4l2_negotiation, refuses_sizes_that_cannot_be) {
  model.formats = {offer(V4L2_PIX_FMT_H264, {})};
  for (const picture_size size : {picture_size{0, 360}, picture_size{640, 0}, picture_size{70000, 360}}) {
    model.width = size.width;
    model.height = size.height;
    EXPECT_FALSE(ask({{V4L2_PIX_FMT_H264}, 0, 0, 0})) << size.width << "x" << size.height;
  }
  model.width = model.height = 640;
  model.sizes[0] = UINT32_MAX;
  EXPECT_FALSE(ask({{V4L2_PIX_FMT_H264}, 0, 0, 0}));
}

struct kind_case {
  const char* name;
  uint32_t capabilities;
  const char* text;
};
class v4l2_node_kind : public ::testing::TestWithParam<kind_case> {};
TEST_P(v4l2_node_kind, that_is_no_camera_is_refused_with_what_it_is) {
  fake_v4l2 driver;
  driver.node().capabilities = GetParam().capabilities;
  for (const bool has_device_caps : {true, false}) {
    driver.node().has_device_caps = has_device_caps;
    v4l2_node node(driver);
    const auto opened = node.open("/dev/video0");
    ASSERT_FALSE(opened);
    EXPECT_EQ(opened.error().code, error_code::unsupported);
    EXPECT_THAT(opened.error().message, HasSubstr("/dev/video0 (Fake camera)"));
    EXPECT_THAT(opened.error().message, HasSubstr(GetParam().text));
    EXPECT_EQ(driver.open_descriptors(), 0U);
    EXPECT_TRUE(node.open("/dev/video0", v4l2_node::accepted_kind::any_video_node));
  }
}
INSTANTIATE_TEST_SUITE_P(
    kinds, v4l2_node_kind,
    ::testing::Values(kind_case{"encoder", V4L2_CAP_VIDEO_M2M | V4L2_CAP_STREAMING, "not a camera"},
                      kind_case{"encoder_mplane", V4L2_CAP_VIDEO_M2M_MPLANE | V4L2_CAP_STREAMING, "not a camera"},
                      kind_case{"old_encoder", V4L2_CAP_VIDEO_M2M | V4L2_CAP_VIDEO_CAPTURE | V4L2_CAP_VIDEO_OUTPUT,
                                "not a camera"},
                      kind_case{"output", V4L2_CAP_VIDEO_OUTPUT | V4L2_CAP_STREAMING, "only takes pictures"},
                      kind_case{"metadata", V4L2_CAP_META_CAPTURE | V4L2_CAP_STREAMING, "delivers no pictures"},
                      kind_case{"no_way_to_get_pictures", V4L2_CAP_VIDEO_CAPTURE, "neither streaming nor read()"}),
    [](const auto& param) { return std::string(param.param.name); });

TEST(v4l2_node, takes_text_of_a_driver_for_what_it_is) {
  const char unended[4] = {'a', 'b', 'c', 'd'};
  EXPECT_EQ(driver_text(unended, sizeof unended), "abcd");
  EXPECT_EQ(driver_text("a\nb\0c", 6), "a b");
  EXPECT_EQ(fourcc_text(V4L2_PIX_FMT_GREY), "GREY");
  EXPECT_EQ(fourcc_text(V4L2_PIX_FMT_Y16), "Y16");
  EXPECT_EQ(fourcc_text(1), "????");
}

TEST(v4l2_formats, are_found_by_name_and_fourcc) {
  EXPECT_THAT(fourccs_of_name("h264"), ElementsAre(V4L2_PIX_FMT_H264, V4L2_PIX_FMT_H264_NO_SC));
  EXPECT_THAT(fourccs_of_name("hevc"), ElementsAre(V4L2_PIX_FMT_HEVC));
  EXPECT_THAT(fourccs_of_name("MJPG"), ElementsAre(V4L2_PIX_FMT_MJPEG));
  EXPECT_THAT(fourccs_of_name("nv12"), ElementsAre(V4L2_PIX_FMT_NV12, V4L2_PIX_FMT_NV12M));
  EXPECT_TRUE(fourccs_of_name("").empty());
  EXPECT_TRUE(fourccs_of_name("h264_mvc").empty());
}

class v4l2_encoder_controls : public v4l2_negotiation {
 protected:
  void apply() {
    ASSERT_TRUE(node.open("/dev/video0"));
    controls.apply(wanted);
  }
  void add(uint32_t id, int32_t maximum, uint32_t type = V4L2_CTRL_TYPE_INTEGER, int32_t step = 1) {
    model.controls[id] = {"control", type, 0, maximum, step, 0, 0};
  }
  encoder_config wanted;
  encoder_controls controls{node};
};

TEST_F(v4l2_encoder_controls, are_set_from_the_encoder_section) {
  wanted.control = rate_control::vbr;
  wanted.bitrate_kbps = 4000;
  wanted.gop = 50;
  wanted.profile = "High";
  wanted.level = "4.1";
  add(V4L2_CID_MPEG_VIDEO_REPEAT_SEQ_HEADER, 1, V4L2_CTRL_TYPE_BOOLEAN);
  add(V4L2_CID_MPEG_VIDEO_BITRATE_MODE, 1, V4L2_CTRL_TYPE_MENU);
  add(V4L2_CID_MPEG_VIDEO_BITRATE, 25'000'000);
  add(V4L2_CID_MPEG_VIDEO_GOP_SIZE, 600);
  add(V4L2_CID_MPEG_VIDEO_H264_I_PERIOD, 600);
  add(V4L2_CID_MPEG_VIDEO_H264_PROFILE, 16, V4L2_CTRL_TYPE_MENU);
  add(V4L2_CID_MPEG_VIDEO_H264_LEVEL, 15, V4L2_CTRL_TYPE_MENU);
  apply();
  EXPECT_THAT(driver.written_controls(),
              ElementsAre(Pair(V4L2_CID_MPEG_VIDEO_REPEAT_SEQ_HEADER, 1),
                          Pair(V4L2_CID_MPEG_VIDEO_BITRATE_MODE, V4L2_MPEG_VIDEO_BITRATE_MODE_VBR),
                          Pair(V4L2_CID_MPEG_VIDEO_BITRATE, 4'000'000), Pair(V4L2_CID_MPEG_VIDEO_H264_I_PERIOD, 50),
                          Pair(V4L2_CID_MPEG_VIDEO_GOP_SIZE, 50),
                          Pair(V4L2_CID_MPEG_VIDEO_H264_PROFILE, V4L2_MPEG_VIDEO_H264_PROFILE_HIGH),
                          Pair(V4L2_CID_MPEG_VIDEO_H264_LEVEL, V4L2_MPEG_VIDEO_H264_LEVEL_4_1)));
}

TEST_F(v4l2_encoder_controls, take_a_variable_bitrate_without_a_figure) {
  add(V4L2_CID_MPEG_VIDEO_BITRATE_MODE, 1, V4L2_CTRL_TYPE_MENU);
  add(V4L2_CID_MPEG_VIDEO_BITRATE, 25'000'000);
  apply();
  EXPECT_TRUE(driver.written_controls().empty()) << "constant is what nobody has asked for";
  wanted.control = rate_control::avbr;
  controls.apply(wanted);
  EXPECT_THAT(driver.written_controls(),
              ElementsAre(Pair(V4L2_CID_MPEG_VIDEO_BITRATE_MODE, V4L2_MPEG_VIDEO_BITRATE_MODE_VBR)));
}

TEST_F(v4l2_encoder_controls, of_h265_have_numbers_of_their_own) {
  wanted.codec = codec_id::h265;
  wanted.profile = "main";
  wanted.level = "5.1";
  add(V4L2_CID_MPEG_VIDEO_HEVC_PROFILE, 2, V4L2_CTRL_TYPE_MENU);
  add(V4L2_CID_MPEG_VIDEO_HEVC_LEVEL, 12, V4L2_CTRL_TYPE_MENU);
  apply();
  EXPECT_THAT(driver.written_controls(),
              ElementsAre(Pair(V4L2_CID_MPEG_VIDEO_HEVC_PROFILE, V4L2_MPEG_VIDEO_HEVC_PROFILE_MAIN),
                          Pair(V4L2_CID_MPEG_VIDEO_HEVC_LEVEL, V4L2_MPEG_VIDEO_HEVC_LEVEL_5_1)));
}

TEST_F(v4l2_encoder_controls, stay_within_what_the_driver_allows) {
  wanted.bitrate_kbps = 40'000;
  wanted.gop = 1000;
  add(V4L2_CID_MPEG_VIDEO_BITRATE, 25'000'000, V4L2_CTRL_TYPE_INTEGER, 25'000);
  add(V4L2_CID_MPEG_VIDEO_GOP_SIZE, 16);
  apply();
  EXPECT_EQ(driver.control(V4L2_CID_MPEG_VIDEO_BITRATE), 25'000'000);
  EXPECT_EQ(driver.control(V4L2_CID_MPEG_VIDEO_GOP_SIZE), 16);
  EXPECT_EQ(controls.set_bitrate(4'294'967'295U), 0);
  EXPECT_EQ(driver.control(V4L2_CID_MPEG_VIDEO_BITRATE), 25'000'000);
}

TEST_F(v4l2_encoder_controls, that_are_missing_or_refused_are_no_error) {
  wanted.bitrate_kbps = 4000;
  wanted.gop = 50;
  wanted.profile = "fancy";
  wanted.level = "4.1";
  add(V4L2_CID_MPEG_VIDEO_H264_LEVEL, 3, V4L2_CTRL_TYPE_MENU);
  add(V4L2_CID_MPEG_VIDEO_BITRATE, 25'000'000);
  driver.fail(VIDIOC_S_EXT_CTRLS, EBUSY, 10);
  apply();
  EXPECT_TRUE(driver.written_controls().empty());
  EXPECT_FALSE(controls.has_keyframe_request());
  EXPECT_EQ(controls.request_keyframe(), EBUSY);
  EXPECT_EQ(controls.set_bitrate(1000), EBUSY);
}

TEST_F(v4l2_encoder_controls, are_set_one_by_one_where_the_driver_is_old) {
  wanted.bitrate_kbps = 4000;
  model.has_ext_controls = false;
  add(V4L2_CID_MPEG_VIDEO_BITRATE, 25'000'000);
  apply();
  EXPECT_EQ(driver.control(V4L2_CID_MPEG_VIDEO_BITRATE), 4'000'000);
}

class v4l2_stream_control : public v4l2_source_steps {};

TEST_F(v4l2_stream_control, refuses_what_the_camera_cannot) {
  source = std::make_unique<v4l2_source>(config, time, driver);
  stream_control& control = source->control();
  EXPECT_EQ(control.request_keyframe(), control_outcome::failed) << "not open yet";
  ASSERT_TRUE(source->open());
  EXPECT_EQ(control.request_keyframe(), control_outcome::unsupported);
  EXPECT_EQ(control.set_bitrate(1000), control_outcome::unsupported);
  EXPECT_EQ(control.set_codec(codec_id::h265), control_outcome::unsupported);
  EXPECT_EQ(control.set_codec(codec_id::h264), control_outcome::accepted) << "it is h264";
  EXPECT_FALSE(control.has_keyframe_on_demand());
}

TEST_F(v4l2_stream_control, is_lost_by_a_driver_that_lacks_it_not_by_a_fault) {
  driver.node().controls[V4L2_CID_MPEG_VIDEO_FORCE_KEY_FRAME] = {
      "Force Key Frame", V4L2_CTRL_TYPE_BUTTON, 0, 1, 1, 0, 0};
  driver.node().controls[V4L2_CID_MPEG_VIDEO_BITRATE] = {"Bitrate", V4L2_CTRL_TYPE_INTEGER, 0, 25'000'000, 1, 0, 0};
  ASSERT_TRUE(open());
  stream_control& control = source->control();
  for (const int reason : {EIO, EBUSY, EINVAL}) {
    EXPECT_EQ(control.request_keyframe(), control_outcome::accepted) << reason;
    EXPECT_EQ(control.set_bitrate(1000), control_outcome::accepted) << reason;
    driver.fail(VIDIOC_S_EXT_CTRLS, reason, 2);
    ASSERT_TRUE(step());
  }
  EXPECT_EQ(control.request_keyframe(), control_outcome::unsupported);
  EXPECT_EQ(control.set_bitrate(1000), control_outcome::unsupported);
}

TEST_F(v4l2_stream_control, keeps_its_bitrate_over_a_replug) {
  driver.node().controls[V4L2_CID_MPEG_VIDEO_BITRATE] = {"Bitrate", V4L2_CTRL_TYPE_INTEGER, 0, 25'000'000, 1, 0, 0};
  config.encoder.bitrate_kbps = 4000;
  ASSERT_TRUE(open());
  EXPECT_EQ(source->control().set_bitrate(1500), control_outcome::accepted);
  ASSERT_TRUE(step());
  source->close();
  auto again = source->open();
  ASSERT_TRUE(again);
  EXPECT_EQ(driver.control(V4L2_CID_MPEG_VIDEO_BITRATE), 1'500'000);
  EXPECT_EQ(again->video->bitrate_kbps, 1500U);
  EXPECT_EQ(source->control().set_bitrate(700), control_outcome::accepted);
  source->close();
  ASSERT_TRUE(source->open());
  EXPECT_EQ(driver.control(V4L2_CID_MPEG_VIDEO_BITRATE), 700'000) << "it had not been carried out yet";
}

TEST_F(v4l2_stream_control, takes_effect_with_the_next_step) {
  driver.node().controls[V4L2_CID_MPEG_VIDEO_FORCE_KEY_FRAME] = {
      "Force Key Frame", V4L2_CTRL_TYPE_BUTTON, 0, 1, 1, 0, 0};
  driver.node().controls[V4L2_CID_MPEG_VIDEO_BITRATE] = {"Bitrate", V4L2_CTRL_TYPE_INTEGER, 0, 25'000'000, 1, 0, 0};
  ASSERT_TRUE(open());
  stream_control& control = source->control();
  EXPECT_TRUE(control.has_keyframe_on_demand());
  EXPECT_EQ(control.request_keyframe(), control_outcome::accepted);
  EXPECT_EQ(control.set_bitrate(0), control_outcome::failed);
  EXPECT_EQ(control.set_bitrate(1500), control_outcome::accepted);
  EXPECT_TRUE(driver.written_controls().empty());
  ASSERT_TRUE(step());
  EXPECT_THAT(driver.written_controls(),
              ElementsAre(Pair(V4L2_CID_MPEG_VIDEO_FORCE_KEY_FRAME, 1), Pair(V4L2_CID_MPEG_VIDEO_BITRATE, 1'500'000)));
  ASSERT_TRUE(step());
  EXPECT_EQ(driver.written_controls().size(), 2U) << "once";
}

class v4l2_codec_change : public v4l2_source_steps {
 protected:
  v4l2_codec_change() {
    auto& formats = driver.node().formats;
    formats.push_back(formats[0]);
    formats[1].fourcc = V4L2_PIX_FMT_HEVC;
    config.encoder.codec = codec_id::h265;
  }
};

TEST_F(v4l2_codec_change, starts_a_device_anew_that_has_both) {
  ASSERT_TRUE(open());
  EXPECT_EQ(source->control().set_codec(codec_id::aac), control_outcome::unsupported);
  EXPECT_EQ(source->control().set_codec(codec_id::h264), control_outcome::accepted);
  EXPECT_EQ(*step(), step_outcome::idle);
  ASSERT_EQ(sink.descriptions.size(), 1U);
  EXPECT_EQ(sink.descriptions[0].video->codec, codec_id::h264);
  EXPECT_EQ(driver.node().fourcc, uint32_t{V4L2_PIX_FMT_H264});
  fill_and_step(h264_idr());
  ASSERT_EQ(sink.frames.size(), 1U);
  EXPECT_EQ(sink.frames[0].codec, codec_id::h264);
  EXPECT_TRUE(sink.frames[0].is_keyframe);
  EXPECT_EQ(source->control().set_codec(codec_id::h264), control_outcome::accepted) << "it has that already";
  ASSERT_TRUE(step());
  EXPECT_EQ(sink.descriptions.size(), 1U);
  EXPECT_EQ(source->control().set_codec(codec_id::h265), control_outcome::accepted);
  ASSERT_TRUE(step());
  EXPECT_EQ(sink.descriptions.size(), 2U);
  EXPECT_EQ(driver.open_descriptors(), 1U);
}

TEST_F(v4l2_codec_change, is_forgotten_when_the_device_is_opened_again) {
  ASSERT_TRUE(open());
  source->control().set_codec(codec_id::h264);
  driver.fail(VIDIOC_STREAMON, EIO);
  const auto outcome = step();
  ASSERT_FALSE(outcome);
  EXPECT_THAT(outcome.error().message, HasSubstr("change of the codec: /dev/video0"));
  expect_nothing_left();
  const auto description = source->open();
  ASSERT_TRUE(description);
  EXPECT_EQ(description->video->codec, codec_id::h265);
}

TEST_F(v4l2_codec_change, is_refused_where_the_configuration_names_the_codec) {
  config.source.pixel_format = "h265";
  ASSERT_TRUE(open());
  EXPECT_EQ(source->control().set_codec(codec_id::h264), control_outcome::unsupported);
}

}  // namespace
}  // namespace campush

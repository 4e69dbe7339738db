#include "device/v4l2/encoder_controls.h"

#include <linux/videodev2.h>

#include <algorithm>
#include <cctype>
#include <cerrno>

#include "util/log.h"

namespace campush {

namespace {

/// Names as people write them, without '-', '_', ' ' and '.', in lower case.
struct menu_name {
  const char* name;
  int32_t value;
};
constexpr menu_name h264_profiles[] = {
    {"baseline", V4L2_MPEG_VIDEO_H264_PROFILE_BASELINE},
    {"constrainedbaseline", V4L2_MPEG_VIDEO_H264_PROFILE_CONSTRAINED_BASELINE},
    {"main", V4L2_MPEG_VIDEO_H264_PROFILE_MAIN},
    {"extended", V4L2_MPEG_VIDEO_H264_PROFILE_EXTENDED},
    {"high", V4L2_MPEG_VIDEO_H264_PROFILE_HIGH},
    {"high10", V4L2_MPEG_VIDEO_H264_PROFILE_HIGH_10},
    {"high422", V4L2_MPEG_VIDEO_H264_PROFILE_HIGH_422},
    {"constrainedhigh", V4L2_MPEG_VIDEO_H264_PROFILE_CONSTRAINED_HIGH},
};
constexpr menu_name h264_levels[] = {
    {"1", V4L2_MPEG_VIDEO_H264_LEVEL_1_0},  {"10", V4L2_MPEG_VIDEO_H264_LEVEL_1_0},
    {"1b", V4L2_MPEG_VIDEO_H264_LEVEL_1B},  {"11", V4L2_MPEG_VIDEO_H264_LEVEL_1_1},
    {"12", V4L2_MPEG_VIDEO_H264_LEVEL_1_2}, {"13", V4L2_MPEG_VIDEO_H264_LEVEL_1_3},
    {"2", V4L2_MPEG_VIDEO_H264_LEVEL_2_0},  {"20", V4L2_MPEG_VIDEO_H264_LEVEL_2_0},
    {"21", V4L2_MPEG_VIDEO_H264_LEVEL_2_1}, {"22", V4L2_MPEG_VIDEO_H264_LEVEL_2_2},
    {"3", V4L2_MPEG_VIDEO_H264_LEVEL_3_0},  {"30", V4L2_MPEG_VIDEO_H264_LEVEL_3_0},
    {"31", V4L2_MPEG_VIDEO_H264_LEVEL_3_1}, {"32", V4L2_MPEG_VIDEO_H264_LEVEL_3_2},
    {"4", V4L2_MPEG_VIDEO_H264_LEVEL_4_0},  {"40", V4L2_MPEG_VIDEO_H264_LEVEL_4_0},
    {"41", V4L2_MPEG_VIDEO_H264_LEVEL_4_1}, {"42", V4L2_MPEG_VIDEO_H264_LEVEL_4_2},
    {"5", V4L2_MPEG_VIDEO_H264_LEVEL_5_0},  {"50", V4L2_MPEG_VIDEO_H264_LEVEL_5_0},
    {"51", V4L2_MPEG_VIDEO_H264_LEVEL_5_1},
};
constexpr menu_name h265_profiles[] = {
    {"main", V4L2_MPEG_VIDEO_HEVC_PROFILE_MAIN},
    {"mainstillpicture", V4L2_MPEG_VIDEO_HEVC_PROFILE_MAIN_STILL_PICTURE},
    {"main10", V4L2_MPEG_VIDEO_HEVC_PROFILE_MAIN_10},
};
constexpr menu_name h265_levels[] = {
    {"1", V4L2_MPEG_VIDEO_HEVC_LEVEL_1},    {"10", V4L2_MPEG_VIDEO_HEVC_LEVEL_1},
    {"2", V4L2_MPEG_VIDEO_HEVC_LEVEL_2},    {"20", V4L2_MPEG_VIDEO_HEVC_LEVEL_2},
    {"21", V4L2_MPEG_VIDEO_HEVC_LEVEL_2_1}, {"3", V4L2_MPEG_VIDEO_HEVC_LEVEL_3},
    {"30", V4L2_MPEG_VIDEO_HEVC_LEVEL_3},   {"31", V4L2_MPEG_VIDEO_HEVC_LEVEL_3_1},
    {"4", V4L2_MPEG_VIDEO_HEVC_LEVEL_4},    {"40", V4L2_MPEG_VIDEO_HEVC_LEVEL_4},
    {"41", V4L2_MPEG_VIDEO_HEVC_LEVEL_4_1}, {"5", V4L2_MPEG_VIDEO_HEVC_LEVEL_5},
    {"50", V4L2_MPEG_VIDEO_HEVC_LEVEL_5},   {"51", V4L2_MPEG_VIDEO_HEVC_LEVEL_5_1},
    {"52", V4L2_MPEG_VIDEO_HEVC_LEVEL_5_2}, {"6", V4L2_MPEG_VIDEO_HEVC_LEVEL_6},
    {"60", V4L2_MPEG_VIDEO_HEVC_LEVEL_6},   {"61", V4L2_MPEG_VIDEO_HEVC_LEVEL_6_1},
    {"62", V4L2_MPEG_VIDEO_HEVC_LEVEL_6_2},
};

template <size_t N>
std::optional<int32_t> menu_value(const menu_name (&menu)[N], const std::string& text) {
  std::string wanted;
  for (const char letter : text) {
    const auto character = static_cast<unsigned char>(letter);
    if (std::isalnum(character) != 0) wanted.push_back(static_cast<char>(std::tolower(character)));
  }
  for (const menu_name& row : menu) {
    if (wanted == row.name) return row.value;
  }
  return std::nullopt;
}

}  // namespace

std::optional<encoder_controls::control_range> encoder_controls::find(uint32_t id) const noexcept {
  v4l2_queryctrl answer{};
  answer.id = id;
  if (m_node.call(VIDIOC_QUERYCTRL, &answer) != 0 || (answer.flags & V4L2_CTRL_FLAG_DISABLED) != 0) return std::nullopt;
  return control_range{answer.type, answer.minimum, answer.maximum, answer.step};
}

int encoder_controls::write(uint32_t id, int32_t value) const noexcept {
  v4l2_ext_control single{};
  single.id = id;
  single.value = value;
  v4l2_ext_controls batch{};
  batch.ctrl_class = V4L2_CTRL_ID2CLASS(id);
  batch.count = 1;
  batch.controls = &single;
  const int reason = m_node.call(VIDIOC_S_EXT_CTRLS, &batch);
  if (reason != ENOTTY) return reason;
  v4l2_control plain{};
  plain.id = id;
  plain.value = value;
  return m_node.call(VIDIOC_S_CTRL, &plain);
}

void encoder_controls::say_missing(uint32_t id, const char* what, std::string_view why) {
  const std::string mark = " " + std::to_string(id);
  if (m_said.find(mark) != std::string::npos) return;
  m_said += mark;
  log_info(log_module::device, "{}: {} cannot be set: {}", m_node.path(), what, why);
}

bool encoder_controls::set(uint32_t id, const char* what, int64_t value) {
  const auto range = find(id);
  if (!range) {
    say_missing(id, what, "the driver has no such control");
    return false;
  }
  int64_t allowed = std::clamp(value, range->minimum, std::max(range->minimum, range->maximum));
  if (range->type == V4L2_CTRL_TYPE_INTEGER && range->step > 1) {
    allowed = range->minimum + (allowed - range->minimum) / range->step * range->step;
  }
  if (allowed != value) {
    log_info(log_module::device, "{}: {} {} is not to be had, taking {}", m_node.path(), what, value, allowed);
  }
  const int reason = write(id, static_cast<int32_t>(allowed));
  if (reason != 0) say_missing(id, what, m_node.error_of(reason, "VIDIOC_S_EXT_CTRLS").message);
  return reason == 0;
}

void encoder_controls::set_menu(uint32_t id, const char* what, int64_t value, const std::string& text) {
  const auto range = find(id);
  if (!range) return say_missing(id, what, "the driver has no such control");
  // The nearest item would be another thing, so nothing is clamped here.
  const bool is_item = value >= range->minimum && value <= range->maximum;
  const int reason = is_item ? write(id, static_cast<int32_t>(value)) : EINVAL;
  if (reason != 0) say_missing(id, what, "the driver does not take " + text);
}

void encoder_controls::apply(const encoder_config& wanted) {
  constexpr int64_t bits_per_kbit = 1000;
  m_has_keyframe_request = find(V4L2_CID_MPEG_VIDEO_FORCE_KEY_FRAME).has_value();
  m_has_bitrate = find(V4L2_CID_MPEG_VIDEO_BITRATE).has_value();
  // Without its mark a decoder that comes later has no parameter sets; many drivers do it by themselves and have no control.
  if (find(V4L2_CID_MPEG_VIDEO_REPEAT_SEQ_HEADER)) set(V4L2_CID_MPEG_VIDEO_REPEAT_SEQ_HEADER, "repeated headers", 1);
  const bool is_constant = wanted.control == rate_control::cbr;
  // Constant is the default of the section: without a bitrate nobody has asked for it.
  if (!is_constant || wanted.bitrate_kbps != 0) {
    set_menu(V4L2_CID_MPEG_VIDEO_BITRATE_MODE, "bitrate mode",
             is_constant ? V4L2_MPEG_VIDEO_BITRATE_MODE_CBR : V4L2_MPEG_VIDEO_BITRATE_MODE_VBR,
             is_constant ? "cbr" : "vbr");
  }
  if (wanted.bitrate_kbps != 0) {
    set(V4L2_CID_MPEG_VIDEO_BITRATE, "bitrate", int64_t{wanted.bitrate_kbps} * bits_per_kbit);
    if (!is_constant && find(V4L2_CID_MPEG_VIDEO_BITRATE_PEAK)) {
      set(V4L2_CID_MPEG_VIDEO_BITRATE_PEAK, "peak bitrate", int64_t{wanted.bitrate_kbps} * bits_per_kbit * 3 / 2);
    }
  }
  if (wanted.gop != 0) {
    // Encoders of the Raspberry Pi kind know the distance of keyframes by the second name alone.
    const bool is_h264 = wanted.codec == codec_id::h264;
    const bool has_period = is_h264 && find(V4L2_CID_MPEG_VIDEO_H264_I_PERIOD).has_value();
    if (has_period) set(V4L2_CID_MPEG_VIDEO_H264_I_PERIOD, "keyframe distance", wanted.gop);
    if (!has_period || find(V4L2_CID_MPEG_VIDEO_GOP_SIZE)) {
      set(V4L2_CID_MPEG_VIDEO_GOP_SIZE, "keyframe distance", wanted.gop);
    }
  }
  apply_profile(wanted);
}

void encoder_controls::apply_profile(const encoder_config& wanted) {
  const bool is_h264 = wanted.codec == codec_id::h264;
  if (!wanted.profile.empty()) {
    const uint32_t id = is_h264 ? V4L2_CID_MPEG_VIDEO_H264_PROFILE : V4L2_CID_MPEG_VIDEO_HEVC_PROFILE;
    const auto value = is_h264 ? menu_value(h264_profiles, wanted.profile) : menu_value(h265_profiles, wanted.profile);
    if (value) {
      set_menu(id, "profile", *value, wanted.profile);
    } else {
      say_missing(id, "profile", wanted.profile + " is not known");
    }
  }
  if (!wanted.level.empty()) {
    const uint32_t id = is_h264 ? V4L2_CID_MPEG_VIDEO_H264_LEVEL : V4L2_CID_MPEG_VIDEO_HEVC_LEVEL;
    const auto value = is_h264 ? menu_value(h264_levels, wanted.level) : menu_value(h265_levels, wanted.level);
    if (value) {
      set_menu(id, "level", *value, wanted.level);
    } else {
      say_missing(id, "level", wanted.level + " is not known");
    }
  }
}

int encoder_controls::request_keyframe() noexcept {
  // A button: the value counts for nothing, but drivers exist that look for a change to 1.
  return write(V4L2_CID_MPEG_VIDEO_FORCE_KEY_FRAME, 1);
}

int encoder_controls::set_bitrate(uint32_t kbps) noexcept {
  constexpr int64_t bits_per_kbit = 1000;
  const auto range = find(V4L2_CID_MPEG_VIDEO_BITRATE);
  if (!range) return EINVAL;
  const int64_t value = std::clamp(kbps * bits_per_kbit, range->minimum, std::max(range->minimum, range->maximum));
  return write(V4L2_CID_MPEG_VIDEO_BITRATE, static_cast<int32_t>(value));
}

}  // namespace campush

#include "codec/libav_video_plan.h"

#include <dirent.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <thread>

#include "codec/libav_log.h"
#include "codec/libav_pictures.h"

namespace campush {

namespace {

constexpr video_encoder_kind kinds[] = {
    {"h264_v4l2m2m", codec_id::h264, true, false, {AV_PIX_FMT_NV12, AV_PIX_FMT_YUV420P}},
    {"hevc_v4l2m2m", codec_id::h265, true, false, {AV_PIX_FMT_NV12, AV_PIX_FMT_YUV420P}},
    {"libx264", codec_id::h264, false, true, {AV_PIX_FMT_YUV420P, AV_PIX_FMT_NONE}},
    {"libx265", codec_id::h265, false, false, {AV_PIX_FMT_YUV420P, AV_PIX_FMT_NONE}},
};

constexpr double default_rate = 25, slowest_rate = 0.1, fastest_rate = 240;
constexpr uint32_t shortest_side = 32, longest_encoded_side = 8192;
constexpr uint32_t lowest_kbps = 16, highest_kbps = 200'000;
constexpr uint32_t longest_gop = 100'000;
/// Where nothing is asked for: bits per pixel that look well in H.264, and a keyframe so often.
constexpr double default_bits_per_pixel = 0.07, h265_share = 0.65, default_gop_s = 2;
/// Pictures up to this many pixels are encoded sooner by one thread than two threads agree on them: libx265 hands a picture from thread to
/// thread for each row of blocks, and on a busy machine each hand-over waits for its turn.
constexpr uint64_t single_thread_area = 640 * 360, single_thread_area_h265 = 1280 * 720;
constexpr uint64_t careful_area = 1280 * 720;

struct profile_row {
  codec_id codec;
  const char* name;
  int number;  ///< profile_idc
};
constexpr profile_row profiles[] = {{codec_id::h264, "baseline", 66},
                                    {codec_id::h264, "main", 77},
                                    {codec_id::h264, "high", 100},
                                    {codec_id::h265, "main", 1}};

/// A name between spaces, as they stand in the tables A.1 of H.264 and A.8 of H.265.
constexpr const char* h264_levels = " 1 1.1 1.2 1.3 2 2.1 2.2 3 3.1 3.2 4 4.1 4.2 5 5.1 5.2 6 6.1 6.2 ";
constexpr const char* h265_levels = " 1 2 2.1 3 3.1 4 4.1 5 5.1 5.2 6 6.1 6.2 ";

bool is_level(codec_id codec, const std::string& name) {
  const std::string_view known = codec == codec_id::h264 ? h264_levels : h265_levels;
  return name.empty() || known.find(" " + name + " ") != std::string_view::npos;
}

const profile_row* find_profile(codec_id codec, const std::string& name) noexcept {
  for (const profile_row& row : profiles) {
    if (row.codec == codec && name == row.name) return &row;
  }
  return nullptr;
}

bool has_video_device() noexcept {
  DIR* const folder = ::opendir("/dev");
  if (folder == nullptr) return false;
  bool is_found = false;
  while (const dirent* entry = ::readdir(folder)) is_found = is_found || std::strncmp(entry->d_name, "video", 5) == 0;
  ::closedir(folder);
  return is_found;
}

bool is_auto(const video_encoder_options& options) noexcept {
  return options.name.empty() || options.name == "auto";
}

std::string names_for(codec_id codec) {
  std::string names;
  for (const video_encoder_kind& kind : kinds) {
    if (kind.codec != codec || avcodec_find_encoder_by_name(kind.name) == nullptr) continue;
    if (!names.empty()) names += ", ";
    names += kind.name;
  }
  return names.empty() ? "none: FFmpeg was built without" : names;
}

AVRational rational(double rate) noexcept {
  const double whole = std::round(rate);
  if (std::abs(rate - whole) < 1e-3) return {static_cast<int>(whole), 1};
  const double ntsc = std::round(rate * 1.001);
  if (std::abs(rate - ntsc / 1.001) < 0.0055) return {static_cast<int>(ntsc) * 1000, 1001};
  return {static_cast<int>(std::lround(rate * 1000)), 1000};
}

uint32_t default_kbps(codec_id codec, const video_encoder_plan& plan) noexcept {
  const double share = codec == codec_id::h265 ? h265_share : 1;
  const double bits = default_bits_per_pixel * share * plan.width * plan.height * av_q2d(plan.frame_rate);
  return std::clamp(static_cast<uint32_t>(bits / 1000), 64u, highest_kbps);
}

/// What is given of width and height; the other one keeps the shape of the pictures. 4:2:0 wants even ones.
void set_size(video_encoder_plan& plan, const video_encoder_options& options, const picture_shape& first) noexcept {
  const double ratio = first.height > 0 ? static_cast<double>(first.width) / first.height : 0;
  plan.width = options.width;
  plan.height = options.height;
  if (plan.width == 0 && plan.height == 0) {
    plan.width = first.width;
    plan.height = first.height;
  } else if (plan.width == 0) {
    plan.width = static_cast<uint32_t>(std::lround(std::min(plan.height * ratio, 1e6)));
  } else if (plan.height == 0 && ratio > 0) {
    plan.height = static_cast<uint32_t>(std::lround(std::min(plan.width / ratio, 1e6)));
  }
  plan.width &= ~1u;
  plan.height &= ~1u;
}

int threads_for(codec_id codec, const video_encoder_plan& plan) noexcept {
  const uint64_t area = codec == codec_id::h264 ? single_thread_area : single_thread_area_h265;
  const bool is_small = uint64_t{plan.width} * plan.height <= area;
  return is_small || std::thread::hardware_concurrency() < 2 ? 1 : 2;
}

const char* preset_of(const video_encoder_plan& plan) noexcept {
  return uint64_t{plan.width} * plan.height <= careful_area ? "veryfast" : "superfast";
}

/// The result of each is looked at by avcodec_open2(), which refuses what does not go together.
void set_option(AVCodecContext& context, const char* name, const std::string& value) noexcept {
  if (!value.empty()) av_opt_set(context.priv_data, name, value.c_str(), 0);
}

void set_x264(AVCodecContext& context, const video_encoder_plan& plan) {
  set_option(context, "preset", preset_of(plan));
  set_option(context, "tune", "zerolatency");
  set_option(context, "profile", plan.profile);
  set_option(context, "level", plan.level);
  set_option(context, "forced-idr", "1");
  set_option(context, "x264-params", "scenecut=0:open-gop=0:repeat-headers=1:annexb=1:aud=0");
}

void set_x265(AVCodecContext& context, const video_encoder_plan& plan) {
  set_option(context, "preset", preset_of(plan));
  set_option(context, "tune", "zerolatency");
  set_option(context, "profile", plan.profile);
  set_option(context, "forced-idr", "1");
  const std::string gop = std::to_string(plan.gop);
  std::string more =
      "log-level=none:repeat-headers=1:annexb=1:open-gop=0:scenecut=0:bframes=0:frame-threads=1:keyint=" + gop +
      ":min-keyint=" + gop;
  // With pools it would start a thread a processor.
  more += plan.threads > 1 ? ":pools=" + std::to_string(plan.threads) : ":pools=none:wpp=0";
  if (!plan.level.empty()) more += ":level-idc=" + plan.level;
  set_option(context, "x265-params", more);
}

}  // namespace

result<std::vector<const video_encoder_kind*>> encoders_for(const video_encoder_options& options) {
  std::vector<const video_encoder_kind*> found;
  const bool tries_hardware = !is_auto(options) || has_video_device();
  for (const video_encoder_kind& kind : kinds) {
    const bool is_meant = kind.codec == options.codec && (is_auto(options) || options.name == kind.name);
    if (!is_meant || (kind.is_hardware && !tries_hardware)) continue;
    if (avcodec_find_encoder_by_name(kind.name) != nullptr) found.push_back(&kind);
  }
  const auto is_avoided = [&options](const video_encoder_kind* kind) { return options.avoided == kind->name; };
  if (is_auto(options) && found.size() > 1) {
    found.erase(std::remove_if(found.begin(), found.end(), is_avoided), found.end());
  }
  if (!found.empty()) return found;
  const std::string wanted = is_auto(options) ? "" : " " + options.name;
  return fail(error_code::not_found, "no encoder" + wanted + " for " + codec_name(options.codec) +
                                         "; these are here: " + names_for(options.codec));
}

result<void> check_options(const video_encoder_options& options) {
  const auto refuse = [](const std::string& why) { return fail(error_code::invalid_argument, why); };
  if (!is_video(options.codec)) return refuse(std::string(codec_name(options.codec)) + " is not video");
  const bool has_rate = options.frame_rate >= slowest_rate && options.frame_rate <= fastest_rate;
  if (options.frame_rate != 0 && !has_rate) return refuse("the frame rate of an encoder is within 0.1 and 240");
  if (options.gop > longest_gop) return refuse("a GOP has at most 100000 pictures");
  const bool has_kbps = options.bitrate_kbps >= lowest_kbps && options.bitrate_kbps <= highest_kbps;
  if (options.bitrate_kbps != 0 && !has_kbps) return refuse("the bitrate of an encoder is within 16 and 200000 kbit/s");
  if (!options.profile.empty() && find_profile(options.codec, options.profile) == nullptr) {
    const char* const allowed = options.codec == codec_id::h264 ? "baseline, main, high" : "main";
    return refuse("profile " + options.profile + " is not one of " + codec_name(options.codec) + ": " + allowed);
  }
  if (is_level(options.codec, options.level)) return {};
  return refuse("level " + options.level + " is none of " + codec_name(options.codec));
}

result<video_encoder_plan> make_plan(const video_encoder_options& options, const picture_shape& first) {
  video_encoder_plan plan;
  set_size(plan, options, first);
  const bool is_possible = plan.width >= shortest_side && plan.height >= shortest_side &&
                           plan.width <= longest_encoded_side && plan.height <= longest_encoded_side;
  if (!is_possible) {
    return fail(error_code::invalid_argument, "pictures of " + std::to_string(plan.width) + "x" +
                                                  std::to_string(plan.height) +
                                                  " cannot be encoded: each side is within 32 and 8192");
  }
  plan.frame_rate = rational(options.frame_rate > 0 ? options.frame_rate : default_rate);
  plan.kbps = options.bitrate_kbps > 0 ? options.bitrate_kbps : default_kbps(options.codec, plan);
  const double pictures = std::max(1.0, std::round(default_gop_s * av_q2d(plan.frame_rate)));
  plan.gop = options.gop > 0 ? options.gop : static_cast<uint32_t>(pictures);
  plan.threads = threads_for(options.codec, plan);
  plan.control = options.control;
  plan.profile = options.profile;
  plan.level = options.level;
  return plan;
}

void set_rate(AVCodecContext& context, const video_encoder_plan& plan) noexcept {
  // A constant rate may be passed for a second, a variable one by half and for two.
  const bool is_constant = plan.control == encoder_rate_control::constant;
  const int64_t bits = int64_t{plan.kbps} * 1000;
  context.bit_rate = bits;
  context.rc_max_rate = is_constant ? bits : bits + bits / 2;
  context.rc_buffer_size = static_cast<int>(std::min<int64_t>(is_constant ? bits : bits * 2, INT32_MAX));
}

result<libav_ptr<AVCodecContext>> open_encoder(const video_encoder_kind& kind, AVPixelFormat format,
                                               const video_encoder_plan& plan) {
  const AVCodec* const codec = avcodec_find_encoder_by_name(kind.name);
  libav_ptr<AVCodecContext> context(codec != nullptr ? avcodec_alloc_context3(codec) : nullptr);
  if (!context) return fail(error_code::not_found, std::string("no encoder ") + kind.name);
  context->width = static_cast<int>(plan.width);
  context->height = static_cast<int>(plan.height);
  context->pix_fmt = format;
  context->color_range = AVCOL_RANGE_MPEG;
  context->framerate = plan.frame_rate;
  context->time_base = av_inv_q(plan.frame_rate);
  context->gop_size = context->keyint_min = static_cast<int>(plan.gop);
  context->max_b_frames = 0;
  context->flags |= AV_CODEC_FLAG_CLOSED_GOP | AV_CODEC_FLAG_LOW_DELAY;
  context->thread_count = plan.threads;
  context->thread_type = FF_THREAD_SLICE;
  set_rate(*context, plan);
  if (std::strcmp(kind.name, "libx264") == 0) set_x264(*context, plan);
  if (std::strcmp(kind.name, "libx265") == 0) set_x265(*context, plan);
  const profile_row* const profile = find_profile(kind.codec, plan.profile);
  if (kind.is_hardware && profile != nullptr) context->profile = profile->number;
  forget_libav_words();
  const int opened = avcodec_open2(context.get(), codec, nullptr);
  if (opened >= 0) return context;
  const std::string hint =
      plan.level.empty() ? "" : " (with level " + plan.level + ", which may be too low for this size)";
  return tl::unexpected<error>(libav_error(opened, kind.name + hint));
}

}  // namespace campush

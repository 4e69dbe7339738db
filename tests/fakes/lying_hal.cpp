#include "fakes/lying_hal.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstring>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "device/vendor/camera_hal.h"

namespace {

using namespace std::chrono;

// Never destroyed: a thread that was told to block is still here when the process ends.
std::mutex& lie_mutex = *new std::mutex;
std::string& plugin_lie = *new std::string;                                      // guarded by lie_mutex
std::map<std::string, unsigned>& counts = *new std::map<std::string, unsigned>;  // guarded by lie_mutex
std::mutex& block_mutex = *new std::mutex;
std::condition_variable& unblocked = *new std::condition_variable;
unsigned block_round = 0;  // guarded by block_mutex

constexpr uint32_t video_channels = 4, audio_channels = 4;
constexpr unsigned keyframe_distance = 25;

void count(const char* what, unsigned by = 1) {
  const std::lock_guard<std::mutex> hold(lie_mutex);
  counts[what] += by;
}

bool is_lie(const char* name) {
  const std::lock_guard<std::mutex> hold(lie_mutex);
  return plugin_lie == name;
}

void block() {
  count("blocked");
  std::unique_lock<std::mutex> hold(block_mutex);
  const unsigned round = block_round;
  unblocked.wait(hold, [round] { return block_round != round; });
}

int64_t now_us() {
  return duration_cast<microseconds>(steady_clock::now().time_since_epoch()).count();
}

std::string option(const std::string& options, const std::string& key) {
  const size_t at = options.find('"' + key + "\":");
  if (at == std::string::npos) return {};
  const size_t begin = options.find_first_not_of(" \"", at + key.size() + 3);
  return options.substr(begin, options.find_first_of("\",}", begin) - begin);
}

}  // namespace

struct campush_hal_channel {
  uint32_t kind = 0, number = 0, codec = 0;
  std::string lie;
  int64_t period_us = 40000, due_us = 0;
  bool has_descriptor = false, is_scattered = false, is_keyframe_wanted = true, is_started = false;
  int timer = -1;
  unsigned units = 0, since_keyframe = 0, starts = 0, gets = 0;
  std::vector<uint8_t> bytes;
  std::vector<campush_hal_part> parts;
  std::thread changer;

  bool lies(const char* name) const { return lie == name || is_lie(name); }
};

namespace {

std::atomic<unsigned> opens_of_video_0{0};
std::mutex channels_mutex;
bool is_open[2][video_channels];  // guarded by channels_mutex
/// Those never closed, because whoever had them open gave them up inside a blocked call: reachable, so no leak of ours.
auto& live_channels = *new std::set<campush_hal_channel*>;  // guarded by channels_mutex

const uint8_t h264_sets[] = {0,    0,    0,    1,    0x67, 0x4d, 0x40, 0x0a, 0xf2, 0x08, 0x4d, 0x80, 0x88,
                             0x00, 0x00, 0x03, 0x00, 0x08, 0x00, 0x00, 0x03, 0x01, 0x90, 0x78, 0x91, 0x28,
                             0x90, 0,    0,    0,    1,    0x68, 0xeb, 0xe0, 0x65, 0x2c, 0x80};

template <class Struct>
int fill(Struct* theirs, Struct ours) {
  ours.size = std::min<uint32_t>(theirs->size, sizeof ours);
  std::memcpy(static_cast<void*>(theirs), &ours, ours.size);
  return CAMPUSH_HAL_OK;
}

int lying_describe(campush_hal_info* info) {
  if (is_lie("describe_fails")) return CAMPUSH_HAL_FAILED;
  if (is_lie("describe_throws")) throw 1;
  if (is_lie("describe_blocks")) block();
  campush_hal_info out{};
  std::strcpy(out.name, "liar");
  std::strcpy(out.vendor, "tests");
  std::strcpy(out.plugin_version, "1");
  if (is_lie("endless_text")) std::memset(out.name, '\x1b', sizeof out.name);
  out.flags = is_lie("serial") ? 0 : CAMPUSH_HAL_PARALLEL_CHANNELS;
  out.cameras = 1;
  out.video_channels = is_lie("too_many_channels") ? 4000000000u : video_channels;
  out.audio_channels = audio_channels;
  if (is_lie("sound_only")) out.video_channels = 0;
  if (is_lie("no_sound")) out.audio_channels = 0;
  if (is_lie("no_channels")) out.video_channels = out.audio_channels = 0;
  out.max_encoders = 2;
  const uint32_t room = info->size;
  fill(info, out);
  if (is_lie("describe_overruns")) std::memset(reinterpret_cast<char*>(info) + room, 0, 8);
  if (is_lie("describe_size")) info->size = 3;
  return is_lie("describe_positive") ? 7 : CAMPUSH_HAL_OK;
}

int lying_describe_channel(uint32_t kind, uint32_t channel, campush_hal_channel_info* info) {
  const bool is_video = kind == CAMPUSH_HAL_VIDEO;
  const bool exists = is_video ? channel < video_channels : kind == CAMPUSH_HAL_AUDIO && channel < audio_channels;
  if (!exists && !is_lie("describes_anything")) return CAMPUSH_HAL_INVALID;
  campush_hal_channel_info out{};
  out.kind = kind;
  out.channel = channel;
  out.codecs = is_video ? CAMPUSH_HAL_H264 | CAMPUSH_HAL_H265 : CAMPUSH_HAL_G711A;
  if (is_lie("no_codecs")) out.codecs = 0;
  out.max_bitrate_kbps = is_video ? 8000 : 0;
  std::strcpy(out.name, "lies");
  return fill(info, out);
}

int open_out(campush_hal_channel* made, campush_hal_format* format, campush_hal_channel** out) {
  const bool is_video = made->kind == CAMPUSH_HAL_VIDEO;
  campush_hal_format says{};
  says.codec = made->lies("open_bad_codec") ? 3u : made->codec;
  says.width = made->lies("open_huge_size") ? 4000000000u : is_video ? 96 : 0;
  says.height = is_video ? 54 : 0;
  says.frame_rate = is_video ? static_cast<uint32_t>(1000000000 / made->period_us) : 0;
  if (made->lies("wrong_frame_rate")) says.frame_rate *= 3;
  says.sample_rate = is_video || made->lies("open_no_rate") ? 0 : 8000;
  says.audio_channels = is_video ? 0 : 1;
  says.config_bytes = made->lies("open_long_config") ? 4000 : 0;
  const uint32_t room = format->size;
  fill(format, says);
  if (made->lies("open_overruns")) std::memset(reinterpret_cast<char*>(format) + room, 0, 8);
  *out = made;
  return CAMPUSH_HAL_OK;
}

int lying_open(const campush_hal_config* config, campush_hal_format* format, campush_hal_channel** out) {
  const bool is_video = config->kind == CAMPUSH_HAL_VIDEO;
  if (config->channel >= (is_video ? video_channels : audio_channels)) return CAMPUSH_HAL_INVALID;
  const std::string lie = option(config->options, "lie");
  const auto lies = [&](const char* name) { return lie == name || is_lie(name); };
  if (lies("open_fails")) return CAMPUSH_HAL_FAILED;
  if (lies("open_null_handle")) return fill(format, campush_hal_format{});
  if (lies("open_positive")) return 1;
  if (lies("open_throws")) throw std::string("no");
  if (lies("open_blocks")) block();
  {
    const std::lock_guard<std::mutex> hold(channels_mutex);
    bool& is_taken = is_open[config->kind - 1][config->channel];
    if (is_taken && !lies("opens_twice")) return CAMPUSH_HAL_BUSY;
    is_taken = true;
  }
  count("open");
  if (is_video && config->channel == 0) ++opens_of_video_0;
  auto* const made = new campush_hal_channel;
  {
    const std::lock_guard<std::mutex> hold(channels_mutex);
    live_channels.insert(made);
  }
  made->kind = config->kind;
  made->number = config->channel;
  made->codec =
      is_video ? (config->codec == CAMPUSH_HAL_H265 ? CAMPUSH_HAL_H265 : CAMPUSH_HAL_H264) : CAMPUSH_HAL_G711A;
  made->lie = lie;
  const std::string period = option(config->options, "period_ms");
  if (!period.empty()) made->period_us = std::stoi(period) * 1000;
  made->has_descriptor = option(config->options, "fd") == "1" || made->lies("bad_fd") || made->lies("always_readable");
  made->is_scattered = option(config->options, "scattered") == "1";
  made->timer = ::timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
  return open_out(made, format, out);
}

void arm(campush_hal_channel& channel) {
  itimerspec when{};
  when.it_value.tv_sec = channel.due_us / 1000000;
  when.it_value.tv_nsec = channel.due_us % 1000000 * 1000 + 1;
  ::timerfd_settime(channel.timer, TFD_TIMER_ABSTIME, &when, nullptr);
}

int lying_start(campush_hal_channel* channel) {
  count("start");
  if (channel->lies("start_fails")) return CAMPUSH_HAL_GONE;
  if (channel->lies("start_blocks") || (channel->lies("slow_restart") && channel->starts > 0)) block();
  ++channel->starts;
  channel->is_started = true;
  channel->is_keyframe_wanted = true;
  channel->due_us = now_us() + channel->period_us;
  arm(*channel);
  return CAMPUSH_HAL_OK;
}

int lying_poll_fd(campush_hal_channel* channel) {
  if (channel->lies("bad_fd")) return 1 << 20;
  if (channel->lies("always_readable")) {
    static const int null_device = ::open("/dev/zero", O_RDONLY | O_CLOEXEC);
    return null_device;
  }
  return channel->has_descriptor ? channel->timer : -1;
}

void make_picture(campush_hal_channel& channel) {
  std::vector<uint8_t>& bytes = channel.bytes;
  const bool is_due = channel.since_keyframe >= keyframe_distance && !channel.lies("never_keyframe");
  const bool is_first_hidden = channel.lies("starts_without_keyframe") && channel.units < 3;
  const bool is_key = (channel.is_keyframe_wanted || is_due) && !is_first_hidden;
  bytes.clear();
  if (channel.kind == CAMPUSH_HAL_AUDIO) {
    bytes.assign(320, 0xd5);
    return;
  }
  const bool is_h265 = channel.codec == CAMPUSH_HAL_H265;
  if (is_key && !is_h265 && !channel.lies("no_parameter_sets"))
    bytes.assign(std::begin(h264_sets), std::end(h264_sets));
  if (is_key && is_h265) bytes = {0, 0, 0, 1, 0x40, 1, 1, 2, 0, 0, 0, 1, 0x42, 1, 1, 2, 0, 0, 0, 1, 0x44, 1, 1, 2};
  const size_t slice = bytes.size();
  bytes.insert(bytes.end(), {0, 0, 0, 1});
  if (is_h265) {
    bytes.insert(bytes.end(), {static_cast<uint8_t>(is_key ? 0x26 : 0x02), 1, 0xaf});
  } else {
    bytes.insert(bytes.end(), {static_cast<uint8_t>(is_key ? 0x65 : 0x41), 0x88});
  }
  bytes.resize(bytes.size() + 600, 0x5a);
  if (channel.lies("length_prefixed")) std::memcpy(&bytes[slice], "\0\0\2\x5a", 4);
  if (channel.lies("length_prefixed")) bytes.erase(bytes.begin(), bytes.begin() + static_cast<long>(slice));
  if (channel.lies("two_pictures")) {
    const std::vector<uint8_t> twin(bytes.begin() + static_cast<long>(slice), bytes.end());
    bytes.insert(bytes.end(), twin.begin(), twin.end());
  }
  channel.since_keyframe = is_key ? 1 : channel.since_keyframe + 1;
  if (is_key) channel.is_keyframe_wanted = false;
}

int64_t stamp(const campush_hal_channel& channel) {
  if (channel.lies("backwards")) return now_us() - 40000 * (channel.units % 5);
  if (channel.lies("other_clock")) return now_us() - 7'000'000'000'000;
  if (channel.lies("stale_first") && channel.units == 1) return now_us() - 60'000'000;
  if (channel.lies("zero_time")) return 0;
  if (channel.lies("extreme_time")) return channel.units % 2 == 0 ? INT64_MIN : INT64_MAX;
  return channel.due_us;
}

void cut_in_pieces(campush_hal_channel& channel) {
  channel.parts.clear();
  static const uint8_t delimiter[] = {0, 0, 0, 1, 9, 0xf0};
  const size_t middle = channel.bytes.size() / 2;
  if (channel.is_scattered && channel.codec == CAMPUSH_HAL_H264) channel.parts.push_back({delimiter, sizeof delimiter});
  channel.parts.push_back({channel.bytes.data(), middle});
  channel.parts.push_back({channel.bytes.data() + middle, channel.bytes.size() - middle});
  if (!channel.is_scattered) {
    channel.parts.assign(1, {channel.bytes.data(), channel.bytes.size()});
  }
}

/// Lies about the unit itself.
void distort(const campush_hal_channel& channel, campush_hal_unit& unit, campush_hal_part& part) {
  if (channel.lies("null_parts")) unit.parts = nullptr;
  if (channel.lies("null_data")) part.data = nullptr;
  if (channel.lies("no_parts")) unit.part_count = 0;
  if (channel.lies("many_parts")) unit.part_count = 4000000000u;
  if (channel.lies("huge_part")) part.bytes = SIZE_MAX;
  if (channel.lies("over_8_mib")) part.bytes = CAMPUSH_HAL_MAX_UNIT_BYTES + 1;
  if (channel.lies("empty_unit")) part.bytes = 0;
  if (channel.lies("unknown_codec")) unit.codec = 1u << 30;
  if (channel.lies("other_kind")) unit.codec = CAMPUSH_HAL_AAC;
}

int lie_instead_of_unit(campush_hal_channel& channel) {
  ++channel.gets;
  const bool is_better_restarted = channel.lies("silent_until_restart") || channel.lies("slow_restart");
  if (channel.lies("silent") || (is_better_restarted && channel.starts < 2)) return CAMPUSH_HAL_AGAIN;
  if (channel.lies("fails_now_and_then") && channel.gets < 40) {
    return channel.gets % 2 == 0 ? CAMPUSH_HAL_FAILED : CAMPUSH_HAL_AGAIN;
  }
  if (channel.lies("silent_until_reopen") && opens_of_video_0 < 2) return CAMPUSH_HAL_AGAIN;
  if (channel.lies("falls_silent") && channel.units >= 5) return CAMPUSH_HAL_AGAIN;
  if (channel.lies("get_blocks") && channel.units >= 5) block();
  if (channel.lies("get_blocks_at_once")) block();
  if (channel.lies("get_fails")) return CAMPUSH_HAL_FAILED;
  if (channel.lies("get_positive")) return 5;
  if (channel.lies("gone") && channel.units >= 5) return CAMPUSH_HAL_GONE;
  if (channel.lies("get_throws") && channel.units >= 5) throw 1;
  return CAMPUSH_HAL_OK;
}

int lying_get(campush_hal_channel* channel, uint32_t timeout_ms, campush_hal_unit* unit) {
  const int lie = lie_instead_of_unit(*channel);
  if (lie != CAMPUSH_HAL_OK) return lie;
  if (!channel->is_started && !channel->lies("ignores_stop")) return CAMPUSH_HAL_FAILED;
  const bool is_flood = channel->lies("flood");
  int64_t wait_us = is_flood ? 0 : channel->due_us - now_us();
  if (channel->has_descriptor && timeout_ms > 0) count("waiting get");
  if (channel->lies("never_waits")) timeout_ms = 0;
  if (channel->lies("overstays")) timeout_ms += 400;
  if (wait_us > int64_t{timeout_ms} * 1000) {
    ::poll(nullptr, 0, static_cast<int>(timeout_ms));
    return CAMPUSH_HAL_AGAIN;
  }
  for (; wait_us > 0; wait_us = channel->due_us - now_us()) ::poll(nullptr, 0, static_cast<int>(wait_us / 1000 + 1));
  ++channel->units;
  count("unit");
  make_picture(*channel);
  cut_in_pieces(*channel);
  campush_hal_unit out{};
  out.codec = channel->codec;
  out.sequence = channel->units * (channel->lies("loses_units") ? 2 : 1);
  out.pts_us = stamp(*channel);
  out.parts = channel->parts.data();
  out.part_count = static_cast<uint32_t>(channel->parts.size());
  distort(*channel, out, channel->parts[0]);
  const uint32_t room = unit->size;
  fill(unit, out);
  if (channel->lies("get_overruns")) std::memset(reinterpret_cast<char*>(unit) + room, 0, 8);
  if (channel->lies("get_size")) unit->size = 1;
  channel->due_us += channel->period_us;
  arm(*channel);
  if (channel->lies("changes_leased")) {
    channel->changer = std::thread([channel] {
      ::poll(nullptr, 0, 5);
      std::memset(channel->bytes.data() + channel->bytes.size() - 8, 0x11, 8);
    });
  }
  return CAMPUSH_HAL_OK;
}

int lying_release(campush_hal_channel* channel, const campush_hal_unit*) {
  if (channel->changer.joinable()) channel->changer.join();
  count("release");
  if (channel->lies("release_blocks")) block();
  return channel->lies("release_fails") ? CAMPUSH_HAL_FAILED : CAMPUSH_HAL_OK;
}

int lying_stop(campush_hal_channel* channel) {
  count("stop");
  if (channel->lies("stop_blocks")) block();
  channel->is_started = false;
  return channel->lies("stop_fails") ? CAMPUSH_HAL_FAILED : CAMPUSH_HAL_OK;
}

int lying_close(campush_hal_channel* channel) {
  if (channel->changer.joinable()) channel->changer.join();
  if (channel->lies("close_blocks")) block();
  count("close");
  {
    const std::lock_guard<std::mutex> hold(channels_mutex);
    is_open[channel->kind - 1][channel->number] = channel->lies("stays_open");
    live_channels.erase(channel);
  }
  if (!channel->lies("leaks_descriptor")) ::close(channel->timer);
  if (channel->lies("leaks_thread")) std::thread(&block).detach();
  delete channel;
  return CAMPUSH_HAL_OK;
}

int lying_request_keyframe(campush_hal_channel* channel) {
  count("keyframe");
  if (channel->lies("keyframe_blocks")) block();
  if (channel->lies("keyframe_unsupported")) return CAMPUSH_HAL_UNSUPPORTED;
  if (!channel->lies("ignores_keyframe") && !channel->lies("never_keyframe")) channel->is_keyframe_wanted = true;
  return CAMPUSH_HAL_OK;
}

int lying_set_bitrate(campush_hal_channel* channel, uint32_t kbps) {
  const std::lock_guard<std::mutex> hold(lie_mutex);
  counts["bitrate"] = kbps;
  return channel->lie == "bitrate_fails" ? CAMPUSH_HAL_FAILED : CAMPUSH_HAL_OK;
}

int lying_set_codec(campush_hal_channel* channel, uint32_t codec) {
  count("codec");
  if (channel->lies("ignores_codec")) return CAMPUSH_HAL_OK;
  channel->codec = codec;
  channel->is_keyframe_wanted = true;
  return CAMPUSH_HAL_OK;
}

const char* lying_last_error() {
  static const std::string long_text(5000, 'x');
  if (is_lie("null_error")) return nullptr;
  return is_lie("long_error") ? long_text.c_str() : "as\x1b[31m told";
}

}  // namespace

extern "C" {
__attribute__((visibility("default"))) void lying_hal_set(const char* lie) {
  if (*lie != '\0') {
    const std::lock_guard<std::mutex> hold_channels(channels_mutex);
    std::memset(is_open, 0, sizeof is_open);
  }
  const std::lock_guard<std::mutex> hold(lie_mutex);
  plugin_lie = lie;
  counts.clear();
  opens_of_video_0 = 0;
}
__attribute__((visibility("default"))) void lying_hal_unblock() {
  const std::lock_guard<std::mutex> hold(block_mutex);
  ++block_round;
  unblocked.notify_all();
}
__attribute__((visibility("default"))) unsigned lying_hal_count(const char* what) {
  const std::lock_guard<std::mutex> hold(lie_mutex);
  const auto found = counts.find(what);
  return found == counts.end() ? 0 : found->second;
}

const campush_hal_table* campush_camera_hal_entry(uint32_t) {
  constexpr campush_hal_table honest = {sizeof(campush_hal_table),
                                        CAMPUSH_HAL_VERSION,
                                        lying_describe,
                                        lying_describe_channel,
                                        lying_open,
                                        lying_start,
                                        lying_poll_fd,
                                        lying_get,
                                        lying_release,
                                        lying_stop,
                                        lying_close,
                                        lying_request_keyframe,
                                        lying_set_bitrate,
                                        lying_set_codec,
                                        lying_last_error};
  static campush_hal_table table;
  table = honest;
  if (is_lie("null_table")) return nullptr;
  if (is_lie("old_major")) table.version = 9u << 16 | 3;
  if (is_lie("small_table")) table.size = 16;
  if (is_lie("older_minor")) table.size = offsetof(campush_hal_table, request_keyframe);
  if (is_lie("half_pointer")) table.size = offsetof(campush_hal_table, request_keyframe) + sizeof(void*) / 2;
  if (is_lie("no_get")) table.get = nullptr;
  if (is_lie("no_controls")) table.request_keyframe = nullptr, table.set_bitrate = nullptr, table.set_codec = nullptr;
  return &table;
}
}

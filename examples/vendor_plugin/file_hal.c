/* A complete camera plug-in that plays files: what to start from when a vendor's SDK is to be wrapped. The functions that would call
 * the SDK are file_open, file_start, file_get, file_release, file_stop and file_close; everything else stays much as it is.
 *
 * source.options: { "h264": "a.h264", "h265": "a.h265", "aac": "a.aac", "frame_rate": 25 }
 * A video channel needs h264 or h265 (with both it can change between them), the audio channel aac (ADTS). Clips are without B-frames.
 */
#define _POSIX_C_SOURCE 200809L

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "camera_hal.h"
#include "clip.h"

#define VIDEO_CHANNELS 4u
#define AUDIO_CHANNELS 1u
#define LONGEST_LATENESS_US 1000000

struct campush_hal_channel {
  uint32_t kind, number;
  clip clips[2]; /* what is played, and what set_codec may change to; unused ones are empty */
  size_t playing, position;
  uint32_t sequence;
  int64_t due_us;
  int64_t played; /* units since the anchor: due = anchor + played * period, so that no fraction gets lost */
  int64_t anchor_us;
  int timer;
  int is_started, is_leased;
  campush_hal_part part;
};

static int is_open[2][VIDEO_CHANNELS];
static __thread char last_error_text[200];

static int fail_with(int code, const char* text, const char* detail) {
  snprintf(last_error_text, sizeof last_error_text, "%.80s%.110s", text, detail);
  return code;
}

static int64_t now_us(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

/* Copies what is known of a structure into one that may be of another version, and leaves there how much that was. */
static void fill(void* theirs, uint32_t their_size, void* ours, uint32_t our_size) {
  const uint32_t size = their_size < our_size ? their_size : our_size;
  memcpy(ours, &size, sizeof size); /* every structure begins with its size */
  memcpy(theirs, ours, size);
}

static int file_describe(campush_hal_info* info) {
  campush_hal_info out;
  memset(&out, 0, sizeof out);
  out.flags = CAMPUSH_HAL_PARALLEL_CHANNELS;
  strcpy(out.name, "file player");
  strcpy(out.vendor, "campush example");
  strcpy(out.plugin_version, "1.0");
  out.cameras = 2;
  out.video_channels = VIDEO_CHANNELS;
  out.audio_channels = AUDIO_CHANNELS;
  out.max_encoders = VIDEO_CHANNELS;
  fill(info, info->size, &out, sizeof out);
  return CAMPUSH_HAL_OK;
}

static int is_channel(uint32_t kind, uint32_t channel) {
  if (kind == CAMPUSH_HAL_VIDEO) return channel < VIDEO_CHANNELS;
  return kind == CAMPUSH_HAL_AUDIO && channel < AUDIO_CHANNELS;
}

static int file_describe_channel(uint32_t kind, uint32_t channel, campush_hal_channel_info* info) {
  campush_hal_channel_info out;
  if (!is_channel(kind, channel)) return fail_with(CAMPUSH_HAL_INVALID, "no such channel", "");
  memset(&out, 0, sizeof out);
  out.kind = kind;
  out.channel = channel;
  if (kind == CAMPUSH_HAL_VIDEO) {
    out.camera = channel / 2;
    out.codecs = CAMPUSH_HAL_H264 | CAMPUSH_HAL_H265;
    out.max_width = 3840;
    out.max_height = 2160;
    out.max_frame_rate = 60000;
    snprintf(out.name, sizeof out.name, "clip player %u", (unsigned)channel);
  } else {
    out.codecs = CAMPUSH_HAL_AAC;
    out.max_sample_rate = 96000;
    out.max_audio_channels = 2;
    strcpy(out.name, "sound player");
  }
  fill(info, info->size, &out, sizeof out);
  return CAMPUSH_HAL_OK;
}

/* The value of a key in a flat JSON object: the text of a string or the digits of a number. */
static int option(const char* json, const char* key, char* value, size_t capacity) {
  char quoted[32];
  const char* at;
  size_t length = 0;
  snprintf(quoted, sizeof quoted, "\"%s\"", key);
  at = strstr(json, quoted);
  if (at == NULL) return 0;
  at += strlen(quoted);
  at += strspn(at, " \t\r\n:");
  if (*at == '"') {
    for (++at; *at != '\0' && *at != '"' && length + 1 < capacity; ++at) {
      if (*at == '\\' && at[1] != '\0') ++at;
      value[length++] = *at;
    }
  } else {
    for (; strchr("0123456789.", *at) != NULL && *at != '\0' && length + 1 < capacity; ++at) value[length++] = *at;
  }
  value[length] = '\0';
  return length > 0;
}

static int load_clips(campush_hal_channel* channel, const campush_hal_config* config) {
  static const struct {
    const char* key;
    uint32_t kind, codec;
  } wanted[] = {{"h264", CAMPUSH_HAL_VIDEO, CAMPUSH_HAL_H264},
                {"h265", CAMPUSH_HAL_VIDEO, CAMPUSH_HAL_H265},
                {"aac", CAMPUSH_HAL_AUDIO, CAMPUSH_HAL_AAC}};
  char path[1024], rate[32];
  size_t i, count = 0;
  double frame_rate = config->frame_rate / 1000.0;
  if (frame_rate <= 0) frame_rate = option(config->options, "frame_rate", rate, sizeof rate) ? atof(rate) : 25;
  if (frame_rate < 1 || frame_rate > 240)
    return fail_with(CAMPUSH_HAL_INVALID, "frame_rate is not within 1 and 240", "");
  for (i = 0; i < sizeof wanted / sizeof wanted[0]; ++i) {
    const char* problem;
    if (wanted[i].kind != config->kind || !option(config->options, wanted[i].key, path, sizeof path)) continue;
    problem = clip_load(&channel->clips[count], path, wanted[i].codec, frame_rate);
    if (problem != NULL) return fail_with(CAMPUSH_HAL_INVALID, problem, path);
    if (wanted[i].codec == config->codec) channel->playing = count;
    ++count;
  }
  if (count == 0) return fail_with(CAMPUSH_HAL_INVALID, "source.options names no file for this channel", "");
  return CAMPUSH_HAL_OK;
}

static int file_close(campush_hal_channel* channel) {
  if (channel->timer >= 0) close(channel->timer);
  clip_free(&channel->clips[0]);
  clip_free(&channel->clips[1]);
  is_open[channel->kind - 1][channel->number] = 0;
  free(channel);
  return CAMPUSH_HAL_OK;
}

static int file_open(const campush_hal_config* config, campush_hal_format* format, campush_hal_channel** out) {
  campush_hal_channel* channel;
  campush_hal_format says;
  int code;
  if (!is_channel(config->kind, config->channel)) return fail_with(CAMPUSH_HAL_INVALID, "no such channel", "");
  if (is_open[config->kind - 1][config->channel]) return fail_with(CAMPUSH_HAL_BUSY, "the channel is open already", "");
  channel = calloc(1, sizeof *channel);
  if (channel == NULL) return fail_with(CAMPUSH_HAL_NO_MEMORY, "out of memory", "");
  is_open[config->kind - 1][config->channel] = 1;
  channel->kind = config->kind;
  channel->number = config->channel;
  channel->timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
  code = channel->timer < 0 ? fail_with(CAMPUSH_HAL_FAILED, "no timer", "") : load_clips(channel, config);
  if (code != CAMPUSH_HAL_OK) {
    file_close(channel);
    return code;
  }
  memset(&says, 0, sizeof says);
  says.codec = channel->clips[channel->playing].codec;
  says.frame_rate =
      config->kind == CAMPUSH_HAL_VIDEO ? (uint32_t)(clip_rate(&channel->clips[channel->playing]) * 1000 + 0.5) : 0;
  says.sample_rate = channel->clips[channel->playing].sample_rate;
  says.audio_channels = channel->clips[channel->playing].audio_channels;
  fill(format, format->size, &says, sizeof says);
  *out = channel;
  return CAMPUSH_HAL_OK;
}

/* The timer is what an SDK's own descriptor would be: readable from the moment a unit is due. */
static void arm(campush_hal_channel* channel) {
  struct itimerspec when;
  memset(&when, 0, sizeof when);
  when.it_value.tv_sec = (time_t)(channel->due_us / 1000000);
  when.it_value.tv_nsec = (long)(channel->due_us % 1000000) * 1000 + 1; /* zero would disarm it */
  timerfd_settime(channel->timer, TFD_TIMER_ABSTIME, &when, NULL);
}

static void begin_at(campush_hal_channel* channel, int64_t when_us) {
  channel->anchor_us = channel->due_us = when_us;
  channel->played = 0;
}

static int file_start(campush_hal_channel* channel) {
  if (channel->is_started) return CAMPUSH_HAL_OK;
  channel->is_started = 1;
  channel->position = 0; /* clips begin with a keyframe: clip_load cuts off what precedes it */
  begin_at(channel, now_us());
  arm(channel);
  return CAMPUSH_HAL_OK;
}

static int file_stop(campush_hal_channel* channel) {
  channel->is_started = channel->is_leased = 0;
  return CAMPUSH_HAL_OK;
}

static int file_poll_fd(campush_hal_channel* channel) {
  return channel->timer;
}

static int wait_until_due(campush_hal_channel* channel, uint32_t timeout_ms) {
  struct pollfd timer;
  if (now_us() >= channel->due_us) return 1;
  if (timeout_ms == 0) return 0;
  timer.fd = channel->timer;
  timer.events = POLLIN;
  timer.revents = 0;
  poll(&timer, 1, (int)timeout_ms);
  return now_us() >= channel->due_us;
}

static int file_get(campush_hal_channel* channel, uint32_t timeout_ms, campush_hal_unit* unit) {
  const clip* playing = &channel->clips[channel->playing];
  const clip_unit* next;
  campush_hal_unit out;
  if (!channel->is_started || channel->is_leased)
    return fail_with(CAMPUSH_HAL_FAILED, "not started, or a unit is leased", "");
  if (!wait_until_due(channel, timeout_ms)) return CAMPUSH_HAL_AGAIN;
  /* A reader that was away for long gets the present, not a burst of the past. */
  if (now_us() - channel->due_us > LONGEST_LATENESS_US) begin_at(channel, now_us());
  next = &playing->units[channel->position];
  channel->part.data = playing->bytes + next->offset;
  channel->part.bytes = next->size;
  memset(&out, 0, sizeof out);
  out.codec = playing->codec;
  out.sequence = ++channel->sequence;
  out.pts_us = channel->due_us;
  out.parts = &channel->part;
  out.part_count = 1;
  fill(unit, unit->size, &out, sizeof out);
  channel->is_leased = 1;
  channel->position = (channel->position + 1) % playing->count;
  ++channel->played;
  channel->due_us = channel->anchor_us + clip_time_us(playing, channel->played);
  arm(channel);
  return CAMPUSH_HAL_OK;
}

static int file_release(campush_hal_channel* channel, const campush_hal_unit* unit) {
  (void)unit; /* an SDK would be given its own stream structure back here, found through unit->lease */
  if (!channel->is_leased) return fail_with(CAMPUSH_HAL_INVALID, "no unit is leased", "");
  channel->is_leased = 0;
  return CAMPUSH_HAL_OK;
}

/* A file has its keyframes where it has them: the next picture is the next of those. */
static int file_request_keyframe(campush_hal_channel* channel) {
  if (channel->kind != CAMPUSH_HAL_VIDEO) return CAMPUSH_HAL_UNSUPPORTED;
  channel->position = clip_next_key(&channel->clips[channel->playing], channel->position);
  return CAMPUSH_HAL_OK;
}

static int file_set_codec(campush_hal_channel* channel, uint32_t codec) {
  size_t i;
  for (i = 0; i < 2; ++i) {
    if (channel->clips[i].codec != codec || channel->clips[i].count == 0) continue;
    if (i == channel->playing) return CAMPUSH_HAL_OK;
    begin_at(channel, channel->due_us);
    channel->playing = i;
    channel->position = 0;
    return CAMPUSH_HAL_OK;
  }
  return fail_with(CAMPUSH_HAL_UNSUPPORTED, "source.options names no file of that codec", "");
}

static const char* file_last_error(void) {
  return last_error_text;
}

const campush_hal_table* campush_camera_hal_entry(uint32_t agent_version) {
  /* set_bitrate is null: a file has the bitrate that it has. */
  static const campush_hal_table table = {sizeof(campush_hal_table),
                                          CAMPUSH_HAL_VERSION,
                                          file_describe,
                                          file_describe_channel,
                                          file_open,
                                          file_start,
                                          file_poll_fd,
                                          file_get,
                                          file_release,
                                          file_stop,
                                          file_close,
                                          file_request_keyframe,
                                          NULL,
                                          file_set_codec,
                                          file_last_error};
  (void)agent_version;
  return &table;
}

/* The interface between campush and a camera's own encoder: what a vendor plug-in implements. Plain C99, also valid C++.
 *
 * A plug-in is a shared object that exports one symbol, campush_camera_hal_entry, which returns a table of functions. The
 * configuration names its path; campush loads it, asks it what it has, and opens one channel for each stream. The text that goes
 * with this header, with outlines for two families of SDKs, is docs/vendor_plugin.md; campush-hal-check PATH tells whether a plug-in
 * keeps to what is written here.
 *
 * Shape: describe, describe_channel, then for each channel open, start, (get, release) again and again, stop, close. stop and start
 *   may alternate; after close the channel may be opened again. A channel is a pair of kind and number: video 0 and audio 0 are two.
 * Units: times in microseconds, rates in kbit/s, frame rates in thousandths of a frame per second, sizes in bytes.
 * Errors: every function returns an enum campush_hal_result; 0 is success, all failures are negative, nothing is positive.
 * Thread: from open to close all calls for one channel come from one thread, which belongs to that channel alone. Calls for two channels
 *   (and describe) come one at a time too, unless the plug-in says CAMPUSH_HAL_PARALLEL_CHANNELS. The plug-in must install no signal
 *   handlers and leave no thread of its own behind after close.
 * Time limits: get obeys its time-out (and may take 50 ms more); start and open take at most 5 s, stop and close together at most 700 ms,
 *   everything else at most 1 s. A call that takes longer costs the channel: campush gives it up, goes on without it, and opens it
 *   again only after the call has returned.
 * Ownership: what campush passes in is borrowed until the call returns. What get hands out (a unit, its parts, their bytes) is leased:
 *   it stays valid and unchanged until release, stop or close of that channel. At most one unit of a channel is leased at a time.
 * Loading: constructors of the shared object must return at once (the loader's lock is held meanwhile). It stays loaded until the
 *   process ends: a new file takes effect when the agent is started again.
 *
 * Forward compatibility: the interface grows only at the end of structures, of the table and of enumerations.
 *   - Every structure but campush_hal_part, which stays as it is for all of a major version, begins with `size`. Who makes it writes its own sizeof there and sets everything else to 0.
 *   - Who fills a structure of the other side writes no byte at or beyond the `size` it found there, and leaves `size` as the number of
 *     bytes that it knows: the smaller of the two.
 *   - Who reads a structure of the other side looks at no field at or beyond its `size`: a field that is not there is 0.
 *     So an older plug-in works with a newer agent, and a newer plug-in with an older agent.
 *   - A field or function that is 0 means "not said" or "not offered"; it is never an error.
 *   - The major version changes when this does not suffice; campush then refuses the plug-in and names both versions.
 */
#ifndef CAMPUSH_CAMERA_HAL_H
#define CAMPUSH_CAMERA_HAL_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* NOLINTBEGIN(readability-identifier-naming,modernize-*): C, where a prefix in capitals is the namespace */

#define CAMPUSH_HAL_MAJOR 1u
#define CAMPUSH_HAL_MINOR 0u
#define CAMPUSH_HAL_VERSION ((CAMPUSH_HAL_MAJOR << 16) | CAMPUSH_HAL_MINOR)

/* Limits that campush holds a plug-in to. */
#define CAMPUSH_HAL_MAX_CHANNELS 64u                    /* of one kind */
#define CAMPUSH_HAL_MAX_PARTS 64u                       /* of one unit */
#define CAMPUSH_HAL_MAX_UNIT_BYTES (8u * 1024u * 1024u) /* of one unit, all parts together */

enum campush_hal_result {
  CAMPUSH_HAL_OK = 0,
  CAMPUSH_HAL_AGAIN = -1,       /* get: nothing within the time-out */
  CAMPUSH_HAL_UNSUPPORTED = -2, /* this channel cannot do that, and will not later */
  CAMPUSH_HAL_INVALID = -3,     /* no such channel, a value out of range */
  CAMPUSH_HAL_BUSY = -4,        /* the channel is open already, or every encoder is in use */
  CAMPUSH_HAL_GONE = -5,        /* the sensor or encoder has disappeared: close and open again */
  CAMPUSH_HAL_FAILED = -6,      /* anything else; last_error says more */
  CAMPUSH_HAL_NO_MEMORY = -7
};

enum campush_hal_kind { CAMPUSH_HAL_VIDEO = 1, CAMPUSH_HAL_AUDIO = 2 };

/* One bit each, so that a channel can say which it offers. */
enum campush_hal_codec {
  CAMPUSH_HAL_H264 = 1,  /* Annex B, one whole picture a unit; SPS and PPS in the unit of each IDR picture */
  CAMPUSH_HAL_H265 = 2,  /* Annex B, one whole picture a unit; VPS, SPS and PPS in the unit of each IRAP picture */
  CAMPUSH_HAL_AAC = 4,   /* AAC-LC, one frame of 1024 samples a unit, raw or with ADTS header */
  CAMPUSH_HAL_G711A = 8, /* A-law, 8000 Hz; a unit is any whole number of samples up to 100 ms */
  CAMPUSH_HAL_G711U = 16 /* mu-law, likewise */
};

enum campush_hal_rate_control { CAMPUSH_HAL_CBR = 1, CAMPUSH_HAL_VBR = 2, CAMPUSH_HAL_AVBR = 3 };

enum campush_hal_info_flags {
  CAMPUSH_HAL_PARALLEL_CHANNELS = 1 /* calls for different channels may be under way at the same time */
};

enum campush_hal_unit_flags {
  CAMPUSH_HAL_HAS_DTS = 1 /* dts_us is set: needed only where pictures are reordered (B-frames) */
};

/* What the plug-in is. Filled by describe. Texts are printable ASCII and end with a zero byte inside their array. */
typedef struct campush_hal_info {
  uint32_t size;
  uint32_t flags; /* enum campush_hal_info_flags */
  char name[64];  /* "Acme IPC SDK 4.2" */
  char vendor[64];
  char plugin_version[32];
  uint32_t cameras;        /* sensors behind this plug-in */
  uint32_t video_channels; /* encoder channels, numbered from 0; at most CAMPUSH_HAL_MAX_CHANNELS */
  uint32_t audio_channels; /* likewise */
  uint32_t max_encoders;   /* video channels that may be open at once; 0: all of them */
} campush_hal_info;

/* What one channel can do. Filled by describe_channel. */
typedef struct campush_hal_channel_info {
  uint32_t size;
  uint32_t kind;      /* enum campush_hal_kind, as asked */
  uint32_t channel;   /* as asked */
  uint32_t camera;    /* video: which sensor feeds it */
  uint32_t codecs;    /* enum campush_hal_codec, those it can deliver; never 0 */
  uint32_t max_width; /* video, samples */
  uint32_t max_height;
  uint32_t max_frame_rate;   /* video, thousandths per second */
  uint32_t min_bitrate_kbps; /* video, what set_bitrate takes */
  uint32_t max_bitrate_kbps;
  uint32_t max_sample_rate; /* audio, Hz */
  uint32_t max_audio_channels;
  char name[64]; /* "sensor 0 main" */
} campush_hal_channel_info;

/* What the configuration asks of a channel. 0 or empty: the plug-in decides. Values it cannot meet are its to round; the format that open
 * fills tells what became of them. */
typedef struct campush_hal_config {
  uint32_t size;
  uint32_t kind; /* enum campush_hal_kind */
  uint32_t channel;
  uint32_t codec;        /* enum campush_hal_codec, one of them */
  uint32_t rate_control; /* enum campush_hal_rate_control */
  uint32_t width;
  uint32_t height;
  uint32_t frame_rate; /* thousandths per second */
  uint32_t bitrate_kbps;
  uint32_t gop; /* pictures from keyframe to keyframe */
  uint32_t sample_rate;
  uint32_t audio_channels;
  const char* device;  /* source.device of the configuration; never null */
  const char* profile; /* "baseline", "main", "high" …; never null */
  const char* options; /* source.options of the configuration as JSON text, "{}" without; never null */
} campush_hal_config;

/* What a channel will deliver. Filled by open. */
typedef struct campush_hal_format {
  uint32_t size;
  uint32_t codec; /* enum campush_hal_codec, one of them; never 0 */
  uint32_t width; /* 0: what the parameter sets say */
  uint32_t height;
  uint32_t frame_rate; /* thousandths per second */
  uint32_t bitrate_kbps;
  uint32_t sample_rate; /* audio: never 0 */
  uint32_t audio_channels;
  uint32_t config_bytes; /* aac: length of the AudioSpecificConfig, 0: made from sample_rate and audio_channels */
  uint8_t config[64];
} campush_hal_format;

typedef struct campush_hal_part {
  const uint8_t* data;
  size_t bytes;
} campush_hal_part;

/* One access unit (a whole picture, one audio frame). Filled by get, leased until release.
 * Encoders that hand out a picture in pieces (parameter sets, slices, the two halves of a ring buffer) list the pieces in order; a
 * single piece, or pieces that follow each other in memory, are pushed without being copied. */
typedef struct campush_hal_unit {
  uint32_t size;
  uint32_t codec; /* enum campush_hal_codec, one of them */
  uint32_t flags; /* enum campush_hal_unit_flags */
  uint32_t
      sequence; /* counts every unit that the encoder made, so that a gap tells of a lost one; 0 throughout: not counted */
  int64_t
      pts_us; /* when the picture was taken or the first sample heard, CLOCK_MONOTONIC. Another clock is put up with: it is
                          mapped by the time of arrival, and its drift followed */
  int64_t dts_us;                /* with CAMPUSH_HAL_HAS_DTS; never after pts_us */
  const campush_hal_part* parts; /* leased like the bytes */
  uint32_t part_count;           /* 1 to CAMPUSH_HAL_MAX_PARTS */
  uint32_t reserved;
  void* lease; /* the plug-in's own: release gets it back as it was */
} campush_hal_unit;

/* The plug-in's own: one open channel. */
typedef struct campush_hal_channel campush_hal_channel;

/* The functions. Static storage, the same table on every call. Those marked "required" must be there. */
typedef struct campush_hal_table {
  uint32_t size;    /* sizeof(campush_hal_table) when the plug-in was compiled */
  uint32_t version; /* CAMPUSH_HAL_VERSION when the plug-in was compiled */

  /* Required. Touches no hardware that is in use; may be called at any time and any number of times.
   * Errors: FAILED. */
  int (*describe)(campush_hal_info* info);

  /* Required. Likewise. Errors: INVALID (no such kind or channel), FAILED. */
  int (*describe_channel)(uint32_t kind, uint32_t channel, campush_hal_channel_info* info);

  /* Required. Takes the channel and sets it up; no data flows yet. *channel is set on success alone and is never null then.
   * Errors: INVALID (no such channel; options that make no sense), BUSY, UNSUPPORTED (codec), NO_MEMORY, FAILED. */
  int (*open)(const campush_hal_config* config, campush_hal_format* format, campush_hal_channel** channel);

  /* Required. The encoder runs from here on; the first unit of video is a keyframe and comes within 4 s.
   * Errors: GONE, FAILED; the channel stays open and stopped. */
  int (*start)(campush_hal_channel* channel);

  /* Optional. A descriptor that poll() finds readable when get has a unit, valid from start to stop or to a set_codec, after which
   * it is asked for again. It stays the plug-in's; campush neither reads nor closes it. With one, get is called with a time-out
   * of 0 only. Without one (null, or a negative result) get is called with a time-out, or every few milliseconds with 0 where
   * another channel waits for its turn.
   * Errors: any negative value: there is none. */
  int (*poll_fd)(campush_hal_channel* channel);

  /* Required. The next unit in decoding order; waits at most timeout_ms for it (0: not at all). On any error nothing is leased.
   * Units that nobody fetches in time are the plug-in's to drop, whole, and up to a keyframe where others refer to them.
   * Errors: AGAIN, GONE, FAILED (campush tries again, and opens the channel anew after ten in a row). */
  int (*get)(campush_hal_channel* channel, uint32_t timeout_ms, campush_hal_unit* unit);

  /* Required. Ends the lease of the unit that the last get filled. Errors: INVALID (not leased). */
  int (*release)(campush_hal_channel* channel, const campush_hal_unit* unit);

  /* Required. No more units; what was leased or waiting is gone. Errors: FAILED; campush closes the channel then. */
  int (*stop)(campush_hal_channel* channel);

  /* Required. Gives everything back; stops first where that is due. The handle is invalid afterwards, whatever the result. */
  int (*close)(campush_hal_channel* channel);

  /* Optional, video. The next picture becomes a keyframe with parameter sets, within 4 s at the latest. Errors: UNSUPPORTED, FAILED. */
  int (*request_keyframe)(campush_hal_channel* channel);

  /* Optional, video. Aims at this rate from the next pictures on, without a restart. Errors: UNSUPPORTED, INVALID, FAILED. */
  int (*set_bitrate)(campush_hal_channel* channel, uint32_t kbps);

  /* Optional, video. Delivers this codec from the next keyframe on, within 4 s. Errors: UNSUPPORTED, FAILED; it stays as it was. */
  int (*set_codec)(campush_hal_channel* channel, uint32_t codec);

  /* Optional. What went wrong in the last failed call of this thread: one line of text, static or per thread, never freed by campush;
   * copied at once, 200 bytes at most. */
  const char* (*last_error)(void);
} campush_hal_table;

/* The one exported symbol. `agent_version` is CAMPUSH_HAL_VERSION of the agent. A plug-in need not look at it; one that serves several
 * major versions returns the table that fits, or null when it has none.
 * Thread: any; may be called more than once. */
typedef const campush_hal_table* (*campush_camera_hal_entry_function)(uint32_t agent_version);
#define CAMPUSH_HAL_ENTRY_SYMBOL "campush_camera_hal_entry"

#if defined(__GNUC__)
__attribute__((visibility("default")))
#endif
const campush_hal_table*
campush_camera_hal_entry(uint32_t agent_version);

/* NOLINTEND(readability-identifier-naming,modernize-*) */

#ifdef __cplusplus
}
#endif

#endif

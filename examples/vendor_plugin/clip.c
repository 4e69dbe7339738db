#include "clip.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "camera_hal.h"

#define LARGEST_CLIP (256u * 1024u * 1024u)

static int add_unit(clip* out, size_t offset, size_t size, int is_key) {
  clip_unit* units;
  if (out->count == out->capacity) {
    const size_t capacity = out->capacity == 0 ? 256 : out->capacity * 2;
    units = realloc(out->units, capacity * sizeof *units);
    if (units == NULL) return 0;
    out->units = units;
    out->capacity = capacity;
  }
  out->units[out->count].offset = offset;
  out->units[out->count].size = size;
  out->units[out->count].is_key = is_key;
  ++out->count;
  return 1;
}

static const char* read_all(clip* out, const char* path) {
  FILE* file = fopen(path, "rb");
  long size = -1;
  if (file == NULL) return "cannot be opened: ";
  if (fseek(file, 0, SEEK_END) == 0) size = ftell(file);
  if (size > 0 && size <= (long)LARGEST_CLIP) out->bytes = malloc((size_t)size);
  if (out->bytes != NULL) {
    rewind(file);
    out->size = fread(out->bytes, 1, (size_t)size, file);
  }
  fclose(file);
  return out->bytes != NULL && out->size == (size_t)size ? NULL : "cannot be read, is empty or over 256 MiB: ";
}

/* What one NAL unit means for where a picture begins. `nal` has at least 3 bytes behind it. */
struct nal_facts {
  int is_slice, is_first_slice, is_key, begins_picture;
};

static struct nal_facts facts_of(const uint8_t* nal, uint32_t codec) {
  struct nal_facts facts = {0, 0, 0, 0};
  if (codec == CAMPUSH_HAL_H264) {
    const int type = nal[0] & 0x1f;
    facts.is_slice = type >= 1 && type <= 5;
    facts.is_first_slice = facts.is_slice && (nal[1] & 0x80) != 0; /* first_mb_in_slice 0 */
    facts.is_key = type == 5;
    facts.begins_picture = type >= 6 && type <= 9;
  } else {
    const int type = nal[0] >> 1 & 0x3f;
    facts.is_slice = type < 32;
    facts.is_first_slice = facts.is_slice && (nal[2] & 0x80) != 0; /* first_slice_segment_in_pic_flag */
    facts.is_key = type >= 16 && type <= 23;
    facts.begins_picture = (type >= 32 && type <= 35) || type == 39;
  }
  return facts;
}

static const char* cut_pictures(clip* out) {
  size_t at, begin = out->size; /* of the picture that is being collected; none yet */
  int has_slice = 0, is_key = 0;
  for (at = 0; at + 6 <= out->size; ++at) {
    struct nal_facts facts;
    size_t start = at;
    if (out->bytes[at] != 0 || out->bytes[at + 1] != 0 || out->bytes[at + 2] != 1) continue;
    if (start > 0 && out->bytes[start - 1] == 0) --start;
    facts = facts_of(out->bytes + at + 3, out->codec);
    if (has_slice && (facts.begins_picture || facts.is_first_slice)) {
      /* What precedes the first keyframe cannot be decoded. */
      if ((is_key || out->count > 0) && !add_unit(out, begin, start - begin, is_key)) return "out of memory: ";
      begin = start;
      has_slice = is_key = 0;
    }
    if (begin == out->size) begin = start;
    has_slice = has_slice || facts.is_slice;
    is_key = is_key || facts.is_key;
  }
  if (has_slice && (is_key || out->count > 0) && !add_unit(out, begin, out->size - begin, is_key))
    return "out of memory: ";
  return out->count > 0 ? NULL : "holds no keyframe: ";
}

static const char* cut_sound(clip* out) {
  static const uint32_t rates[16] = {96000, 88200, 64000, 48000, 44100, 32000, 24000,
                                     22050, 16000, 12000, 11025, 8000,  7350};
  size_t at = 0;
  while (at + 7 <= out->size && out->bytes[at] == 0xff && (out->bytes[at + 1] & 0xf6) == 0xf0) {
    const uint8_t* header = out->bytes + at;
    const size_t size = (size_t)(header[3] & 3) << 11 | (size_t)header[4] << 3 | header[5] >> 5;
    if (size < 8 || size > out->size - at) break;
    out->sample_rate = rates[header[2] >> 2 & 15];
    out->audio_channels = (uint32_t)((header[2] & 1) << 2 | header[3] >> 6);
    if (!add_unit(out, at, size, 1)) return "out of memory: ";
    at += size;
  }
  return out->count > 0 && out->sample_rate > 0 && out->audio_channels > 0 ? NULL : "is not ADTS: ";
}

const char* clip_load(clip* out, const char* path, uint32_t codec, double frame_rate) {
  const char* problem;
  memset(out, 0, sizeof *out);
  out->codec = codec;
  problem = read_all(out, path);
  if (problem == NULL) problem = codec == CAMPUSH_HAL_AAC ? cut_sound(out) : cut_pictures(out);
  if (problem != NULL) return problem;
  if (codec == CAMPUSH_HAL_AAC) {
    out->period_us_numerator = 1024 * (int64_t)1000000;
    out->period_denominator = out->sample_rate;
  } else {
    out->period_us_numerator = (int64_t)1000 * 1000000;
    out->period_denominator = (int64_t)(frame_rate * 1000 + 0.5);
  }
  return NULL;
}

void clip_free(clip* out) {
  free(out->bytes);
  free(out->units);
  memset(out, 0, sizeof *out);
}

double clip_rate(const clip* of) {
  return (double)of->period_denominator * 1e6 / (double)of->period_us_numerator;
}

int64_t clip_time_us(const clip* of, int64_t units) {
  /* Whole seconds apart from the rest, so that weeks of play do not overflow. */
  const int64_t whole = units / of->period_denominator, rest = units % of->period_denominator;
  return whole * of->period_us_numerator + rest * of->period_us_numerator / of->period_denominator;
}

size_t clip_next_key(const clip* of, size_t from) {
  size_t step;
  for (step = 0; step < of->count; ++step) {
    const size_t index = (from + step) % of->count;
    if (of->units[index].is_key) return index;
  }
  return 0;
}

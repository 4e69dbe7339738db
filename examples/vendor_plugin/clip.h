/* A file of pictures (Annex B) or sound (ADTS), cut into units. */
#ifndef CAMPUSH_EXAMPLE_CLIP_H
#define CAMPUSH_EXAMPLE_CLIP_H

#include <stddef.h>
#include <stdint.h>

typedef struct clip_unit {
  size_t offset, size;
  int is_key;
} clip_unit;

typedef struct clip {
  uint32_t codec; /* enum campush_hal_codec; 0: empty */
  uint8_t* bytes;
  size_t size;
  clip_unit* units;
  size_t count, capacity;
  uint32_t sample_rate, audio_channels; /* sound */
  int64_t period_us_numerator, period_denominator;
} clip;

/* Null, or what is wrong, to be followed by the path. The clip is to be freed either way. */
const char* clip_load(clip* out, const char* path, uint32_t codec, double frame_rate);
void clip_free(clip* out);
double clip_rate(const clip* of);
int64_t clip_time_us(const clip* of, int64_t units);
/* The index of the first keyframe at or after `from`, beginning again at the end. */
size_t clip_next_key(const clip* of, size_t from);

#endif

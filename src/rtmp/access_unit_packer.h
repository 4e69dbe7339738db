#pragma once

#include "media/codec_config.h"

namespace campush {

/// What pack_access_unit() found and wrote.
struct packed_access_unit {
  size_t bytes = 0;
  bool has_picture = false;
  bool is_keyframe = false;    ///< IDR (h264), IRAP (h265)
  bool is_disposable = false;  ///< no other picture refers to it
  bool has_parameter_sets = false;
  bool has_overflowed = false;  ///< `room` was too small; nothing else is valid then
};

/// Rewrites one Annex B access unit as NAL units with 4-byte lengths, in one pass.
/// Shape: delimiters, filler, ends of sequence and the parameter sets that `config.record()` holds are left out; all sets are fed to
///   `config`. If that makes its version differ from `sent_version`, H.265 sets are written in front of everything else (0: no
///   headers were sent yet, nothing to repeat). Calling it again for the same unit gives the same bytes.
/// Thread: capture-thread. No allocation unless parameter sets changed.
/// Source: facts/rtmp 1.2, 2.5.
packed_access_unit pack_access_unit(byte_view access_unit, codec_config& config, uint32_t sent_version, uint8_t* out,
                                    size_t room);

/// Room that is always enough: 3-byte start codes grow by one byte a unit of at least four bytes.
inline size_t packed_bytes_at_most(byte_view access_unit, const codec_config& config) noexcept {
  constexpr size_t length_of_unframed = 4, lengths_of_sets = 16;
  return access_unit.size() + access_unit.size() / 4 + length_of_unframed + config.record().size() + lengths_of_sets;
}

}  // namespace campush

#pragma once

#include <optional>

#include "util/byte_view.h"

namespace campush {

/// What the test clips carry in each picture, so that a receiver can tell what is missing.
/// Shape: an SEI user_data_unregistered (H.264 NAL type 6, H.265 prefix SEI 39, payload type 5) of the 16 bytes "campush picture\0",
///   then u32 picture number in decoding order, u8 flags (bit 0 keyframe, bit 1 disposable), u8 reference count: 0 at a
///   keyframe, plus 1 modulo 256 for each later picture that is not disposable; a disposable one carries the last count.
/// Source: tools/make_clips writes it.
struct picture_mark {
  uint32_t number = 0;
  bool is_keyframe = false;
  bool is_disposable = false;
  uint8_t reference_count = 0;
};

enum class nal_syntax : uint8_t { h264, h265 };

/// Reads the mark of one SEI NAL unit (header included, emulation prevention in place); nothing if it has none or is broken.
std::optional<picture_mark> read_picture_mark(byte_view nal_unit, nal_syntax syntax);
/// The first mark of an access unit of NAL units with 4-byte lengths.
std::optional<picture_mark> find_picture_mark(byte_view access_unit, nal_syntax syntax);

/// Follows the marks of one stream in arrival order.
/// Shape: a keyframe begins anew. Between keyframes the reference counts must have no hole; a disposable picture may be missing.
/// Units: counts of pictures. After a hole the count is taken up again, so each hole is counted once.
/// Thread: one thread.
class picture_checker {
 public:
  /// True if the picture follows without a missing reference.
  bool add(const picture_mark& mark) noexcept;

  uint64_t pictures() const noexcept { return m_pictures; }
  /// Pictures other than keyframes that came although one they need did not, or before any keyframe.
  uint64_t missing_references() const noexcept { return m_missing_references; }
  /// Holes in the picture numbers, whether anything needed those or not.
  uint64_t skipped() const noexcept { return m_skipped; }

 private:
  std::optional<picture_mark> m_last;
  bool m_has_keyframe = false;
  uint64_t m_pictures = 0, m_missing_references = 0, m_skipped = 0;
};

}  // namespace campush

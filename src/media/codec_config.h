#pragma once

#include <array>

#include "media/h264.h"
#include "media/h265.h"

namespace campush {

/// Remembers the parameter sets seen in a video stream and makes its decoder configuration record.
/// Shape: feed every NAL unit; `record()` is avcC or hvcC once all sets are there. `version()` grows by one each time
///   the bytes of the active sets change, which is when sequence headers must go out again. A set whose id differs
///   is remembered as the active one when a keyframe follows it. A repeated identical set changes nothing and
///   allocates nothing.
/// Errors: a broken parameter set is ignored (the old one stays) and counted in broken_sets().
/// Thread: capture-thread.
class codec_config {
 public:
  explicit codec_config(codec_id codec);
  void feed(nal_unit unit);

  codec_id codec() const noexcept { return m_codec; }
  bool is_complete() const noexcept { return !m_record.empty(); }
  byte_view record() const noexcept { return m_record; }
  uint32_t version() const noexcept { return m_version; }
  uint64_t broken_sets() const noexcept { return m_broken_sets; }
  uint32_t width() const noexcept { return m_width; }
  uint32_t height() const noexcept { return m_height; }
  /// Frames per second from the VUI, 0 if it says nothing.
  double frame_rate() const noexcept { return m_frame_rate; }
  /// How many pictures may precede another in decoding order and follow it in output order: 0 means no B-frames.
  uint32_t max_reorder_pictures() const noexcept { return m_reorder; }

 private:
  void rebuild();

  const codec_id m_codec;
  std::vector<uint8_t> m_vps, m_sps, m_pps, m_record;
  uint32_t m_version = 0, m_width = 0, m_height = 0, m_reorder = 0;
  uint64_t m_broken_sets = 0;
  double m_frame_rate = 0;
};

/// What one access unit is, from its NAL units alone.
/// Shape: is_keyframe: an IDR (h264), IRAP (h265) picture. is_disposable: no other picture refers to it (nal_ref_idc 0 in all
///   slices; h265 sub-layer non-reference types of the highest temporal layer). has_picture is false for a unit without slices.
struct access_unit_info {
  bool has_picture = false, is_keyframe = false, is_disposable = false;
};
access_unit_info inspect_access_unit(codec_id codec, byte_view access_unit) noexcept;

/// Gives decoding-order pictures their presentation order, for sources that have no timestamps of their own (files).
/// Shape: feed access units in decoding order with `order_of()`; it returns picture order count in units of one
///   picture relative to the last IDR (or CRA that starts a sequence), as H.264 8.2.1 and H.265 8.3.1 define it. A file source derives
///   pts = dts + (order - decode_index + delay) frame periods, with `delay` = max_reorder_pictures, so that dts <= pts holds.
/// Errors: malformed when a slice header cannot be read: the picture is taken as being in order.
/// Thread: capture-thread.
class picture_order {
 public:
  explicit picture_order(codec_id codec) : m_codec(codec) {}
  struct position {
    int64_t order = 0;
    bool starts_sequence = false;
  };
  [[nodiscard]] result<position> order_of(byte_view access_unit);

 private:
  const codec_id m_codec;
};

}  // namespace campush

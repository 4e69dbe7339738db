#pragma once

#include "media/h264_slice.h"
#include "media/h265.h"

namespace campush {

/// Remembers the parameter sets seen in a video stream and makes its decoder configuration record.
/// Shape: feed every NAL unit; `record()` is avcC or hvcC once all sets are there. `version()` grows by one each time
///   the bytes of the active sets change, which is when sequence headers must go out again (so twice for one access unit that
///   brings a new SPS and a new PPS). A set whose id differs is remembered as the active one when a keyframe that uses
///   it follows. A repeated identical set changes nothing and allocates nothing.
/// Errors: a broken parameter set is ignored (the old one stays) and counted in broken_sets(), as is one of over 16 KiB,
///   or with a new id when 32 are remembered.
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
  /// Highest temporal sub-layer the stream may have (h265); 0 for h264.
  uint8_t highest_temporal_id() const noexcept { return m_highest_temporal_id; }

 private:
  enum class set_kind : uint8_t { vps, sps, pps };
  struct parameter_set {
    set_kind kind = set_kind::vps;
    /// `parent_id` is the id of the set that this one refers to (PPS to SPS, SPS to VPS).
    uint32_t id = 0, parent_id = 0;
    std::vector<uint8_t> bytes;
  };

  void feed_set(set_kind kind, nal_unit unit);
  void feed_keyframe(nal_unit unit);
  result<parameter_set> identify(set_kind kind, nal_unit unit) const;
  parameter_set* find(set_kind kind, uint32_t id) noexcept;
  bool activate(uint32_t pps_id);
  void adopt(const parameter_set& sps, std::vector<uint8_t> record);

  const codec_id m_codec;
  std::vector<parameter_set> m_sets;
  std::vector<uint8_t> m_record;
  uint32_t m_active_pps_id = 0;
  uint32_t m_version = 0, m_width = 0, m_height = 0, m_reorder = 0;
  uint8_t m_highest_temporal_id = 0;
  uint64_t m_broken_sets = 0;
  double m_frame_rate = 0;
};

/// What one access unit is, from its NAL units alone.
/// Shape: is_keyframe: an IDR (h264), IRAP (h265) picture. is_disposable: no other picture refers to it (nal_ref_idc 0 in all
///   slices; h265 sub-layer non-reference types at or above `highest_temporal_id`, which codec_config tells and which is
///   0 for streams without temporal layers). has_picture is false for a unit without slices.
struct access_unit_info {
  bool has_picture = false, is_keyframe = false, is_disposable = false;
};
access_unit_info inspect_access_unit(codec_id codec, byte_view access_unit, uint8_t highest_temporal_id = 0) noexcept;

/// Gives decoding-order pictures their presentation order, for sources that have no timestamps of their own (files).
/// Such sources use picture_timing (picture_timing.h), which makes DTS and PTS of it.
/// Shape: feed access units in decoding order with `order_of()`; it returns the picture order count, relative to the picture
///   that starts the sequence (IDR, memory management operation 5, BLA, first CRA, first picture fed), as H.264 8.2.1 and H.265
///   8.3.1 define it: H.264 encoders usually count 2 a frame, H.265 1 a picture. Count type 2 of H.264 (output in decoding
///   order) is given as 2 a picture.
/// Errors: not_found for a unit without a picture; malformed or truncated when a slice header cannot be read or
///   refers to a set that has not been seen: the picture is taken as being in order.
/// Thread: capture-thread.
class picture_order {
 public:
  explicit picture_order(codec_id codec) : m_codec(codec) {}
  struct position {
    int64_t order = 0;
    bool starts_sequence = false;
  };
  [[nodiscard]] result<position> order_of(byte_view access_unit);
  /// The next picture starts a sequence (the file begins again). Parameter sets are kept.
  void start_over() noexcept { m_is_at_start = true; }
  /// The reorder depth that the active parameter set states, 0 if it does not.
  uint32_t declared_reorder() const noexcept { return m_declared_reorder; }

 private:
  struct count {
    int64_t value = 0;
    bool starts_sequence = false;
  };

  void learn_sets(nal_unit unit);
  result<count> count_of(nal_unit slice);
  result<count> h264_count(nal_unit slice);
  result<count> h265_count(nal_unit slice);
  int64_t h264_count_type_0(const h264_slice_header& slice, const h264_sps& sps) noexcept;
  int64_t h264_count_type_1(const h264_slice_header& slice, const h264_sps& sps) noexcept;

  const codec_id m_codec;
  std::vector<h264_sps> m_h264_sps;
  std::vector<h264_pps> m_h264_pps;
  std::vector<h265_sps> m_h265_sps;
  std::vector<h265_pps> m_h265_pps;
  bool m_is_at_start = true;
  int64_t m_sequence_count = 0;
  uint32_t m_declared_reorder = 0;
  /// Of the previous reference picture (h264) or the previous picture of sub-layer 0 that others may refer to (h265).
  int64_t m_previous_msb = 0, m_previous_lsb = 0;
  uint64_t m_frame_num_offset = 0;
  uint32_t m_previous_frame_num = 0;
  int64_t m_pictures_in_sequence = 0;
};

}  // namespace campush

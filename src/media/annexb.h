#pragma once

#include "media/media_frame.h"
#include "util/result.h"

namespace campush {

/// One NAL unit inside an Annex-B byte string: header byte(s) and payload with emulation prevention, without start
/// code and without trailing zero bytes (H.264 B.1.1, H.265 B.2.1).
using nal_unit = byte_view;

/// Walks the NAL units of one Annex-B run: `annexb_cursor c(bytes); while (c.next(nal)) …`.
/// Shape: 3- and 4-byte start codes may be mixed; leading zero bytes and trailing_zero_8bits are skipped; bytes
///   before the first start code are ignored, but a run without any start code is one NAL unit (vendor encoders do that);
///   empty units are skipped. Views point into the input. No allocation.
/// Thread: any-thread (a value type).
class annexb_cursor {
 public:
  explicit annexb_cursor(byte_view bytes) noexcept;
  bool next(nal_unit& unit) noexcept;

 private:
  byte_view m_bytes;
  size_t m_position = 0;
  bool m_is_unframed = false;
};

/// Position of the next 00 00 01 at or after `from` (of its first zero byte), or bytes.size() if there is none.
size_t find_start_code(byte_view bytes, size_t from) noexcept;

/// Cuts a byte stream (a file, a pipe) into access units, wherever the reads happened to end: a start code cut in
/// the middle, several pictures in one read, one picture in many.
/// Shape: `append()` bytes, `next()` gives whole access units (Annex B, borrowed until the next call of append or
///   next), `finish()` lets next() give the last one. Boundaries: H.264 7.4.1.2.3/4 (AUD, SPS, PPS, SEI, or a slice
///   with first_mb_in_slice 0 after a VCL unit), H.265 7.4.2.4.4 (AUD, VPS, SPS, PPS, prefix SEI, or
///   first_slice_segment_in_pic_flag after a VCL unit). Bytes before the first start code are dropped.
/// Errors: append() alone fails, too_big when one access unit exceeds `max_bytes`, malformed when the first `max_bytes`
///   hold no start code; the splitter is empty then, as after reset().
/// Thread: capture-thread.
class access_unit_splitter {
 public:
  explicit access_unit_splitter(codec_id codec, size_t max_bytes = 8u << 20);
  [[nodiscard]] result<void> append(byte_view bytes);
  void finish() noexcept { m_is_finished = true; }
  bool next(byte_view& access_unit);
  void reset() noexcept;

 private:
  bool is_boundary(byte_view head) noexcept;
  void drop_consumed();
  void scan();
  size_t longest_access_unit() const noexcept;

  const codec_id m_codec;
  const size_t m_max_bytes;
  std::vector<uint8_t> m_buffer;
  /// Where access units begin in m_buffer; the first of them is at or after m_consumed.
  std::vector<size_t> m_starts;
  size_t m_next_start = 0;
  size_t m_consumed = 0;
  size_t m_scanned = 0;
  bool m_has_vcl = false;
  bool m_is_finished = false;
};

}  // namespace campush

#pragma once

#include <array>
#include <vector>

#include "rtmp/publisher.h"
#include "rtmp/session_sampler.h"

namespace campush {

/// What one connection is sent, and in which order: nothing before start(), then metadata, video header, audio header, the first
/// keyframe, and everything after it that the queue lets pass.
/// Shape: start() with the first tag's dts, the connection's zero; push() tags in dts order; send() gives the publisher what it
///   takes. Sequence headers are not queued: they go out right before the first tag of their generation, at its time, and only
///   those whose bytes changed (MediaMTX closes on a repeated Enhanced header). A tag whose headers are not known is not sent. Where a
///   stream (re)starts at an open H.265 GOP, the pictures that refer to what was before it (RASL) are left out.
/// Units: wire time in ms = floor((dts − zero) / 1 ms) + initial, mod 2^32; one zero for both tracks.
/// Thread: loop-thread. No allocation per tag.
/// Source: DESIGN 5 Start order; facts/rtmp 2.5, 6.
class session_feed {
 public:
  struct options {
    queue_limits limits;
    video_dialect dialect = video_dialect::enhanced;
    uint32_t initial_timestamp_ms = 0;
    uint32_t max_message_bytes = 1048576;
    uint32_t chunk_size = 60000;
  };
  enum class verdict : uint8_t { queued, dropped, too_big };

  explicit session_feed(const options& chosen);

  /// For another session: nothing of the one before shows any more.
  void reset(const options& chosen);
  void start(time_point zero, time_point now, duration grace);
  /// What is still queued is counted as not_connected.
  void stop() noexcept;
  bool is_started() const noexcept { return m_is_started; }

  verdict push(const tag_ptr& tag, const std::shared_ptr<const stream_headers>& headers, time_point now);
  /// Of pictures, as they came in over the last seconds, dropped or not; 0 until a second of them came.
  uint32_t offered_video_kbps() const noexcept;
  /// Over what the server or the protocol takes in one message.
  bool is_too_big(const flv_tag& tag) const noexcept;
  /// Of a tag that is not pushed.
  void count_drop(const flv_tag& tag, drop_reason reason) noexcept;
  /// False when the publisher did not take all: send() again after its on_writable().
  bool send(publisher& to, session_sampler& sampler);

  send_queue& queue() noexcept { return m_queue; }
  const send_queue& queue() const noexcept { return m_queue; }
  video_dialect dialect() const noexcept { return m_options.dialect; }
  /// Payload of all that was pushed since reset(), whatever became of it: what the encoder makes.
  uint64_t offered_video_bytes() const noexcept { return m_offered_video; }
  uint64_t offered_audio_bytes() const noexcept { return m_offered_audio; }
  /// Of these, the pictures over the server's size and those that refer to them.
  uint64_t unsendable_bytes() const noexcept { return m_unsendable; }
  const std::array<uint64_t, frame_kind_count>& frames_sent() const noexcept { return m_frames_sent; }

 private:
  static constexpr size_t max_batch = 32, max_known_headers = 4;

  /// Which headers the connection has, so far sent or about to be.
  struct header_state {
    uint32_t video_generation = 0, audio_generation = 0, metadata_generation = 0;
    tag_ptr metadata, video_header, audio_header;
  };
  /// A few seconds of the stream without a gap.
  struct offered_span {
    time_point from{}, to{};
    uint64_t bytes = 0;
  };
  void count_offered(const flv_tag& tag) noexcept;
  void count_unsendable(const flv_tag& tag) noexcept;
  void remember_headers(const std::shared_ptr<const stream_headers>& headers);
  bool is_generation_queued(uint32_t generation) const noexcept;
  bool refers_past_keyframe(const flv_tag& tag) noexcept;
  const stream_headers* headers_of(uint32_t generation) const noexcept;
  size_t plan();
  void plan_headers(const flv_tag& tag, header_state& state, size_t& used);
  void plan_header(const tag_ptr& header, tag_ptr& known, uint32_t timestamp_ms, size_t& used);
  void commit(size_t planned, size_t taken, session_sampler& sampler);
  void note_sent(const flv_tag& tag) noexcept;
  void note_sent_header(const tag_ptr& header) noexcept;
  uint32_t wire_time(const flv_tag& tag) const noexcept;
  size_t wire_bytes(const outgoing_tag& item) const noexcept;

  options m_options;
  send_queue m_queue;
  std::vector<std::shared_ptr<const stream_headers>> m_known;
  header_state m_sent;
  std::array<outgoing_tag, max_batch> m_batch;
  std::array<bool, max_batch> m_is_header{};
  time_point m_zero{};
  bool m_is_started = false;
  bool m_may_lead = false;         ///< no trailing picture came since the newest keyframe
  bool m_is_cut_by_size = false;   ///< a picture was too big, no keyframe came since
  bool m_is_after_splice = false;  ///< what was before that keyframe is of another stream
  std::array<uint64_t, frame_kind_count> m_frames_sent{};
  uint64_t m_offered_video = 0, m_offered_audio = 0, m_unsendable = 0;
  offered_span m_offered_now;
  uint32_t m_offered_kbps = 0;  ///< of the last whole span
};

}  // namespace campush

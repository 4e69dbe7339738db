#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "fakes/fake_clock.h"
#include "rtmp/send_queue.h"

namespace campush {

/// A tag of any kind without content. The first letter says what it is: K key, P inter, d disposable, a audio, H video header,
/// h audio header, M metadata; r as P, and refers to what was before the keyframe, too (RASL).
inline std::shared_ptr<flv_tag> make_plain_tag(char letter, time_point dts, size_t bytes) {
  static const std::vector<uint8_t> room(6u << 20);
  auto tag = std::make_shared<flv_tag>();
  const bool is_audio = letter == 'a' || letter == 'h';
  tag->kind = letter == 'M'   ? tag_kind::metadata
              : letter == 'H' ? tag_kind::video_header
              : letter == 'h' ? tag_kind::audio_header
              : is_audio      ? tag_kind::audio
                              : tag_kind::video;
  tag->codec = is_audio ? codec_id::aac : codec_id::h264;
  tag->is_keyframe = letter == 'K';
  tag->is_disposable = letter == 'd';
  if (tag->kind == tag_kind::video || tag->kind == tag_kind::audio) tag->dts = dts;
  tag->body = byte_view(room.data(), bytes);
  return tag;
}

/// Limits of which only those of time, or only those of bytes, can be reached.
inline queue_limits by_time() {
  queue_limits limits;
  limits.warning_bytes = limits.high_bytes = limits.critical_bytes = 1u << 30;
  return limits;
}
inline queue_limits by_bytes() {
  queue_limits limits;
  limits.warning_time = limits.high_time = limits.flush_time = std::chrono::hours(1);
  return limits;
}

/// A queue in front of a connection that takes nothing until it is told to. Tags are written as letters (make_plain_tag);
/// each frame is `step` after the one before it.
struct queue_script {
  fake_clock time;
  send_queue queue;
  std::chrono::milliseconds step{40};
  size_t frame_bytes = 100;

  explicit queue_script(const queue_limits& limits = {}) : queue(limits, video_dialect::legacy) {}

  /// The letters of what was taken.
  std::string push(const std::string& letters) {
    std::string taken;
    for (char letter : letters) {
      if (queue.push(make_plain_tag(letter, time.now(), frame_bytes), time.now(), letter == 'r')) taken += letter;
      if (std::string("KPdar").find(letter) != std::string::npos) time.advance(step);
    }
    return taken;
  }
  std::string push(size_t count, const std::string& letters) {
    std::string taken;
    for (size_t i = 0; i < count; ++i) taken += push(letters);
    return taken;
  }
  bool push_bytes(char letter, size_t bytes) {
    const size_t usual = std::exchange(frame_bytes, bytes);
    const bool was_taken = !push(std::string(1, letter)).empty();
    frame_bytes = usual;
    return was_taken;
  }
  static char letter_of(const flv_tag& tag) {
    if (tag.kind == tag_kind::metadata) return 'M';
    if (tag.is_header()) return tag.is_video_track() ? 'H' : 'h';
    constexpr char letters[] = {'K', 'P', 'd', 'a'};
    return letters[static_cast<size_t>(kind_of(tag))];
  }
  std::string queued() const {
    std::string letters;
    for (size_t i = 0; i < queue.size(); ++i) letters += letter_of(**queue.at(i));
    return letters;
  }
  std::string pop(size_t count) {
    std::string letters;
    for (size_t i = 0; i < count && !queue.empty(); ++i) {
      letters += letter_of(**queue.front());
      queue.pop();
    }
    return letters;
  }
  std::string level() const { return queue_level_name(queue.level()); }
  uint64_t dropped(frame_kind kind, drop_reason reason) const {
    return queue.dropped().count[static_cast<size_t>(kind)][static_cast<size_t>(reason)];
  }
};

}  // namespace campush

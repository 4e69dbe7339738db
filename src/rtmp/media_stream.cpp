#include "rtmp/media_stream.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <optional>

#include "media/stream_control.h"
#include "rtmp/stream_timeline.h"
#include "rtmp/track_order.h"
#include "util/log.h"
#include "util/spsc_ring.h"

namespace campush {
namespace {

// More than 3 s of 30 pictures and 47 sounds a second: a loop that is later than that has lost the picture anyway.
constexpr size_t ring_capacity = 256;
// Kept free by frames, so that the end of a source always gets through.
constexpr size_t ring_slots_for_events = 8;

using relaxed_counter = std::atomic<uint64_t>;
void add(relaxed_counter& counter, uint64_t count = 1) noexcept {
  counter.fetch_add(count, std::memory_order_relaxed);
}
uint64_t read(const relaxed_counter& counter) noexcept {
  return counter.load(std::memory_order_relaxed);
}

/// What crosses: a tag with the headers when they changed, or (without a tag) the end of the source.
struct handed_over {
  std::shared_ptr<flv_tag> tag;
  std::shared_ptr<const stream_headers> new_headers;
};

bool is_same_picture(const std::optional<video_description>& left, const std::optional<video_description>& right) {
  if (!left || !right) return left.has_value() == right.has_value();
  return left->codec == right->codec && left->width == right->width && left->height == right->height;
}

}  // namespace

struct media_stream::state {
  state(stream_key stream, std::string name, event_loop& home, const media_stream_options& wanted)
      : key(stream),
        stream_name(std::move(name)),
        loop(home),
        options(wanted),
        encoder("campush"),
        order(wanted.interleave),
        bitrate(fmt::format("cam{}_stream{}", stream.camera_id, stream.stream_id)) {
    wakeup = loop.make_wakeup([this] { drain(); });
    hold_timer = loop.make_timer([this] { release(loop.now()); });
    stall_timer = loop.make_timer([this] { check_stall(); });
    keyframe_timer = loop.make_timer([this] { ask_for_keyframe(); });
  }

  // constant after construction
  const stream_key key;
  const std::string stream_name;
  event_loop& loop;
  const media_stream_options options;

  // capture-thread
  rtmp_encoder encoder;
  stream_timeline timeline;
  std::shared_ptr<const stream_headers> handed_headers;
  std::optional<video_description> described_video;
  bool is_waiting_for_keyframe = false;
  rate_counter reanchor_log;

  // crossing
  spsc_ring<handed_over> ring{ring_capacity};
  std::atomic<bool> has_lost_video{false};
  std::atomic<stream_state> current{stream_state::waiting};
  relaxed_counter tags_in{0}, tags_out{0}, ring_overflows{0}, dts_corrections{0}, reanchors{0}, keyframes_asked{0},
      keyframes_suppressed{0};

  // loop-thread
  track_order order;
  std::shared_ptr<const stream_headers> arrived_headers, current_headers;
  std::vector<tag_sink*> sinks;
  int calls_to_sinks = 0;
  std::shared_ptr<stream_control> control;
  bitrate_votes bitrate;
  std::optional<time_point> keyframe_asked_at;
  bool has_keyframe_come = true;
  time_point last_sign_of_life{};
  uint32_t gop_holders = 0;
  std::vector<tag_ptr> gop;
  size_t gop_bytes = 0;
  // Last, so that they go first: their callbacks use all of the above.
  std::unique_ptr<loop_wakeup> wakeup;
  std::unique_ptr<loop_timer> hold_timer, stall_timer, keyframe_timer;

  void describe(const stream_description& description);
  void report_jump(const media_frame& frame);
  bool try_hand_over(std::shared_ptr<flv_tag> tag);

  void drain();
  void release(time_point now);
  void deliver(ordered_tag item, time_point now);
  void keep_in_gop(const tag_ptr& tag);
  void drop_gop() noexcept;
  void enter(stream_state next);
  void check_stall();
  bool request_keyframe();
  bool ask_for_keyframe();
  template <class Call>
  void tell_sinks(Call call);
};

media_stream::media_stream(stream_key key, std::string stream_name, event_loop& loop,
                           const media_stream_options& options)
    : m_state(std::make_unique<state>(key, std::move(stream_name), loop, options)) {}
media_stream::~media_stream() = default;

void media_stream::on_frame(const media_frame& frame) {
  state& self = *m_state;
  const timeline_place place = self.timeline.place(frame);
  if (place.is_corrected) add(self.dts_corrections);
  if (place.is_reanchored) self.report_jump(frame);
  media_frame placed = frame;
  placed.dts = place.dts;
  placed.pts = place.pts;
  std::shared_ptr<flv_tag> tag = self.encoder.encode(placed);
  if (!tag) return;
  add(self.tags_in);
  const bool is_video_tag = tag->is_video_track();
  if (!self.try_hand_over(std::move(tag))) {
    add(self.ring_overflows);
    if (is_video_tag) {
      self.is_waiting_for_keyframe = true;
      self.has_lost_video.store(true, std::memory_order_release);
    }
  }
  self.wakeup->signal();
}

void media_stream::on_source_event(const source_event& event) {
  switch (event.kind) {
    case source_event_kind::opened:
      // What the first pictures refer to may have gone by while the source was closed.
      m_state->is_waiting_for_keyframe = true;
      if (event.description) m_state->describe(*event.description);
      break;
    case source_event_kind::described:
      if (event.description) m_state->describe(*event.description);
      break;
    case source_event_kind::ended:
      m_state->ring.try_push({});
      m_state->wakeup->signal();
      break;
    // The device side reopens the source; until a frame comes the stall timer speaks for it.
    case source_event_kind::failed: break;
  }
}

/// Sound that comes, goes or changes takes no picture with it.
void media_stream::state::describe(const stream_description& description) {
  if (!is_same_picture(described_video, description.video)) is_waiting_for_keyframe = true;
  described_video = description.video;
  encoder.set_description(description);
}

void media_stream::state::report_jump(const media_frame& frame) {
  add(reanchors);
  const uint64_t count = reanchor_log.add(frame.dts);
  if (count == 0) return;
  log_warn(
      log_module::rtmp,
      "cam{}_stream{} ({}): the time stamps of its {} jumped by more than 1 s, time continues ({} in the last second)",
      key.camera_id, key.stream_id, stream_name, frame.track() == track_kind::video ? "video" : "audio", count);
}

bool media_stream::state::try_hand_over(std::shared_ptr<flv_tag> tag) {
  const bool is_video_tag = tag->is_video_track();
  const bool is_keyframe = tag->is_keyframe;
  if (is_video_tag && is_waiting_for_keyframe && !is_keyframe) return false;
  if (ring.free_slots() <= ring_slots_for_events) return false;

  std::shared_ptr<const stream_headers> needed = encoder.headers();
  handed_over item{std::move(tag), nullptr};
  if (needed != handed_headers) {
    handed_headers = needed;
    item.new_headers = std::move(needed);
  }
  if (is_video_tag) is_waiting_for_keyframe = false;
  return ring.try_push(std::move(item));
}

void media_stream::state::drain() {
  const time_point now = loop.now();
  handed_over item;
  while (ring.try_pop(item)) {
    if (item.new_headers) arrived_headers = std::move(item.new_headers);
    if (item.tag) {
      order.push({std::move(item.tag), arrived_headers}, now);
      release(now);
    } else {
      order.flush();
      release(now);
      enter(stream_state::ended);
    }
  }
  if (has_lost_video.exchange(false, std::memory_order_acquire)) request_keyframe();
}

void media_stream::state::release(time_point now) {
  const uint64_t corrections_before = order.corrections();
  ordered_tag item;
  while (order.pop(item, now)) deliver(std::move(item), now);
  add(dts_corrections, order.corrections() - corrections_before);
  // An armed timer is early enough: the next tag to leave never becomes due sooner than one before it.
  if (const auto due = order.next_due(); due && !hold_timer->is_armed()) hold_timer->arm_at(*due);
}

void media_stream::state::deliver(ordered_tag item, time_point now) {
  current_headers = item.headers;
  const tag_ptr tag = std::move(item.tag);
  add(tags_out);
  if (tag->is_video_track() || item.headers->video_codec == codec_id::none) {
    last_sign_of_life = now;
    enter(stream_state::live);
  }
  if (tag->is_keyframe) {
    has_keyframe_come = true;
    keyframe_timer->cancel();
  }
  if (gop_holders > 0) keep_in_gop(tag);
  tell_sinks([&](tag_sink& sink) { sink.on_tag(tag, item.headers); });
}

void media_stream::state::keep_in_gop(const tag_ptr& tag) {
  if (tag->is_keyframe) {
    drop_gop();
  } else if (gop.empty()) {
    return;
  } else if (tag->header_generation != gop.front()->header_generation) {
    // A connection that starts from the cache is given one set of headers, those of the newest tag.
    return drop_gop();
  }
  gop_bytes += tag->body.size();
  if (gop_bytes > options.max_gop_bytes) {
    drop_gop();
  } else {
    gop.push_back(tag);
  }
}

void media_stream::state::drop_gop() noexcept {
  gop.clear();
  gop_bytes = 0;
}

void media_stream::state::enter(stream_state next) {
  if (current.load(std::memory_order_relaxed) == next) return;
  current.store(next, std::memory_order_relaxed);
  if (next == stream_state::live) {
    stall_timer->arm_at(last_sign_of_life + options.stall_after);
  } else {
    stall_timer->cancel();
    drop_gop();
  }
  tell_sinks([&](tag_sink& sink) { sink.on_stream_state(next); });
}

/// One timer in 4 s instead of one a frame: it looks when the last frame was, and waits for the rest.
void media_stream::state::check_stall() {
  const time_point due = last_sign_of_life + options.stall_after;
  if (loop.now() < due) {
    stall_timer->arm_at(due);
  } else {
    enter(stream_state::stalled);
  }
}

template <class Call>
void media_stream::state::tell_sinks(Call call) {
  ++calls_to_sinks;
  const size_t count = sinks.size();
  for (size_t i = 0; i < count; ++i) {
    if (sinks[i]) call(*sinks[i]);
  }
  if (--calls_to_sinks == 0) sinks.erase(std::remove(sinks.begin(), sinks.end(), nullptr), sinks.end());
}

stream_key media_stream::key() const noexcept {
  return m_state->key;
}
event_loop& media_stream::loop() const noexcept {
  return m_state->loop;
}

void media_stream::add_sink(tag_sink& sink) {
  m_state->sinks.push_back(&sink);
}

void media_stream::remove_sink(tag_sink& sink) noexcept {
  std::vector<tag_sink*>& sinks = m_state->sinks;
  if (m_state->calls_to_sinks > 0) {
    std::replace(sinks.begin(), sinks.end(), &sink, static_cast<tag_sink*>(nullptr));
  } else {
    sinks.erase(std::remove(sinks.begin(), sinks.end(), &sink), sinks.end());
  }
}

void media_stream::set_control(std::shared_ptr<stream_control> control) {
  m_state->control = std::move(control);
  m_state->bitrate.set_control(m_state->control);
  m_state->keyframe_timer->cancel();
  m_state->keyframe_asked_at.reset();
}

bool media_stream::request_keyframe() {
  return m_state->request_keyframe();
}

bool media_stream::state::request_keyframe() {
  if (!control) return false;
  if (!keyframe_asked_at) return ask_for_keyframe();
  const time_point next_allowed = *keyframe_asked_at + options.min_keyframe_interval;
  if (next_allowed <= loop.now()) return ask_for_keyframe();
  add(keyframes_suppressed);
  if (has_keyframe_come && !keyframe_timer->is_armed()) keyframe_timer->arm_at(next_allowed);
  return true;
}

bool media_stream::state::ask_for_keyframe() {
  if (!control || control->request_keyframe() != control_outcome::accepted) return false;
  keyframe_asked_at = loop.now();
  has_keyframe_come = false;
  add(keyframes_asked);
  return true;
}

bitrate_votes& media_stream::bitrate() noexcept {
  return m_state->bitrate;
}

bool media_stream::has_keyframe_on_demand() const noexcept {
  return m_state->control && m_state->control->has_keyframe_on_demand();
}

stream_state media_stream::current_state() const noexcept {
  return m_state->current.load(std::memory_order_relaxed);
}

std::shared_ptr<const stream_headers> media_stream::headers() const noexcept {
  return m_state->current_headers;
}

void media_stream::hold_gop_cache() {
  ++m_state->gop_holders;
}

void media_stream::release_gop_cache() noexcept {
  if (m_state->gop_holders == 0 || --m_state->gop_holders > 0) return;
  m_state->drop_gop();
  m_state->gop.shrink_to_fit();
}

const std::vector<tag_ptr>& media_stream::gop() const noexcept {
  return m_state->gop;
}

media_stream_counters media_stream::counters() const noexcept {
  media_stream_counters now;
  now.tags_in = read(m_state->tags_in);
  now.tags_out = read(m_state->tags_out);
  now.ring_overflows = read(m_state->ring_overflows);
  now.dts_corrections = read(m_state->dts_corrections);
  now.reanchors = read(m_state->reanchors);
  now.keyframes_asked = read(m_state->keyframes_asked);
  now.keyframes_suppressed = read(m_state->keyframes_suppressed);
  return now;
}

encoder_counters media_stream::packager_counters() const noexcept {
  return m_state->encoder.counters();
}
tag_pool_counters media_stream::pool_counters() const noexcept {
  return m_state->encoder.pool_counters();
}

}  // namespace campush

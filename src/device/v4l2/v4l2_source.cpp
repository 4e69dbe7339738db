#include "device/v4l2/v4l2_source.h"

#include <linux/videodev2.h>

#include <algorithm>
#include <cerrno>

#include "media/h264.h"
#include "media/h265.h"
#include "util/log.h"

namespace campush {

namespace {

using std::chrono::seconds;

/// Enough for a driver that fills one while another is sent; more would only add delay when this thread is late.
constexpr uint32_t buffers_of_coded_pictures = 4;
constexpr duration between_keyframe_requests = seconds(1);
/// Parameter sets are a few hundred bytes: what never ends in a picture is none.
constexpr size_t longest_headers = 64u << 10;

codec_id codec_of(const stream_config& config) {
  const auto named = fourccs_of_name(config.source.pixel_format);
  const known_format* const format = named.empty() ? nullptr : find_format(named.front());
  return format != nullptr && format->codec != codec_id::none ? format->codec : config.encoder.codec;
}

/// The driver has no such control; a fault of the bus is another matter.
bool is_lacking(int errno_value) noexcept {
  return errno_value == EINVAL || errno_value == ENOTTY;
}

/// Parameter sets, SEI, delimiters: what may stand before the picture it belongs to.
bool has_only_headers(codec_id codec, byte_view bytes) noexcept {
  annexb_cursor cursor(bytes);
  bool has_any = false;
  for (nal_unit unit; cursor.next(unit);) {
    const uint8_t type = codec == codec_id::h264 ? h264_nal_type(unit[0]) : h265_nal_type(unit[0]);
    const bool is_header =
        codec == codec_id::h264
            ? type >= h264_nal::sei && type <= h264_nal::access_unit_delimiter
            : (type >= h265_nal::vps && type <= h265_nal::access_unit_delimiter) || type == h265_nal::prefix_sei;
    if (!is_header) return false;
    has_any = true;
  }
  return has_any;
}

}  // namespace

bool lengths_to_start_codes(uint8_t* bytes, size_t size) noexcept {
  constexpr size_t length_bytes = 4;
  const auto length_at = [bytes](size_t at) {
    return uint32_t{bytes[at]} << 24 | uint32_t{bytes[at + 1]} << 16 | uint32_t{bytes[at + 2]} << 8 | bytes[at + 3];
  };
  size_t at = 0;
  while (size - at >= length_bytes) {
    const uint32_t length = length_at(at);
    if (length == 0 || length > size - at - length_bytes) return false;
    at += length_bytes + length;
  }
  if (at != size || size == 0) return false;
  for (at = 0; at < size;) {
    const uint32_t length = length_at(at);
    bytes[at] = bytes[at + 1] = bytes[at + 2] = 0;
    bytes[at + 3] = 1;
    at += length_bytes + length;
  }
  return true;
}

control_outcome v4l2_source::request_box::request_keyframe() noexcept {
  if (!is_open.load()) return control_outcome::failed;
  if (!can_force_keyframe.load()) return control_outcome::unsupported;
  wants_keyframe.store(true);
  return control_outcome::accepted;
}

control_outcome v4l2_source::request_box::set_bitrate(uint32_t kbps) noexcept {
  if (kbps == 0 || !is_open.load()) return control_outcome::failed;
  if (!can_set_bitrate.load()) return control_outcome::unsupported;
  wanted_kbps.store(kbps);
  return control_outcome::accepted;
}

control_outcome v4l2_source::request_box::set_codec(codec_id wanted) noexcept {
  if (!is_video(wanted)) return control_outcome::unsupported;
  if (!is_open.load()) return control_outcome::failed;
  if (wanted != codec.load() && !has_both_codecs.load()) return control_outcome::unsupported;
  wanted_codec.store(wanted);
  return control_outcome::accepted;
}

v4l2_source::v4l2_source(const stream_config& config, const clock& time, video_device_calls& calls)
    : m_config(config),
      m_first_codec(codec_of(config)),
      m_time(time),
      m_device(calls, m_counters),
      m_controls(m_device.node()) {
  use_codec(m_first_codec);
}

void v4l2_source::use_codec(codec_id codec) {
  m_codec = codec;
  m_parameter_sets.emplace(codec);
  m_splitter.emplace(codec);
  m_control.codec.store(codec);
}

/// Of a device that cannot do it after all: the stream fails, and is opened again with the codec of the configuration.
result<bool> v4l2_source::change_codec(time_point now, frame_sink& sink) {
  if (m_control.wanted_codec.load(std::memory_order_relaxed) == codec_id::none) return false;
  const codec_id wanted = m_control.wanted_codec.exchange(codec_id::none);
  if (wanted == codec_id::none || wanted == m_codec) return false;
  close();
  use_codec(wanted);
  const auto description = start(now);
  if (!description) return tl::unexpected<error>(wrap(description.error(), "change of the codec"));
  log_info(log_module::device, "{}: encodes {} from here on", m_device.node().path(), codec_name(wanted));
  sink.on_description(*description);
  return true;
}

result<stream_description> v4l2_source::open() {
  close();
  if (m_codec != m_first_codec) use_codec(m_first_codec);
  auto description = start(m_time.now());
  if (!description) close();
  return description;
}

result<stream_description> v4l2_source::start(time_point now) {
  if (auto opened = m_device.open(m_config.source.device); !opened) {
    return tl::unexpected<error>(std::move(opened.error()));
  }
  const encoder_config& wanted = m_config.encoder;
  const bool has_own_size = m_config.source.width != 0 && m_config.source.height != 0;
  capture_request request;
  request.fourccs = fourccs_of_codec(m_codec);
  request.width = has_own_size ? m_config.source.width : wanted.width;
  request.height = has_own_size ? m_config.source.height : wanted.height;
  request.frame_rate = m_config.source.frame_rate > 0 ? m_config.source.frame_rate : wanted.frame_rate;
  request.memory = buffer_origin_of(m_config.source.memory);
  request.dma_heap = m_config.source.dma_heap;
  const auto agreed = m_device.configure(request);
  if (!agreed) return tl::unexpected<error>(agreed.error());
  const codec_id other = m_codec == codec_id::h264 ? codec_id::h265 : codec_id::h264;
  const bool is_free = fourccs_of_name(m_config.source.pixel_format).empty();
  m_control.has_both_codecs.store(is_free && offers_any(enumerate_formats(m_device.node()), fourccs_of_codec(other)));
  encoder_config asked = wanted;
  asked.codec = m_codec;
  m_controls.apply(asked);
  // Whoever asked for it hears nothing of a device that was away.
  if (m_asked_kbps != 0) m_controls.set_bitrate(m_asked_kbps);
  if (auto started = m_device.start(buffers_of_coded_pictures, now); !started) {
    return tl::unexpected<error>(std::move(started.error()));
  }
  m_control.can_force_keyframe.store(m_controls.has_keyframe_request());
  m_control.can_set_bitrate.store(m_controls.has_bitrate());
  m_control.is_open.store(true);
  stream_description out;
  out.video = video_description{m_codec, agreed->width, agreed->height, agreed->frame_rate,
                                m_asked_kbps != 0 ? m_asked_kbps : wanted.bitrate_kbps};
  return out;
}

void v4l2_source::close() noexcept {
  m_control.is_open.store(false);
  m_control.wants_keyframe.store(false);
  note_wanted_bitrate();
  m_control.wanted_codec.store(codec_id::none);
  m_held.reset();
  m_device.close();
  m_splitter->reset();
  m_pending_since.reset();
  m_headers.clear();
}

time_point v4l2_source::next_due() const noexcept {
  return m_device.next_check();
}

source_health v4l2_source::health() const noexcept {
  source_health out;
  out.lost_pictures = m_counters.lost.load(std::memory_order_relaxed);
  out.damaged_buffers = m_counters.damaged.load(std::memory_order_relaxed);
  out.stalls = m_counters.stalls.load(std::memory_order_relaxed);
  return out;
}

result<step_outcome> v4l2_source::step(time_point now, frame_sink& sink) {
  const auto is_changed = change_codec(now, sink);
  if (!is_changed) {
    close();
    return tl::unexpected<error>(is_changed.error());
  }
  carry_out_requests(now);
  v4l2_device::taken_buffer taken;
  const auto has_buffer = m_device.take(now, taken);
  result<step_outcome> outcome = step_outcome::idle;
  if (!has_buffer) {
    outcome = tl::unexpected<error>(has_buffer.error());
  } else if (*has_buffer) {
    outcome = handle(taken, now, sink);
  }
  if (!outcome) {
    close();
    return outcome;
  }
  const uint64_t damage = m_counters.damaged.load(std::memory_order_relaxed);
  if (damage != m_known_damage) ask_for_keyframe(now);
  m_known_damage = damage;
  return outcome;
}

void v4l2_source::carry_out_requests(time_point now) noexcept {
  if (m_control.wants_keyframe.load(std::memory_order_relaxed) && m_control.wants_keyframe.exchange(false)) {
    m_keyframe_asked_at = now;
    if (is_lacking(m_controls.request_keyframe())) m_control.can_force_keyframe.store(false);
  }
  if (!note_wanted_bitrate()) return;
  if (is_lacking(m_controls.set_bitrate(m_asked_kbps))) m_control.can_set_bitrate.store(false);
}

bool v4l2_source::note_wanted_bitrate() noexcept {
  if (m_control.wanted_kbps.load(std::memory_order_relaxed) == 0) return false;
  m_asked_kbps = m_control.wanted_kbps.exchange(0);
  return true;
}

void v4l2_source::ask_for_keyframe(time_point now) noexcept {
  const bool is_too_early =
      m_keyframe_asked_at != time_point{} && now - m_keyframe_asked_at < between_keyframe_requests;
  if (is_too_early || !m_control.can_force_keyframe.load(std::memory_order_relaxed)) return;
  m_keyframe_asked_at = now;
  m_controls.request_keyframe();
}

result<step_outcome> v4l2_source::handle(const v4l2_device::taken_buffer& taken, time_point now, frame_sink& sink) {
  if (taken.is_first && m_held) {
    // The driver was restarted in between.
    const captured_buffer old = m_held->buffer;
    m_held.reset();
    m_device.give_back(old);
  }
  if (taken.is_first && taken.buffer.is_full && !m_device.queue().uses_read()) {
    m_held = taken;
    return step_outcome::idle;
  }
  if (m_held) {
    if (auto resolved = resolve_held(taken, now, sink); !resolved) return tl::unexpected<error>(resolved.error());
  } else if (taken.follows_gap) {
    ask_for_keyframe(now);
  }
  const auto delivered = deliver(taken, now, sink);
  if (!delivered) return tl::unexpected<error>(delivered.error());
  return *delivered ? step_outcome::delivered : step_outcome::idle;
}

/// A driver whose sequence goes on behind the full buffer meant it; v4l2loopback's stale one is followed by a gap.
result<void> v4l2_source::resolve_held(const v4l2_device::taken_buffer& following, time_point now, frame_sink& sink) {
  const v4l2_device::taken_buffer held = *m_held;
  m_held.reset();
  if (following.follows_gap) {
    log_info(log_module::device, "{}: its first buffer was an old one and is left out", m_device.node().path());
    m_device.give_back(held.buffer);
    return {};
  }
  const auto delivered = deliver(held, now, sink);
  if (!delivered) return tl::unexpected<error>(delivered.error());
  return {};
}

result<bool> v4l2_source::deliver(const v4l2_device::taken_buffer& taken, time_point now, frame_sink& sink) {
  const captured_buffer::plane& plane = taken.buffer.planes[0];
  const uint32_t fourcc = m_device.format().format.fourcc;
  if (fourcc == V4L2_PIX_FMT_H264_NO_SC) lengths_to_start_codes(plane.data, plane.used);
  const byte_view bytes(plane.data, plane.used);
  auto fate = unit_fate::kept;
  if (!m_device.queue().uses_read()) {
    fate = deliver_unit(bytes, taken.captured_at, sink);
  } else {
    const auto cut = deliver_cut(bytes, taken.captured_at, sink);
    if (!cut) return tl::unexpected<error>(cut.error());
    fate = *cut;
  }
  if (fate == unit_fate::refused) {
    m_device.reject(taken.buffer, "neither a picture nor parameter sets", now);
  } else {
    m_device.note_picture(now);
    m_device.give_back(taken.buffer);
  }
  return fate == unit_fate::sent;
}

result<v4l2_source::unit_fate> v4l2_source::deliver_cut(byte_view bytes, time_point captured_at, frame_sink& sink) {
  if (auto taken = m_splitter->append(bytes); !taken) {
    return tl::unexpected<error>(wrap(taken.error(), m_device.node().path()));
  }
  auto fate = unit_fate::kept;
  if (!m_pending_since) m_pending_since = captured_at;
  for (byte_view unit; m_splitter->next(unit);) {
    const unit_fate one = deliver_unit(unit, *m_pending_since, sink);
    if (fate != unit_fate::sent) fate = one;
    m_pending_since = captured_at;
  }
  return fate;
}

v4l2_source::unit_fate v4l2_source::deliver_unit(byte_view unit, time_point captured_at, frame_sink& sink) {
  const access_unit_info info = inspect_access_unit(m_codec, unit, m_parameter_sets->highest_temporal_id());
  if (!info.has_picture) return keep_headers(unit);
  if (m_headers.empty()) {
    send(unit, info, captured_at, sink);
    return unit_fate::sent;
  }
  m_joined.assign(m_headers.begin(), m_headers.end());
  m_joined.insert(m_joined.end(), unit.begin(), unit.end());
  m_headers.clear();
  send(m_joined, info, captured_at, sink);
  return unit_fate::sent;
}

v4l2_source::unit_fate v4l2_source::keep_headers(byte_view unit) {
  if (find_start_code(unit, 0) > 1 || !has_only_headers(m_codec, unit)) return unit_fate::refused;
  if (m_headers.size() + unit.size() > longest_headers) m_headers.clear();
  if (unit.size() > longest_headers) return unit_fate::refused;
  m_headers.insert(m_headers.end(), unit.begin(), unit.end());
  return unit_fate::kept;
}

void v4l2_source::send(byte_view unit, const access_unit_info& info, time_point captured_at, frame_sink& sink) {
  if (info.is_keyframe) {
    annexb_cursor cursor(unit);
    for (nal_unit part; cursor.next(part);) m_parameter_sets->feed(part);
  }
  media_frame frame;
  frame.codec = m_codec;
  frame.dts = frame.pts = frame.capture_time = captured_at;
  frame.is_keyframe = info.is_keyframe;
  frame.is_disposable = info.is_disposable;
  frame.payload = unit;
  sink.on_frame(frame);
}

}  // namespace campush

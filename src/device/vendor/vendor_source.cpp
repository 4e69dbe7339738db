#include "device/vendor/vendor_source.h"

#include <algorithm>
#include <cmath>

namespace campush {

namespace {

constexpr duration keyframe_limit = std::chrono::seconds(4);

uint32_t hal_rate_control(rate_control control) noexcept {
  switch (control) {
    case rate_control::cbr: return CAMPUSH_HAL_CBR;
    case rate_control::vbr: return CAMPUSH_HAL_VBR;
    case rate_control::avbr: return CAMPUSH_HAL_AVBR;
  }
  return 0;
}

hal_channel_request make_request(const stream_config& config) {
  hal_channel_request request;
  request.path = config.source.library;
  request.kind = track_kind::video;
  request.channel = config.source.channel.value_or(config.stream_id);
  request.device = config.source.device;
  request.profile = config.encoder.profile;
  request.options = config.source.options;
  const encoder_config& encoder = config.encoder;
  request.values.codec = hal_of_codec(encoder.codec);
  request.values.rate_control = hal_rate_control(encoder.control);
  request.values.width = encoder.width;
  request.values.height = encoder.height;
  request.values.frame_rate = static_cast<uint32_t>(std::lround(std::clamp(encoder.frame_rate, 0.0, 1000.0) * 1000));
  request.values.bitrate_kbps = encoder.bitrate_kbps;
  request.values.gop = encoder.gop;
  return request;
}

}  // namespace

control_outcome vendor_control::request_keyframe() noexcept {
  const auto worker = m_channel.worker();
  if (!worker || worker->phase() != hal_worker::worker_phase::running) return control_outcome::failed;
  if (!worker->can_request_keyframe()) return control_outcome::unsupported;
  m_is_awaited.store(true);
  worker->ask_keyframe();
  return control_outcome::accepted;
}

control_outcome vendor_control::set_bitrate(uint32_t kbps) noexcept {
  const auto worker = m_channel.worker();
  if (!worker || worker->phase() != hal_worker::worker_phase::running) return control_outcome::failed;
  if (!worker->can_set_bitrate()) return control_outcome::unsupported;
  if (kbps == 0) return control_outcome::failed;
  const hal_opened& opened = worker->opened();
  if (opened.max_bitrate_kbps > 0) kbps = std::min(kbps, opened.max_bitrate_kbps);
  worker->ask_bitrate(std::max(kbps, opened.min_bitrate_kbps));
  return control_outcome::accepted;
}

control_outcome vendor_control::set_codec(codec_id codec) noexcept {
  const auto worker = m_channel.worker();
  if (!worker || worker->phase() != hal_worker::worker_phase::running) return control_outcome::failed;
  const uint32_t wanted = hal_of_codec(codec);
  if (!worker->can_set_codec() || !worker->accepts(wanted)) return control_outcome::unsupported;
  worker->ask_codec(wanted);
  return control_outcome::accepted;
}

bool vendor_control::has_keyframe_on_demand() const noexcept {
  const auto worker = m_channel.worker();
  return worker && worker->can_request_keyframe() && m_is_trusted.load();
}

void vendor_control::on_opened() noexcept {
  m_is_awaited.store(false);
  m_is_trusted.store(true);
  m_is_timing = false;
}

void vendor_control::on_picture(time_point now, bool is_keyframe) noexcept {
  if (is_keyframe) {
    m_is_awaited.store(false, std::memory_order_relaxed);
    m_is_timing = false;
  } else if (!m_is_awaited.load(std::memory_order_relaxed)) {
    return;
  } else if (!m_is_timing) {
    m_is_timing = true;
    m_awaited_since = now;
  } else if (now - m_awaited_since > keyframe_limit) {
    m_is_trusted.store(false);
  }
}

vendor_source::vendor_source(const stream_config& config, const clock& time, std::shared_ptr<hal_library_cache> plugins)
    : m_channel(make_request(config), time, std::move(plugins)), m_control(m_channel) {}

result<stream_description> vendor_source::open() {
  auto opened = m_channel.open();
  if (!opened) return tl::unexpected<error>(std::move(opened.error()));
  m_control.on_opened();
  m_sets.reset();
  stream_description description;
  description.video =
      video_description{opened->codec, opened->width, opened->height, opened->frame_rate, opened->bitrate_kbps};
  return description;
}

uint8_t vendor_source::highest_temporal_id(const checked_unit& unit) {
  if (unit.codec != codec_id::h265) return 0;
  if (!m_sets) m_sets.emplace(codec_id::h265);
  annexb_cursor cursor(unit.payload);
  nal_unit nal;
  // Sets come before the slices they belong to, and a slice is most of the bytes: what follows the first is not looked at.
  while (cursor.next(nal) && nal.size() > 2 && h265_nal_type(nal[0]) >= h265_nal::vps) m_sets->feed(nal);
  return m_sets->highest_temporal_id();
}

result<step_outcome> vendor_source::step(time_point now, frame_sink& sink) {
  const auto next = m_channel.next(now);
  if (!next) return tl::unexpected<error>(next.error());
  if (*next == nullptr) return step_outcome::idle;
  const checked_unit& unit = **next;
  const hal_channel::unit_return lease{m_channel};
  const unit_clock::unit_times times = m_channel.times().map(unit.dts_us, unit.pts_us, now);
  const access_unit_info info = inspect_access_unit(unit.codec, unit.payload, highest_temporal_id(unit));
  media_frame frame;
  frame.codec = unit.codec;
  frame.dts = times.dts;
  frame.pts = times.pts;
  frame.capture_time = times.captured;
  frame.is_keyframe = info.is_keyframe;
  frame.is_disposable = info.is_disposable;
  frame.payload = unit.payload;
  sink.on_frame(frame);
  m_control.on_picture(now, info.is_keyframe);
  return step_outcome::delivered;
}

}  // namespace campush

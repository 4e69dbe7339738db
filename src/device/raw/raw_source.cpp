#include "device/raw/raw_source.h"

#include "util/log.h"

namespace campush {

namespace {

/// A feed watches its device while it is asked for pictures.
constexpr duration between_looks = std::chrono::milliseconds(100);

duration period_of(double frame_rate) noexcept {
  return frame_rate > 0 ? duration(static_cast<int64_t>(1e6 / frame_rate)) : duration::zero();
}

}  // namespace

raw_source::raw_source(std::unique_ptr<picture_feed> feed, const stream_config& config, const clock& time,
                       codec_library& library)
    : m_feed(std::move(feed)), m_config(config), m_time(time), m_stage(config.encoder, time, library) {}

raw_source::~raw_source() {
  close();
}

result<stream_description> raw_source::open() {
  auto fed = m_feed->open();
  if (!fed) return tl::unexpected<error>(std::move(fed.error()));
  m_is_open = true;
  if (auto opened = m_stage.open(fed->shape, fed->frame_rate); !opened) {
    close();
    return tl::unexpected<error>(std::move(opened.error()));
  }
  // Asked for more than there is, it gives what there is.
  const double wanted = m_config.encoder.frame_rate;
  const bool is_fewer = wanted > 0 && (fed->frame_rate <= 0 || wanted < fed->frame_rate);
  m_gate.start(is_fewer ? period_of(wanted) : duration::zero(), period_of(fed->frame_rate));
  m_due = m_time.now();
  m_has_told_load = false;
  stream_description description;
  description.video = m_stage.description();
  return description;
}

void raw_source::close() noexcept {
  if (m_is_open) m_feed->close();
  m_is_open = false;
  m_stage.close();
}

result<step_outcome> raw_source::step(time_point now, frame_sink& sink) {
  m_due = now + between_looks;
  auto taken = m_feed->take(now);
  if (!taken) {
    // What the camera gave before it went is still good.
    m_stage.drain(sink);
    close();
    return tl::unexpected<error>(std::move(taken.error()));
  }
  if (!*taken) return step_outcome::idle;
  const bool is_admitted = m_gate.admits((*taken)->captured_at);
  m_lost.store(m_feed->lost_pictures() + m_gate.left_out(), std::memory_order_relaxed);
  if (!is_admitted) return step_outcome::idle;
  if (auto encoded = encode(**taken, sink); !encoded) {
    close();
    return tl::unexpected<error>(std::move(encoded.error()));
  }
  return step_outcome::delivered;
}

result<void> raw_source::encode(const raw_picture& picture, frame_sink& sink) {
  m_stage.set_divisor(m_gate.divisor());
  const auto is_changed = m_stage.prepare(sink);
  if (!is_changed) return tl::unexpected<error>(is_changed.error());
  if (*is_changed) {
    stream_description description;
    description.video = m_stage.description();
    sink.on_description(description);
  }
  const time_point begin = m_time.now();
  if (auto encoded = m_stage.encode(picture, sink); !encoded) return encoded;
  const time_point end = m_time.now();
  m_gate.on_encoded(end - begin, end);
  tell_load();
  return {};
}

void raw_source::tell_load() {
  if (m_has_told_load || m_gate.divisor() == 1) return;
  m_has_told_load = true;
  log_warn(
      log_module::device,
      "{} is slower than the camera: one picture of {} is encoded (fewer, smaller pictures or hardware would help)",
      m_stage.name(), m_gate.divisor());
}

source_health raw_source::health() const noexcept {
  source_health out = m_stage.health();
  out.lost_pictures = m_lost.load(std::memory_order_relaxed);
  return out;
}

std::unique_ptr<media_source> make_raw_source(std::unique_ptr<picture_feed> feed, const stream_config& config,
                                              const clock& time) {
  return std::make_unique<raw_source>(std::move(feed), config, time, default_codec_library());
}

}  // namespace campush

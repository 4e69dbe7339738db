#include "codec/libav_video_encoder.h"

#include <unistd.h>

#include <algorithm>
#include <mutex>

#include "codec/libav_log.h"
#include "util/cpu_time.h"

namespace campush {

namespace {

/// A rate that falls by more than this is too urgent to wait for the next keyframe where the encoder must be opened anew.
constexpr double urgent_share = 0.8;
constexpr size_t longest_headers = 64 << 10;

/// One encoder opens at a time, so that the threads it starts are told from those of others. What else starts meanwhile has another name
/// than this thread.
std::mutex& opening() {
  static std::mutex& one = *new std::mutex;
  return one;
}

std::vector<int> new_threads(std::vector<int> before, std::vector<int> after) {
  std::sort(before.begin(), before.end());
  std::sort(after.begin(), after.end());
  std::vector<int> started;
  std::set_difference(after.begin(), after.end(), before.begin(), before.end(), std::back_inserter(started));
  const std::string own = name_of_thread(::gettid());
  const auto is_foreign = [&own](int thread) { return name_of_thread(thread) != own; };
  started.erase(std::remove_if(started.begin(), started.end(), is_foreign), started.end());
  return started;
}

bool is_slice(codec_id codec, uint8_t header) noexcept {
  if (codec == codec_id::h264) return (header & 0x1f) >= 1 && (header & 0x1f) <= 5;
  return (header >> 1 & 0x3f) < 32;
}

bool has_slice(codec_id codec, const uint8_t* bytes, size_t size) noexcept {
  for (size_t i = 0; i + 3 < size; ++i) {
    const bool is_start = bytes[i] == 0 && bytes[i + 1] == 0 && bytes[i + 2] == 1;
    if (is_start && is_slice(codec, bytes[i + 3])) return true;
  }
  return false;
}

}  // namespace

libav_video_encoder::libav_video_encoder(const video_encoder_options& options,
                                         std::vector<const video_encoder_kind*> kinds)
    : m_options(options), m_kinds(std::move(kinds)), m_packet(av_packet_alloc()) {}

result<std::unique_ptr<video_encoder>> libav_video_encoder::make(const video_encoder_options& options) {
  if (auto checked = check_options(options); !checked) return tl::unexpected<error>(std::move(checked.error()));
  auto kinds = encoders_for(options);
  if (!kinds) return tl::unexpected<error>(std::move(kinds.error()));
  std::unique_ptr<libav_video_encoder> made(new libav_video_encoder(options, std::move(*kinds)));
  if (!made->m_packet) return fail(error_code::io_failed, "no memory for an encoder");
  if (options.width > 0 && options.height > 0) {
    if (auto opened = made->open({}); !opened) return tl::unexpected<error>(std::move(opened.error()));
  }
  return std::unique_ptr<video_encoder>(std::move(made));
}

result<void> libav_video_encoder::open(const picture_shape& first) {
  auto plan = make_plan(m_options, first);
  if (!plan) return tl::unexpected<error>(std::move(plan.error()));
  m_plan = std::move(*plan);
  if (const uint32_t wanted = m_wanted_kbps.exchange(0); wanted != 0) m_plan.kbps = wanted;
  result<void> opened;
  for (const video_encoder_kind* kind : m_kinds) {
    opened = open_kind(*kind);
    if (opened) break;
    if (m_kinds.size() > 1) log_of_encoders(log_level::debug, opened.error().message);
  }
  if (!opened) return opened;
  m_scaler.emplace(m_plan.width, m_plan.height, m_format);
  log_of_encoders(log_level::info, std::string(m_kind->name) + " encodes " + std::to_string(m_plan.width) + "x" +
                                       std::to_string(m_plan.height) + " with " + std::to_string(m_plan.kbps) +
                                       " kbit/s");
  if (m_kind->is_hardware && !m_plan.level.empty()) {
    log_of_encoders(log_level::warn, std::string(m_kind->name) + " chooses its level itself, not " + m_plan.level);
  }
  return {};
}

result<void> libav_video_encoder::open_kind(const video_encoder_kind& kind) {
  const quiet_libav quiet;
  m_kind = &kind;
  result<void> opened;
  for (const AVPixelFormat format : kind.formats) {
    if (format == AV_PIX_FMT_NONE) continue;
    opened = open_context(format);
    // A driver that hangs does not do better with another format.
    if (opened || opened.error().code == error_code::timed_out) return opened;
  }
  return opened;
}

result<void> libav_video_encoder::open_context(AVPixelFormat format) {
  discard();
  if (auto opened = m_kind->is_hardware ? open_hardware(format) : open_software(format); !opened) return opened;
  m_thread_time_before = duration::zero();
  m_format = format;
  m_since_keyframe = 0;
  return {};
}

result<void> libav_video_encoder::open_hardware(AVPixelFormat format) {
  auto opened = hardware_context::open(*m_kind, format, m_plan);
  if (!opened) return tl::unexpected<error>(std::move(opened.error()));
  m_hardware = std::move(*opened);
  m_threads = {m_hardware->thread_id()};
  return {};
}

result<void> libav_video_encoder::open_software(AVPixelFormat format) {
  const std::lock_guard<std::mutex> hold(opening());
  const std::vector<int> before = threads_of_process();
  auto opened = open_encoder(*m_kind, format, m_plan);
  if (!opened) return tl::unexpected<error>(std::move(opened.error()));
  m_context = std::move(*opened);
  m_threads = new_threads(before, threads_of_process());
  return {};
}

bool libav_video_encoder::set_bitrate(uint32_t kbps) noexcept {
  m_wanted_kbps.store(std::clamp(kbps, 16u, 200'000u), std::memory_order_relaxed);
  return true;
}

/// libx264 takes a new rate between two pictures. The others are opened anew, which makes a keyframe: at the next one that is due, or at
/// once where the rate falls far.
result<void> libav_video_encoder::obey_bitrate(frame_sink& sink) {
  const uint32_t wanted = m_wanted_kbps.load(std::memory_order_relaxed);
  if (wanted == 0) return {};
  const bool is_keyframe_due =
      m_is_keyframe_wanted.load(std::memory_order_relaxed) || m_since_keyframe + 1 >= m_plan.gop;
  const bool is_urgent = wanted < m_plan.kbps * urgent_share;
  if (!m_kind->changes_bitrate_while_running && !is_keyframe_due && !is_urgent) return {};
  m_wanted_kbps.store(0, std::memory_order_relaxed);
  if (wanted == m_plan.kbps) return {};
  m_plan.kbps = wanted;
  if (m_kind->changes_bitrate_while_running) {
    set_rate(*m_context, m_plan);
    return {};
  }
  if (auto drained = drain(sink); !drained) return drained;
  return open_context(m_format);
}

result<void> libav_video_encoder::encode(const raw_picture& picture, frame_sink& sink) {
  const duration begin = own_cpu_time();
  auto outcome = encode_one(picture, sink);
  duration used = own_cpu_time() - begin, of_threads{};
  for (const int thread : m_threads) of_threads += cpu_time_of(thread);
  if (of_threads > m_thread_time_before) used += of_threads - m_thread_time_before;
  m_thread_time_before = of_threads;
  m_cpu_us.store(m_cpu_us.load(std::memory_order_relaxed) + used.count(), std::memory_order_relaxed);
  return outcome;
}

result<void> libav_video_encoder::encode_one(const raw_picture& picture, frame_sink& sink) {
  if (auto checked = check_picture(picture); !checked) return checked;
  if (!is_open()) {
    if (m_scaler) return fail(error_code::io_failed, std::string(name()) + ": has failed before");
    if (auto opened = open(picture.shape); !opened) return opened;
  }
  if (auto obeyed = obey_bitrate(sink); !obeyed) return obeyed;
  auto frame = m_scaler->scale(picture);
  if (!frame) return tl::unexpected<error>(std::move(frame.error()));
  const bool is_keyframe_wanted = m_is_keyframe_wanted.exchange(false, std::memory_order_relaxed);
  (*frame)->pict_type = is_keyframe_wanted ? AV_PICTURE_TYPE_I : AV_PICTURE_TYPE_NONE;
  (*frame)->pts = m_next_number++;
  m_times[static_cast<size_t>((*frame)->pts) % m_times.size()] = picture.captured_at;
  ++m_since_keyframe;
  if (auto sent = send(*frame); !sent) return sent;
  return receive(sink);
}

result<void> libav_video_encoder::drain(frame_sink& sink) {
  if (!is_open()) return {};
  if (auto sent = send(nullptr); !sent) return sent;
  auto received = receive(sink);
  discard();
  return received;
}

void libav_video_encoder::discard() noexcept {
  m_context.reset();
  m_hardware.reset();
  m_threads.clear();
}

result<void> libav_video_encoder::send(AVFrame* frame) {
  if (m_hardware) {
    auto sent = m_hardware->send(frame);
    if (!sent) discard();
    return sent;
  }
  forget_libav_words();
  const int sent = avcodec_send_frame(m_context.get(), frame);
  if (sent >= 0 || sent == AVERROR_EOF) return {};
  discard();
  return tl::unexpected<error>(libav_error(sent, name()));
}

result<bool> libav_video_encoder::receive_packet() {
  if (m_hardware) return m_hardware->receive(*m_packet);
  const int received = avcodec_receive_packet(m_context.get(), m_packet.get());
  if (received >= 0) return true;
  if (received == AVERROR(EAGAIN) || received == AVERROR_EOF) return false;
  return tl::unexpected<error>(libav_error(received, name()));
}

result<void> libav_video_encoder::receive(frame_sink& sink) {
  while (true) {
    auto received = receive_packet();
    if (!received) {
      discard();
      return tl::unexpected<error>(std::move(received.error()));
    }
    if (!*received) return {};
    deliver(*m_packet, sink);
    av_packet_unref(m_packet.get());
  }
}

/// Hardware gives the parameter sets alone before the first picture: they go out with it.
bool libav_video_encoder::holds_back_headers(const AVPacket& packet) {
  if (!m_kind->is_hardware) return false;
  const bool is_picture = has_slice(m_kind->codec, packet.data, static_cast<size_t>(packet.size));
  if (m_headers.size() > longest_headers) m_headers.clear();
  if (is_picture && m_headers.empty()) return false;
  m_headers.insert(m_headers.end(), packet.data, packet.data + packet.size);
  return !is_picture;
}

void libav_video_encoder::deliver(const AVPacket& packet, frame_sink& sink) {
  if (packet.size <= 0 || holds_back_headers(packet)) return;
  media_frame frame;
  frame.codec = m_kind->codec;
  frame.dts = frame.pts = frame.capture_time = time_of(packet.pts);
  frame.is_keyframe = (packet.flags & AV_PKT_FLAG_KEY) != 0;
  frame.is_disposable = (packet.flags & AV_PKT_FLAG_DISPOSABLE) != 0;
  frame.payload = byte_view(packet.data, static_cast<size_t>(packet.size));
  if (!m_headers.empty()) frame.payload = m_headers;
  if (frame.is_keyframe) m_since_keyframe = 0;
  sink.on_frame(frame);
  m_headers.clear();
}

time_point libav_video_encoder::time_of(int64_t number) const noexcept {
  const int64_t newest = m_next_number - 1;
  const bool is_remembered = number >= 0 && number <= newest && newest - number < static_cast<int64_t>(m_times.size());
  return m_times[static_cast<size_t>(is_remembered ? number : newest) % m_times.size()];
}

const char* libav_video_encoder::name() const noexcept {
  return (m_kind != nullptr ? m_kind : m_kinds.front())->name;
}

video_description libav_video_encoder::description() const {
  video_description out;
  out.codec = m_options.codec;
  out.width = m_plan.width != 0 ? m_plan.width : m_options.width;
  out.height = m_plan.height != 0 ? m_plan.height : m_options.height;
  out.frame_rate = m_plan.width != 0 ? av_q2d(m_plan.frame_rate) : m_options.frame_rate;
  out.bitrate_kbps = m_plan.width != 0 ? m_plan.kbps : m_options.bitrate_kbps;
  return out;
}

duration libav_video_encoder::cpu_time() const noexcept {
  return duration(m_cpu_us.load(std::memory_order_relaxed));
}

}  // namespace campush

#include "device/v4l2/raw_session.h"

#include <pthread.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <exception>
#include <system_error>
#include <tuple>

namespace campush {

namespace {

/// One with the driver to be filled, one ready, and a few with streams that encode.
constexpr uint32_t buffers_of_raw_pictures = 6;
constexpr uint32_t least_with_driver = 2;
constexpr int longest_wait_ms = 100;

/// What a format is worth for the settings; the smallest is best.
using format_rank = std::tuple<int64_t, int64_t, size_t>;

format_rank rank(const v4l2_node& node, const raw_camera_settings& wanted, uint32_t fourcc, size_t preference) {
  if (wanted.width == 0 || wanted.height == 0) return {0, 0, preference};
  const picture_size size = nearest_size(enumerate_sizes(node, fourcc), {wanted.width, wanted.height});
  const int64_t distance =
      std::llabs(int64_t{size.width} - wanted.width) + std::llabs(int64_t{size.height} - wanted.height);
  const offered_rates rates = enumerate_rates(node, fourcc, size.width, size.height);
  const double missing = rates.rates.empty() ? 0 : wanted.frame_rate - rates.rates.front();
  // Half a picture a second is 29.97 against 30.
  return {distance, missing > 0.5 ? static_cast<int64_t>(std::min(missing, 1e6)) + 1 : 0, preference};
}

}  // namespace

std::vector<uint32_t> order_raw_formats(const v4l2_node& node, const raw_camera_settings& settings) {
  const std::vector<offered_format> offered = enumerate_formats(node);
  std::vector<std::pair<format_rank, uint32_t>> ranked;
  for (size_t i = 0; i < settings.fourccs.size(); ++i) {
    const uint32_t fourcc = settings.fourccs[i];
    const bool is_offered = std::any_of(offered.begin(), offered.end(),
                                        [fourcc](const offered_format& entry) { return entry.fourcc == fourcc; });
    if (is_offered) ranked.emplace_back(rank(node, settings, fourcc, i), fourcc);
  }
  if (ranked.empty()) return settings.fourccs;
  std::sort(ranked.begin(), ranked.end());
  std::vector<uint32_t> out;
  out.reserve(ranked.size());
  for (const auto& [unused, fourcc] : ranked) out.push_back(fourcc);
  return out;
}

raw_session::raw_session(const raw_camera_settings& settings, const clock& time, video_device_calls& calls,
                         device_counters& counters)
    : m_settings(settings),
      m_time(time),
      m_counters(counters),
      m_device(calls, counters),
      m_wake(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}

raw_session::~raw_session() {
  m_is_stopping.store(true);
  const uint64_t one = 1;
  // Without an event the thread looks again after longest_wait_ms.
  if (m_wake >= 0 && ::write(m_wake, &one, sizeof one) < 0) m_is_stopping.store(true);
  if (m_thread.joinable()) m_thread.join();
  if (m_wake >= 0) ::close(m_wake);
}

result<void> raw_session::open(codec_library& library) {
  if (auto opened = m_device.open(m_settings.device); !opened) return opened;
  capture_request request;
  request.fourccs = order_raw_formats(m_device.node(), m_settings);
  request.width = m_settings.width;
  request.height = m_settings.height;
  request.frame_rate = m_settings.frame_rate;
  request.memory = m_settings.memory;
  request.dma_heap = m_settings.dma_heap;
  const auto agreed = m_device.configure(request);
  if (!agreed) return tl::unexpected<error>(agreed.error());
  const bool is_jpeg = agreed->format.raw == pixel_format::mjpeg;
  if (is_jpeg) {
    auto decoder = library.make_picture_decoder();
    if (!decoder) return tl::unexpected<error>(wrap(std::move(decoder.error()), m_settings.device + " delivers mjpeg"));
    m_decoder = std::move(*decoder);
  }
  // Webcams send their JPEG images with half the colour in one direction or in both: the pictures say which.
  const pixel_format format = is_jpeg ? pixel_format::yuv422p : agreed->format.raw;
  m_description.shape = {format, agreed->width, agreed->height, agreed->is_full_range};
  m_description.frame_rate = agreed->frame_rate;
  if (auto started = m_device.start(buffers_of_raw_pictures, m_time.now()); !started) return started;
  m_leases.emplace(*agreed, m_device.queue().memory());
  log_info(log_module::device, "{}: {}x{} {} at {} pictures a second", m_settings.device, agreed->width, agreed->height,
           fourcc_text(agreed->format.fourcc), agreed->frame_rate);
  try {
    m_thread = std::thread([this] { run(); });
  } catch (const std::system_error& refused) {
    return tl::unexpected<error>(error_from_errno(refused.code().value(), m_settings.device + ": capture thread"));
  }
  return {};
}

void raw_session::add(picture_mailbox& box) {
  const std::lock_guard<std::mutex> hold(m_mutex);
  m_boxes.push_back(&box);
  if (is_failed()) box.wake();
}

void raw_session::remove(picture_mailbox& box) {
  const std::lock_guard<std::mutex> hold(m_mutex);
  m_boxes.erase(std::remove(m_boxes.begin(), m_boxes.end(), &box), m_boxes.end());
}

error raw_session::failure() const {
  const std::lock_guard<std::mutex> hold(m_mutex);
  return m_failure;
}

void raw_session::run() noexcept {
  const std::string name = "cam" + std::to_string(m_settings.camera_id) + "_raw";
  pthread_setname_np(pthread_self(), name.substr(0, 15).c_str());
  while (!m_is_stopping.load()) {
    try {
      if (auto captured = capture(); !captured) return end(captured.error());
    } catch (const std::exception& thrown) {
      return end({error_code::io_failed, m_settings.device + ": " + thrown.what()});
    }
  }
  m_device.close();
}

result<void> raw_session::capture() {
  wait();
  if (m_is_stopping.load()) return {};
  v4l2_device::taken_buffer taken;
  const auto has_buffer = m_device.take(m_time.now(), taken);
  if (!has_buffer) return tl::unexpected<error>(has_buffer.error());
  if (!*has_buffer) return {};
  const picture_lease picture = m_decoder ? decode(taken) : lease_of(taken);
  if (picture != nullptr) distribute(picture);
  return {};
}

void raw_session::wait() noexcept {
  std::array<pollfd, 2> watched{{{m_device.descriptor(), POLLIN, 0}, {m_wake, POLLIN, 0}}};
  const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(m_device.next_check() - m_time.now()).count();
  // Where every buffer is lent out the driver has nothing to report but that.
  const bool is_starved = m_device.queue().queued() == 0;
  if (is_starved) watched[0].fd = -1;
  const int64_t longest = is_starved ? 2 : longest_wait_ms;
  m_device.node().calls().poll(watched.data(), watched.size(), static_cast<int>(std::clamp<int64_t>(left, 0, longest)));
}

/// Null for an image that cannot be decoded: the next one may be good.
picture_lease raw_session::decode(const v4l2_device::taken_buffer& taken) {
  const captured_buffer::plane& plane = taken.buffer.planes[0];
  auto picture = m_decoder->decode(byte_view(plane.data, plane.used), taken.captured_at);
  if (picture) {
    m_device.note_picture(m_time.now());
    m_device.give_back(taken.buffer);
    return std::move(*picture);
  }
  m_device.reject(taken.buffer, picture.error().message, m_time.now());
  return nullptr;
}

picture_lease raw_session::lease_of(const v4l2_device::taken_buffer& taken) {
  const auto picture = m_leases->describe(taken.buffer, taken.captured_at);
  if (!picture) {
    m_device.reject(taken.buffer, "shorter than a picture of its format", m_time.now());
    return nullptr;
  }
  m_device.note_picture(m_time.now());
  if (m_device.queue().queued() >= least_with_driver) return m_leases->lend(taken.buffer, *picture);
  picture_lease copied = m_leases->copy(*picture);
  if (copied == nullptr) m_counters.lost.fetch_add(1, std::memory_order_relaxed);
  m_device.give_back(taken.buffer);
  return copied;
}

void raw_session::distribute(const picture_lease& picture) noexcept {
  const std::lock_guard<std::mutex> hold(m_mutex);
  for (picture_mailbox* const box : m_boxes) box->put(picture);
}

/// The device is closed before anybody hears of it, so that whoever opens it again finds it free.
void raw_session::end(const error& why) noexcept {
  {
    const std::lock_guard<std::mutex> hold(m_mutex);
    for (picture_mailbox* const box : m_boxes) box->put(nullptr);
  }
  m_leases.reset();
  m_device.close();
  const std::lock_guard<std::mutex> hold(m_mutex);
  m_failure = why;
  m_is_failed.store(true, std::memory_order_release);
  for (picture_mailbox* const box : m_boxes) box->wake();
}

}  // namespace campush

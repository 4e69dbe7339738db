#include "device/v4l2/raw_camera.h"

#include <algorithm>
#include <atomic>

#include "device/v4l2/raw_session.h"

namespace campush {

bool operator==(const raw_camera_settings& left, const raw_camera_settings& right) {
  return left.camera_id == right.camera_id && left.device == right.device && left.fourccs == right.fourccs &&
         left.width == right.width && left.height == right.height && left.frame_rate == right.frame_rate &&
         left.memory == right.memory && left.dma_heap == right.dma_heap;
}

raw_camera_settings raw_settings(const camera_config& camera, const std::string& device) {
  raw_camera_settings out;
  out.camera_id = camera.camera_id;
  const std::string node = canonical_node(device);
  picture_size captured, encoded;
  double captured_rate = 0, encoded_rate = 0;
  const auto keep_larger = [](picture_size& kept, uint32_t width, uint32_t height) {
    if (uint64_t{width} * height > uint64_t{kept.width} * kept.height) kept = {width, height};
  };
  for (const stream_config& stream : camera.streams) {
    const source_config& source = stream.source;
    if (source.type != source_type::v4l2 || canonical_node(source.device) != node) continue;
    // All streams on one node find each other by the name that the first gives it.
    if (out.device.empty()) {
      out.device = source.device;
      out.dma_heap = source.dma_heap;
    }
    if (out.memory == buffer_origin::automatic) out.memory = buffer_origin_of(source.memory);
    keep_larger(captured, source.width, source.height);
    keep_larger(encoded, stream.encoder.width, stream.encoder.height);
    captured_rate = std::max(captured_rate, source.frame_rate);
    encoded_rate = std::max(encoded_rate, stream.encoder.frame_rate);
    const auto named = fourccs_of_name(source.pixel_format);
    const bool is_raw = !named.empty() && find_format(named.front())->raw != pixel_format::none;
    if (out.fourccs.empty() && is_raw) out.fourccs = named;
  }
  if (out.device.empty()) out.device = device;
  if (out.fourccs.empty()) out.fourccs = raw_fourccs();
  const picture_size size = captured.width != 0 ? captured : encoded;
  out.width = size.width;
  out.height = size.height;
  out.frame_rate = captured_rate > 0 ? captured_rate : encoded_rate;
  return out;
}

/// One stream's end of a raw camera.
class raw_feed final : public picture_feed {
 public:
  explicit raw_feed(std::shared_ptr<raw_camera> camera) : m_camera(std::move(camera)) {}
  ~raw_feed() override { close(); }

  result<feed_description> open() override {
    close();
    auto joined = m_camera->join();
    if (!joined) return tl::unexpected<error>(std::move(joined.error()));
    m_session = std::move(*joined);
    m_session->add(m_box);
    return m_session->description();
  }
  void close() noexcept override {
    if (m_session) m_session->remove(m_box);
    m_session.reset();
    m_box.take();
    m_is_interrupted.store(false);
  }
  int poll_descriptor() const noexcept override { return m_session ? m_box.descriptor() : -1; }
  result<picture_lease> take(time_point) override {
    if (m_is_interrupted.load()) return give_up({error_code::cancelled, "the camera was interrupted"});
    if (!m_session) return fail(error_code::invalid_argument, "the camera is not open");
    if (m_session->is_failed()) return give_up(m_session->failure());
    return m_box.take();
  }
  void interrupt() noexcept override {
    m_is_interrupted.store(true);
    m_box.wake();
  }
  uint64_t lost_pictures() const noexcept override {
    return m_box.lost() + m_camera->counters().lost.load(std::memory_order_relaxed);
  }

 private:
  tl::unexpected<error> give_up(error why) {
    close();
    return tl::unexpected<error>(std::move(why));
  }

  const std::shared_ptr<raw_camera> m_camera;
  std::shared_ptr<raw_session> m_session;
  picture_mailbox m_box;
  std::atomic<bool> m_is_interrupted{false};
};

raw_camera::raw_camera(raw_camera_settings settings, const clock& time, video_device_calls& calls,
                       codec_library& library)
    : m_settings(std::move(settings)), m_time(time), m_calls(calls), m_library(library) {}

raw_camera::~raw_camera() = default;

std::unique_ptr<picture_feed> raw_camera::feed() {
  return std::make_unique<raw_feed>(shared_from_this());
}

result<std::shared_ptr<raw_session>> raw_camera::join() {
  const std::lock_guard<std::mutex> hold(m_mutex);
  auto session = m_session.lock();
  if (session && !session->is_failed()) return session;
  session = std::make_shared<raw_session>(m_settings, m_time, m_calls, m_counters);
  if (auto opened = session->open(m_library); !opened) return tl::unexpected<error>(std::move(opened.error()));
  m_session = session;
  return session;
}

std::shared_ptr<raw_camera> raw_camera_hub::camera(const raw_camera_settings& settings, const clock& time) {
  const std::lock_guard<std::mutex> hold(m_mutex);
  for (auto entry = m_cameras.begin(); entry != m_cameras.end();) {
    entry = entry->second.expired() ? m_cameras.erase(entry) : std::next(entry);
  }
  std::weak_ptr<raw_camera>& known = m_cameras[{settings.camera_id, settings.device}];
  auto found = known.lock();
  if (found && found->settings() == settings) return found;
  found = std::make_shared<raw_camera>(settings, time, m_calls, m_library);
  known = found;
  return found;
}

}  // namespace campush

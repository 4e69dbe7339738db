#include "device/v4l2/v4l2_factory.h"

#include <linux/videodev2.h>

#include <algorithm>
#include <atomic>

#include "device/v4l2/node_watch.h"
#include "device/v4l2/v4l2_source.h"

namespace campush {

namespace {

bool is_shared(const camera_config& camera, const std::string& device) {
  const std::string node = canonical_node(device);
  return std::count_if(camera.streams.begin(), camera.streams.end(), [&node](const stream_config& stream) {
           return stream.source.type == source_type::v4l2 && canonical_node(stream.source.device) == node;
         }) > 1;
}

/// What the device has set now, where it cannot enumerate.
std::vector<offered_format> current_format(const v4l2_node& node) {
  v4l2_format format{};
  format.type = node.buffer_type();
  if (node.call(VIDIOC_G_FMT, &format) != 0) return {};
  const bool is_multiplanar = node.capabilities().is_multiplanar;
  return {{is_multiplanar ? format.fmt.pix_mp.pixelformat : format.fmt.pix.pixelformat, {}, false}};
}

class v4l2_camera_source final : public media_source {
 public:
  v4l2_camera_source(const camera_config& camera, const stream_config& stream, const clock& time,
                     std::shared_ptr<raw_camera_hub> cameras, encoding_source_maker encode)
      : m_camera(camera),
        m_stream(stream),
        m_time(time),
        m_cameras(std::move(cameras)),
        m_encode(std::move(encode)),
        m_watch(stream.source.device) {}

  result<stream_description> open() override;
  void close() noexcept override;
  time_point next_due() const noexcept override {
    const media_source* const source = m_active.load();
    return source != nullptr ? source->next_due() : time_point::max();
  }
  result<step_outcome> step(time_point now, frame_sink& sink) override {
    media_source* const source = m_active.load();
    if (source == nullptr) return fail(error_code::invalid_argument, "the camera is not open");
    return source->step(now, sink);
  }
  void drain(frame_sink& sink) noexcept override {
    if (media_source* const source = m_active.load()) source->drain(sink);
  }
  int poll_descriptor() const noexcept override {
    const media_source* const source = m_active.load();
    return source != nullptr ? source->poll_descriptor() : -1;
  }
  stream_control& control() noexcept override { return m_control; }
  int return_descriptor() const noexcept override { return m_watch.descriptor(); }
  source_health health() const noexcept override;
  void interrupt() noexcept override {
    if (media_source* const source = m_active.load()) source->interrupt();
  }

 private:
  /// Goes to whichever source was opened last; both live as long as this one.
  class forwarding_control final : public stream_control {
   public:
    explicit forwarding_control(const std::atomic<media_source*>& active) noexcept : m_target(active) {}
    control_outcome request_keyframe() noexcept override {
      stream_control* const to = target();
      return to != nullptr ? to->request_keyframe() : control_outcome::failed;
    }
    control_outcome set_bitrate(uint32_t kbps) noexcept override {
      stream_control* const to = target();
      return to != nullptr ? to->set_bitrate(kbps) : control_outcome::failed;
    }
    control_outcome set_codec(codec_id codec) noexcept override {
      stream_control* const to = target();
      return to != nullptr ? to->set_codec(codec) : control_outcome::failed;
    }
    bool has_keyframe_on_demand() const noexcept override {
      const stream_control* const to = target();
      return to != nullptr && to->has_keyframe_on_demand();
    }

   private:
    stream_control* target() const noexcept {
      media_source* const source = m_target.load();
      return source != nullptr ? &source->control() : nullptr;
    }
    const std::atomic<media_source*>& m_target;
  };

  result<media_source*> source_for(v4l2_delivery delivery);

  const camera_config m_camera;
  const stream_config m_stream;
  const clock& m_time;
  const std::shared_ptr<raw_camera_hub> m_cameras;
  const encoding_source_maker m_encode;
  node_watch m_watch;
  // Made when first needed, by the capture-thread; never destroyed before this object.
  std::shared_ptr<raw_camera> m_raw_camera;
  std::unique_ptr<media_source> m_coded, m_encoding;
  std::atomic<media_source*> m_active{nullptr};
  std::atomic<const device_counters*> m_raw_counters{nullptr};
  forwarding_control m_control{m_active};
};

result<stream_description> v4l2_camera_source::open() {
  m_watch.arm();
  const auto delivery = choose_delivery(m_camera, m_stream, m_cameras->calls());
  if (!delivery) return tl::unexpected<error>(delivery.error());
  const auto source = source_for(*delivery);
  if (!source) return tl::unexpected<error>(source.error());
  m_active.store(*source);
  auto description = (*source)->open();
  if (description) m_watch.disarm();
  return description;
}

/// The watch that open() has set stays: what has happened since is not to be lost.
void v4l2_camera_source::close() noexcept {
  if (media_source* const source = m_active.load()) source->close();
  if (m_watch.descriptor() < 0) m_watch.arm();
}

result<media_source*> v4l2_camera_source::source_for(v4l2_delivery delivery) {
  if (delivery == v4l2_delivery::coded_by_device) {
    if (!m_coded) m_coded = std::make_unique<v4l2_source>(m_stream, m_time, m_cameras->calls());
    return m_coded.get();
  }
  if (m_encoding) return m_encoding.get();
  m_raw_camera = m_cameras->camera(raw_settings(m_camera, m_stream.source.device), m_time);
  m_raw_counters.store(&m_raw_camera->counters());
  m_encoding = m_encode(m_raw_camera->feed(), m_stream, m_time);
  return m_encoding.get();
}

source_health v4l2_camera_source::health() const noexcept {
  const media_source* const source = m_active.load();
  if (source == nullptr) return {};
  source_health out = source->health();
  const device_counters* const raw = m_raw_counters.load();
  if (raw == nullptr) return out;
  // A feed knows what it has lost; the rest is the device's, whichever streams share it.
  out.damaged_buffers += raw->damaged.load(std::memory_order_relaxed);
  out.stalls += raw->stalls.load(std::memory_order_relaxed);
  return out;
}

}  // namespace

result<v4l2_delivery> choose_delivery(const camera_config& camera, const stream_config& stream,
                                      video_device_calls& calls) {
  const source_config& source = stream.source;
  const auto named = fourccs_of_name(source.pixel_format);
  if (!named.empty() && find_format(named.front())->codec != codec_id::none) return v4l2_delivery::coded_by_device;
  if (named.empty() && !source.pixel_format.empty() && source.pixel_format != "auto") {
    return fail(error_code::invalid_argument,
                source.device + ": pixel_format " + source.pixel_format + " is not known");
  }
  v4l2_node node(calls);
  if (auto opened = node.open(source.device); !opened) return tl::unexpected<error>(std::move(opened.error()));
  // Only a device that is there shows which streams share it.
  if (!named.empty()) return v4l2_delivery::raw_pictures;
  std::vector<offered_format> offered = enumerate_formats(node);
  if (offered.empty()) offered = current_format(node);
  const bool has_raw = offers_any(offered, raw_fourccs());
  const bool has_codec = offers_any(offered, fourccs_of_codec(stream.encoder.codec));
  const bool must_share = is_shared(camera, source.device) && has_raw && has_codec_library();
  if (has_codec && !must_share) return v4l2_delivery::coded_by_device;
  if (has_raw) return v4l2_delivery::raw_pictures;
  return fail(error_code::unsupported, source.device + " delivers neither " + codec_name(stream.encoder.codec) +
                                           " nor raw pictures; it offers " + list_fourccs(offered));
}

std::unique_ptr<media_source> make_v4l2_source(const camera_config& camera, const stream_config& stream,
                                               const clock& time, std::shared_ptr<raw_camera_hub> cameras,
                                               encoding_source_maker encode) {
  return std::make_unique<v4l2_camera_source>(camera, stream, time, std::move(cameras), std::move(encode));
}

}  // namespace campush

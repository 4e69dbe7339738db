#include "rtmp/publisher_switch.h"

#include <fmt/format.h>

#include "net/asio_event_loop.h"
#ifdef CAMPUSH_WITH_LIBRTMP
#include "rtmp/librtmp_publisher.h"
#endif

namespace campush {

namespace {

std::unique_ptr<publisher_factory> make_librtmp_factory(asio_event_loop& loop, connector& ways) {
#ifdef CAMPUSH_WITH_LIBRTMP
  return std::make_unique<librtmp_publisher_factory>(loop, ways);
#else
  static_cast<void>(loop);
  static_cast<void>(ways);
  return nullptr;
#endif
}

/// Fails as soon as it is started.
class absent_publisher final : public publisher {
 public:
  absent_publisher(event_loop& loop, publisher_events& events, std::string text)
      : m_text(std::move(text)),
        m_report(loop.make_timer([this, &events] { events.on_failed(disconnect_reason::bad_url, m_text); })) {}

  void start() override { m_report->arm_after(duration(0)); }
  void publish() override {}
  size_t write(const outgoing_tag*, size_t, video_dialect) override { return 0; }
  bool is_drained() const noexcept override { return true; }
  void stop(duration) override {}
  stream_counters sample() const override { return {}; }
  size_t pending_bytes() const noexcept override { return 0; }

 private:
  const std::string m_text;
  const std::unique_ptr<loop_timer> m_report;
};

}  // namespace

bool has_librtmp() noexcept {
#ifdef CAMPUSH_WITH_LIBRTMP
  return true;
#else
  return false;
#endif
}

bool needs_librtmp(url_scheme scheme) noexcept {
  return scheme != url_scheme::rtmp && scheme != url_scheme::rtmps;
}

publisher_switch::publisher_switch(publisher_factory& native, asio_event_loop& loop, connector& ways)
    : m_native(native), m_loop(loop), m_librtmp(make_librtmp_factory(loop, ways)) {}

publisher_switch::~publisher_switch() = default;

std::unique_ptr<publisher> publisher_switch::make(const publish_target& target, publisher_events& events) {
  const bool is_scheme = needs_librtmp(target.url.scheme());
  if (!is_scheme && target.backend == publish_backend::native) return m_native.make(target, events);
  if (m_librtmp) return m_librtmp->make(target, events);
  std::string what =
      is_scheme ? fmt::format("{}://", scheme_name(target.url.scheme())) : std::string("\"backend\": \"librtmp\"");
  return std::make_unique<absent_publisher>(
      m_loop, events, what + " needs librtmp, and this build has none (CMake option CAMPUSH_WITH_LIBRTMP)");
}

}  // namespace campush

#include "bench/push/probe_publisher.h"

namespace campush::bench {

namespace {

class probe_publisher final : public publisher, private publisher_events {
 public:
  probe_publisher(event_loop& loop, handover_listener& listener, uint32_t number, publisher_events& events)
      : m_loop(loop), m_listener(listener), m_number(number), m_events(events) {}
  void bind(publisher_factory& real, const publish_target& target) { m_real = real.make(target, *this); }

  void start() override { m_real->start(); }
  void publish() override { m_real->publish(); }
  size_t write(const outgoing_tag* tags, size_t count, video_dialect dialect) override {
    const size_t taken = m_real->write(tags, count, dialect);
    const time_point at = m_loop.now();
    const bool is_last_partial = m_real->pending_bytes() > 0;
    for (size_t i = 0; i < taken; ++i) {
      if (i + 1 == taken && is_last_partial) {
        m_partial = tags[i].tag;
      } else {
        m_listener.on_handed_over(*tags[i].tag, m_number, at);
      }
    }
    return taken;
  }
  bool is_drained() const noexcept override { return m_real->is_drained(); }
  void stop(duration deadline) override { m_real->stop(deadline); }
  stream_counters sample() const override { return m_real->sample(); }
  size_t pending_bytes() const noexcept override { return m_real->pending_bytes(); }

 private:
  void on_phase(connect_phase phase) override { m_events.on_phase(phase); }
  void on_ready_to_publish() override { m_events.on_ready_to_publish(); }
  void on_published() override { m_events.on_published(); }
  void on_writable() override {
    if (m_partial && m_real->pending_bytes() == 0) {
      m_listener.on_handed_over(*m_partial, m_number, m_loop.now());
      m_partial.reset();
    }
    m_events.on_writable();
  }
  void on_failed(disconnect_reason reason, std::string_view text) override { m_events.on_failed(reason, text); }

  event_loop& m_loop;
  handover_listener& m_listener;
  const uint32_t m_number;
  publisher_events& m_events;
  tag_ptr m_partial;
  std::unique_ptr<publisher> m_real;
};

}  // namespace

std::unique_ptr<publisher> probe_factory::make(const publish_target& target, publisher_events& events) {
  auto probe = std::make_unique<probe_publisher>(m_loop, m_listener, m_made++, events);
  probe->bind(m_real, target);
  return probe;
}

}  // namespace campush::bench

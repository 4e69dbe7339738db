#include "fakes/scripted_publisher.h"

#include <algorithm>

namespace campush {

class scripted_publisher_factory::scripted_publisher final : public publisher {
 public:
  scripted_publisher(scripted_publisher_factory& owner, const publish_target& target, publisher_events& events)
      : m_owner(owner),
        m_server(owner.servers[target.url.host()]),
        m_events(events),
        m_record(std::make_shared<scripted_connection>()),
        m_timer(owner.m_loop.make_timer([this] { on_timer(); })) {
    m_record->host = target.url.host();
    m_record->key = target.url.key().reveal();
    m_record->target = target;
    owner.connections.push_back(m_record);
    owner.m_living.push_back(this);
  }
  ~scripted_publisher() override {
    m_record->is_gone = true;
    auto& living = m_owner.m_living;
    living.erase(std::remove(living.begin(), living.end(), this), living.end());
  }

  void start() override { arm(step::ready, m_server.ready_after); }
  void publish() override { arm(step::published, m_server.published_after); }
  size_t write(const outgoing_tag* tags, size_t count, video_dialect dialect) override {
    m_is_blocked = m_server.refuses_writes || m_step == step::over;
    if (m_is_blocked) return 0;
    for (size_t i = 0; i < count; ++i) {
      const flv_tag& tag = *tags[i].tag;
      m_record->sent.push_back(
          {tag.kind, tag.is_keyframe, tags[i].timestamp_ms, tag.payload_bytes(dialect), tag.codec, dialect});
      m_record->bytes += tag.payload_bytes(dialect);
    }
    if (m_server.acknowledges) m_record->acknowledged = m_record->bytes;
    return count;
  }
  bool is_drained() const noexcept override { return true; }
  void stop(duration) override {
    m_record->is_stopped = true;
    m_reason = disconnect_reason::user_request;
    arm(step::over, m_server.stopped_after);
  }
  stream_counters sample() const override {
    stream_counters counters;
    counters.bytes_written = m_record->bytes;
    counters.unacked_bytes = m_record->bytes - m_record->acknowledged;
    counters.unsent_bytes = 0;
    counters.rtt_us = 20000;
    return counters;
  }
  size_t pending_bytes() const noexcept override { return 0; }
  endpoint local() const override { return m_server.local; }
  endpoint remote() const override { return m_server.remote; }
  std::string security() const override { return m_server.security; }

  const std::string& host() const noexcept { return m_record->host; }
  void fail(disconnect_reason reason) {
    m_reason = reason;
    arm(step::over, duration(0));
  }
  void request_reconnect(const std::string& tc_url) {
    if (!m_record->is_published || m_step != step::idle) return;
    m_move_to = tc_url;
    arm(step::move, duration(0));
  }
  void unblock() {
    if (m_is_blocked) arm(step::writable, duration(0));
  }

 private:
  enum class step : uint8_t { idle, ready, published, writable, move, over };

  void arm(step next, duration after) {
    m_step = next;
    m_timer->arm_after(after);
  }
  void on_timer() {
    switch (m_step) {
      case step::idle: break;
      case step::ready:
        if (m_server.connect_failure != disconnect_reason::none) return end(m_server.connect_failure);
        if (!m_server.redirect_to.empty()) return end(disconnect_reason::redirected);
        m_record->is_ready = true;
        m_step = step::idle;
        m_events.on_phase(connect_phase::publish);
        m_events.on_server_answer(m_server.answer);
        m_events.on_ready_to_publish();
        break;
      case step::published:
        if (m_server.publish_failure != disconnect_reason::none) return end(m_server.publish_failure);
        m_record->is_published = true;
        m_step = step::idle;
        m_events.on_published();
        break;
      case step::writable:
        m_step = step::idle;
        m_events.on_writable();
        break;
      case step::move:
        m_step = step::idle;
        m_events.on_reconnect_request(m_move_to);
        break;
      case step::over: end(m_reason); break;
    }
  }
  void end(disconnect_reason reason) {
    m_step = step::over;
    if (reason == disconnect_reason::redirected && !m_server.redirect_to.empty()) {
      m_events.on_redirect(m_server.redirect_to);
    }
    m_events.on_failed(reason, "scripted");
  }

  scripted_publisher_factory& m_owner;
  scripted_server& m_server;
  publisher_events& m_events;
  std::shared_ptr<scripted_connection> m_record;
  std::unique_ptr<loop_timer> m_timer;
  step m_step = step::idle;
  disconnect_reason m_reason = disconnect_reason::none;
  std::string m_move_to;
  bool m_is_blocked = false;
};

std::unique_ptr<publisher> scripted_publisher_factory::make(const publish_target& target, publisher_events& events) {
  return std::make_unique<scripted_publisher>(*this, target, events);
}

size_t scripted_publisher_factory::kill(const std::string& host, disconnect_reason reason) {
  size_t count = 0;
  for (scripted_publisher* each : m_living) {
    if (each->host() != host) continue;
    each->fail(reason);
    ++count;
  }
  return count;
}

void scripted_publisher_factory::request_reconnect(const std::string& host, const std::string& tc_url) {
  for (scripted_publisher* each : m_living) {
    if (each->host() == host) each->request_reconnect(tc_url);
  }
}

void scripted_publisher_factory::unblock(const std::string& host) {
  for (scripted_publisher* each : m_living) {
    if (each->host() == host) each->unblock();
  }
}

}  // namespace campush

#pragma once

#include <string>

#include "rtmp/hevc_decision.h"
#include "rtmp/publisher.h"

namespace campush {

/// Where a link leads, before a signature: an address of the list, or one that a server named.
struct link_route {
  size_t url_index = 0;  ///< of the list; a redirected route keeps that of the entry it came from
  stream_url url;
  uint32_t redirects = 0;  ///< in a row, up to this one
};

class session_link;

/// Hears of one link; the session. Calls name the link, since a session may have several at once.
class session_link_events {
 public:
  virtual ~session_link_events() = default;
  virtual void on_link_phase(session_link& link, connect_phase phase) = 0;
  virtual void on_link_answer(session_link& link, const server_capabilities& answer) = 0;
  virtual void on_link_reconnect_request(session_link& link, std::string_view tc_url) = 0;
  virtual void on_link_ready(session_link& link) = 0;
  virtual void on_link_published(session_link& link) = 0;
  virtual void on_link_writable(session_link& link) = 0;
  virtual void on_link_failed(session_link& link, disconnect_reason reason, std::string_view text) = 0;
};

/// One connection of a session and how far it has come.
/// Shape: start() makes the publisher and starts it. After silence() no event reaches the session any more, so that a link
///   which its own event gave up on can be destroyed later, outside that event.
/// Thread: loop-thread.
class session_link final : public publisher_events {
 public:
  enum class progress : uint8_t { starting, ready, publishing, published };

  session_link(session_link_events& owner, publisher_factory& factory, const publish_target& target, link_route route)
      : m_owner(&owner),
        m_route(std::move(route)),
        m_masked_url(m_route.url.masked()),
        m_asks_hevc(target.enhanced.hevc),
        m_output(factory.make(target, *this)) {}

  void start() { m_output->start(); }
  void publish() {
    m_progress = progress::publishing;
    m_output->publish();
  }
  void silence() noexcept { m_owner = nullptr; }

  publisher& output() const noexcept { return *m_output; }
  progress reached() const noexcept { return m_progress; }
  bool is_published() const noexcept { return m_progress == progress::published; }
  const std::string& masked_url() const noexcept { return m_masked_url; }
  const link_route& route() const noexcept { return m_route; }
  /// Its connect command asked for H.265: what the server did not list, it does not take.
  bool asks_hevc() const noexcept { return m_asks_hevc; }
  const hevc_plan& plan() const noexcept { return m_plan; }
  void set_plan(const hevc_plan& plan) noexcept { m_plan = plan; }
  /// Where the server sent us when it refused; empty if it did not.
  const std::string& redirect() const noexcept { return m_redirect; }

 private:
  void on_phase(connect_phase phase) override {
    if (m_owner != nullptr) m_owner->on_link_phase(*this, phase);
  }
  void on_server_answer(const server_capabilities& answer) override {
    if (m_owner != nullptr) m_owner->on_link_answer(*this, answer);
  }
  void on_reconnect_request(std::string_view tc_url) override {
    if (m_owner != nullptr) m_owner->on_link_reconnect_request(*this, tc_url);
  }
  void on_redirect(std::string_view tc_url) override { m_redirect = tc_url; }
  void on_ready_to_publish() override {
    m_progress = progress::ready;
    if (m_owner != nullptr) m_owner->on_link_ready(*this);
  }
  void on_published() override {
    m_progress = progress::published;
    if (m_owner != nullptr) m_owner->on_link_published(*this);
  }
  void on_writable() override {
    if (m_owner != nullptr) m_owner->on_link_writable(*this);
  }
  void on_failed(disconnect_reason reason, std::string_view text) override {
    if (m_owner != nullptr) m_owner->on_link_failed(*this, reason, text);
  }

  session_link_events* m_owner;
  const link_route m_route;
  const std::string m_masked_url;
  const bool m_asks_hevc;
  hevc_plan m_plan;
  std::string m_redirect;
  progress m_progress = progress::starting;
  std::unique_ptr<publisher> m_output;
};

}  // namespace campush

#pragma once

#include "rtmp/publisher.h"

namespace campush {

class session_link;

/// Hears of one link; the session. Calls name the link, since a session may have several at once.
class session_link_events {
 public:
  virtual ~session_link_events() = default;
  virtual void on_link_phase(session_link& link, connect_phase phase) = 0;
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

  session_link(session_link_events& owner, publisher_factory& factory, const publish_target& target)
      : m_owner(&owner), m_masked_url(target.url.masked()), m_output(factory.make(target, *this)) {}

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

 private:
  void on_phase(connect_phase phase) override {
    if (m_owner != nullptr) m_owner->on_link_phase(*this, phase);
  }
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
  const std::string m_masked_url;
  progress m_progress = progress::starting;
  std::unique_ptr<publisher> m_output;
};

}  // namespace campush

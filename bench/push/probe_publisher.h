#pragma once

#include "rtmp/publisher.h"

namespace campush::bench {

/// Hears when the last byte of a frame was accepted by the kernel. `connection` counts the publishers made so far, from 0.
/// Thread: loop-thread.
class handover_listener {
 public:
  virtual ~handover_listener() = default;
  virtual void on_handed_over(const flv_tag& tag, uint32_t connection, time_point at) = 0;
};

/// Makes the publishers of another factory, and listens at the seam between a session and its publisher.
/// Thread: loop-thread.
class probe_factory final : public publisher_factory {
 public:
  probe_factory(publisher_factory& real, event_loop& loop, handover_listener& listener)
      : m_real(real), m_loop(loop), m_listener(listener) {}
  std::unique_ptr<publisher> make(const publish_target& target, publisher_events& events) override;

 private:
  publisher_factory& m_real;
  event_loop& m_loop;
  handover_listener& m_listener;
  uint32_t m_made = 0;
};

}  // namespace campush::bench

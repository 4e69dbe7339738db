#pragma once

#include "net/event_loop.h"
#include "net/simulation.h"

namespace campush {

/// An event_loop on a simulation. Several loops may share one simulation (and then one thread, one time line).
/// Thread: the simulation's; unlike the real loop, post() and signal() too.
class simulated_loop final : public event_loop {
 public:
  explicit simulated_loop(simulation& world) noexcept : m_world(world) {}

  const clock& time() const noexcept override { return m_world.time(); }
  void post(std::function<void()> work) override { m_world.post(std::move(work)); }
  std::unique_ptr<loop_timer> make_timer(std::function<void()> callback) override;
  std::unique_ptr<loop_wakeup> make_wakeup(std::function<void()> callback) override;

 private:
  simulation& m_world;
};

}  // namespace campush

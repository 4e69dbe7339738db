#include "net/simulated_loop.h"

namespace campush {

namespace {

class simulated_timer final : public loop_timer, private simulation::event {
 public:
  simulated_timer(simulation& world, std::function<void()> callback)
      : simulation::event(world), m_callback(std::make_shared<std::function<void()>>(std::move(callback))) {}

  void arm_at(time_point due) override { simulation::event::arm_at(due); }
  void arm_after(duration delay) override { simulation::event::arm_at(world().now() + delay); }
  void cancel() noexcept override { simulation::event::cancel(); }
  bool is_armed() const noexcept override { return simulation::event::is_armed(); }

 private:
  void on_due() override {
    const auto callback = m_callback;  // it may destroy this timer
    (*callback)();
  }

  const std::shared_ptr<std::function<void()>> m_callback;
};

class simulated_wakeup final : public loop_wakeup, private simulation::event {
 public:
  simulated_wakeup(simulation& world, std::function<void()> callback)
      : simulation::event(world), m_callback(std::make_shared<std::function<void()>>(std::move(callback))) {}

  void signal() noexcept override {
    if (!is_armed()) arm_at(world().now());
  }

 private:
  void on_due() override {
    const auto callback = m_callback;
    (*callback)();
  }

  const std::shared_ptr<std::function<void()>> m_callback;
};

}  // namespace

std::unique_ptr<loop_timer> simulated_loop::make_timer(std::function<void()> callback) {
  return std::make_unique<simulated_timer>(m_world, std::move(callback));
}

std::unique_ptr<loop_wakeup> simulated_loop::make_wakeup(std::function<void()> callback) {
  return std::make_unique<simulated_wakeup>(m_world, std::move(callback));
}

}  // namespace campush

#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <vector>

#include "util/clock.h"

namespace campush {

/// A time line of events on a clock of its own: hours run in seconds, every run alike.
/// Shape: a binary heap of events that their owners embed; nothing is allocated per arm. Events that are due at one
///   time fire in the order in which they were armed; one that is armed for the past fires now.
/// Thread: one thread for the simulation and all that lives on it (loops, networks, streams, resolvers). It outlives
///   them all.
class simulation {
 public:
  /// One place on the time line; at most one arming at a time. Destroying it takes it off.
  class event {
   public:
    explicit event(simulation& world) noexcept : m_world(world) {}
    event(const event&) = delete;
    event& operator=(const event&) = delete;
    virtual ~event() { cancel(); }
    void arm_at(time_point due);
    void cancel() noexcept;
    bool is_armed() const noexcept { return m_position != not_armed; }
    time_point due() const noexcept { return m_due; }

   protected:
    /// May destroy the event.
    virtual void on_due() = 0;
    simulation& world() const noexcept { return m_world; }

   private:
    friend class simulation;
    static constexpr size_t not_armed = SIZE_MAX;
    simulation& m_world;
    time_point m_due{};
    size_t m_position = not_armed;
  };

  explicit simulation(time_point start = time_point(std::chrono::seconds(1000)));
  ~simulation();
  simulation(const simulation&) = delete;
  simulation& operator=(const simulation&) = delete;

  const clock& time() const noexcept { return m_clock; }
  time_point now() const noexcept { return m_clock.now(); }
  /// As somebody who sets the clock: only wall_now() hears of it.
  void step_wall(std::chrono::seconds by) noexcept { m_clock.m_wall_step += by; }
  /// Runs `work` at the present time, after what is already due.
  void post(std::function<void()> work);

  /// Moves the clock to the next event and fires it; false if there is none.
  bool run_one();
  /// Fires all that is due up to and at `end`; the clock then stands at `end`. Returns how many fired.
  size_t run_until(time_point end);
  size_t run_for(duration span) { return run_until(now() + span); }
  /// Runs until `is_done()` holds, asked after each event. False if `limit` passed first (the clock then stands there).
  template <class Predicate>
  bool run_until_true(Predicate is_done, duration limit) {
    const time_point end = now() + limit;
    while (!is_done()) {
      if (m_heap.empty() || m_heap.front().due > end) {
        run_until(end);
        return is_done();
      }
      run_one();
    }
    return true;
  }
  size_t pending_events() const noexcept { return m_heap.size(); }

 private:
  class simulated_clock final : public clock {
   public:
    time_point now() const noexcept override { return m_now; }
    std::chrono::system_clock::time_point wall_now() const noexcept override;
    time_point m_now{};
    std::chrono::seconds m_wall_step{0};
  };
  class posted_work;
  struct slot {
    time_point due;
    uint64_t order;
    event* owner;
    bool is_before(const slot& other) const noexcept {
      return due != other.due ? due < other.due : order < other.order;
    }
  };

  void arm(event& owner, time_point due, uint64_t order);
  void place(size_t position, const slot& entry) noexcept;
  void sift_up(size_t position) noexcept;
  void sift_down(size_t position) noexcept;
  void remove(size_t position) noexcept;

  simulated_clock m_clock;
  uint64_t m_next_order = 0;
  std::vector<slot> m_heap;
  std::unique_ptr<posted_work> m_posted;
};

}  // namespace campush

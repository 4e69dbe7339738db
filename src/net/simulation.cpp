#include "net/simulation.h"

#include <algorithm>

namespace campush {

/// All posted work behind one event: a queue keeps the order, each entry its own turn among equal times.
class simulation::posted_work final : public simulation::event {
 public:
  explicit posted_work(simulation& owner) noexcept : event(owner) {}
  void add(uint64_t order, std::function<void()> work) {
    m_queue.push_back({order, std::move(work)});
    if (m_queue.size() == 1) world().arm(*this, world().now(), order);
  }

 private:
  void on_due() override {
    const auto work = std::move(m_queue.front().work);
    m_queue.pop_front();
    if (!m_queue.empty()) world().arm(*this, world().now(), m_queue.front().order);
    work();
  }

  struct entry {
    uint64_t order;
    std::function<void()> work;
  };
  std::deque<entry> m_queue;
};

simulation::simulation(time_point start) {
  m_clock.m_now = start;
  m_posted = std::make_unique<posted_work>(*this);
}

simulation::~simulation() = default;

std::chrono::system_clock::time_point simulation::simulated_clock::wall_now() const noexcept {
  constexpr std::chrono::seconds boot_time(1'700'000'000);
  return std::chrono::system_clock::time_point(boot_time + m_wall_step) +
         std::chrono::duration_cast<std::chrono::system_clock::duration>(m_now.time_since_epoch());
}

void simulation::event::arm_at(time_point due) {
  m_world.arm(*this, due, m_world.m_next_order++);
}

void simulation::arm(event& owner, time_point due, uint64_t order) {
  const slot entry{std::max(due, now()), order, &owner};
  owner.m_due = entry.due;
  if (!owner.is_armed()) {
    owner.m_position = m_heap.size();
    m_heap.push_back(entry);
  } else {
    m_heap[owner.m_position] = entry;
  }
  sift_up(owner.m_position);
  sift_down(owner.m_position);
}

void simulation::event::cancel() noexcept {
  if (is_armed()) m_world.remove(m_position);
}

void simulation::place(size_t position, const slot& entry) noexcept {
  m_heap[position] = entry;
  entry.owner->m_position = position;
}

void simulation::sift_up(size_t position) noexcept {
  const slot entry = m_heap[position];
  while (position > 0) {
    const size_t parent = (position - 1) / 2;
    if (!entry.is_before(m_heap[parent])) break;
    place(position, m_heap[parent]);
    position = parent;
  }
  place(position, entry);
}

void simulation::sift_down(size_t position) noexcept {
  const slot entry = m_heap[position];
  for (size_t child = 2 * position + 1; child < m_heap.size(); child = 2 * position + 1) {
    if (child + 1 < m_heap.size() && m_heap[child + 1].is_before(m_heap[child])) ++child;
    if (!m_heap[child].is_before(entry)) break;
    place(position, m_heap[child]);
    position = child;
  }
  place(position, entry);
}

void simulation::remove(size_t position) noexcept {
  m_heap[position].owner->m_position = event::not_armed;
  const slot last = m_heap.back();
  m_heap.pop_back();
  if (position == m_heap.size()) return;
  place(position, last);
  sift_up(position);
  sift_down(last.owner->m_position);
}

void simulation::post(std::function<void()> work) {
  m_posted->add(m_next_order++, std::move(work));
}

bool simulation::run_one() {
  if (m_heap.empty()) return false;
  event* const next = m_heap.front().owner;
  m_clock.m_now = m_heap.front().due;
  remove(0);
  next->on_due();
  return true;
}

size_t simulation::run_until(time_point end) {
  size_t fired = 0;
  while (!m_heap.empty() && m_heap.front().due <= end) {
    run_one();
    ++fired;
  }
  m_clock.m_now = std::max(m_clock.m_now, end);
  return fired;
}

}  // namespace campush

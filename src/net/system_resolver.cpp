#include "net/system_resolver.h"

namespace campush {

/// What a worker may still hold when the loop is gone.
struct system_resolver::loop_link {
  std::mutex mutex;
  event_loop* loop = nullptr;  ///< guarded by mutex; null once the resolver is gone

  void post(std::function<void()> work) {
    const std::lock_guard<std::mutex> lock(mutex);
    if (loop != nullptr) loop->post(std::move(work));
  }
};

class system_resolver::query final : public lookup_waiter, public std::enable_shared_from_this<query> {
 public:
  query(std::shared_ptr<loop_link> link, uint16_t port, resolve_callback done)
      : m_link(std::move(link)), m_port(port), m_done(std::move(done)) {}

  void on_answer(const std::shared_ptr<const lookup_answer>& answer) override {
    m_link->post([self = shared_from_this(), answer] { self->finish(*answer); });
  }
  /// On the loop, so that what the callback holds is released there and not on a worker.
  void cancel() {
    is_cancelled = true;
    m_done = nullptr;
  }

 private:
  void finish(lookup_answer answer) {
    if (!m_done) return;
    const auto done = std::move(m_done);
    m_done = nullptr;
    if (answer) {
      for (endpoint& address : *answer) address.port = m_port;
    }
    done(std::move(answer));
  }

  const std::shared_ptr<loop_link> m_link;
  const uint16_t m_port;
  resolve_callback m_done;  ///< touched only by the loop-thread
};

class system_resolver::pending_query final : public pending_operation {
 public:
  explicit pending_query(std::shared_ptr<query> started) : m_query(std::move(started)) {}
  ~pending_query() override { m_query->cancel(); }

 private:
  const std::shared_ptr<query> m_query;
};

system_resolver::system_resolver(event_loop& loop, std::shared_ptr<lookup_pool> pool)
    : m_link(std::make_shared<loop_link>()), m_pool(std::move(pool)) {
  m_link->loop = &loop;
}

system_resolver::~system_resolver() {
  const std::lock_guard<std::mutex> lock(m_link->mutex);
  m_link->loop = nullptr;
}

std::unique_ptr<pending_operation> system_resolver::resolve(const std::string& host, uint16_t port,
                                                            resolve_callback done) {
  auto started = std::make_shared<query>(m_link, port, std::move(done));
  if (auto numeric = parse_endpoint(host, port)) {
    started->on_answer(std::make_shared<const lookup_answer>(std::vector<endpoint>{*numeric}));
  } else {
    m_pool->ask(host, started);
  }
  return std::make_unique<pending_query>(std::move(started));
}

}  // namespace campush

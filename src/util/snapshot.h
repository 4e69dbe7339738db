#pragma once

#include <mutex>
#include <utility>

namespace campush {

/// One writer leaves the newest value, readers copy it: how status crosses threads.
/// Shape: `Value` should be of fixed size, so that publishing allocates nothing. The lock is held for one copy.
/// Thread: any-thread.
template <class Value>
class snapshot {
 public:
  void publish(const Value& value) {
    const std::lock_guard<std::mutex> hold(m_mutex);
    m_value = value;
  }
  Value read() const {
    const std::lock_guard<std::mutex> hold(m_mutex);
    return m_value;
  }

 private:
  mutable std::mutex m_mutex;
  Value m_value{};
};

}  // namespace campush

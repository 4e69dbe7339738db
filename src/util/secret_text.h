#pragma once

#include <string>
#include <utility>

namespace campush {

/// Text that must not be shown: keys, passwords, expanded URLs. It has no stream operator and no formatter, so a
/// log line that tries to print it does not compile; `reveal()` marks every place that lets the text out.
/// Shape: overwrites its storage when destroyed or assigned.
/// Thread: any-thread (a value type).
class secret_text {
 public:
  secret_text() = default;
  explicit secret_text(std::string text) : m_text(std::move(text)) {}
  secret_text(const secret_text&) = default;
  secret_text(secret_text&& other) noexcept : m_text(std::move(other.m_text)) { other.wipe(); }
  secret_text& operator=(const secret_text& other) {
    if (this != &other) {
      wipe();
      m_text = other.m_text;
    }
    return *this;
  }
  secret_text& operator=(secret_text&& other) noexcept {
    if (this != &other) {
      wipe();
      m_text = std::move(other.m_text);
      other.wipe();
    }
    return *this;
  }
  ~secret_text() { wipe(); }

  const std::string& reveal() const noexcept { return m_text; }
  bool empty() const noexcept { return m_text.empty(); }
  friend bool operator==(const secret_text& left, const secret_text& right) { return left.m_text == right.m_text; }
  friend bool operator!=(const secret_text& left, const secret_text& right) { return !(left == right); }

 private:
  void wipe() noexcept {
    // The whole capacity: a string that was moved from has size 0, but a short text still stands in its own bytes.
    m_text.resize(m_text.capacity());
    volatile char* bytes = m_text.data();
    for (size_t i = 0; i < m_text.size(); ++i) bytes[i] = 0;
    m_text.clear();
  }

  std::string m_text;
};

}  // namespace campush

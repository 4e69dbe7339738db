#pragma once

namespace campush {

/// Tells a function that calls back whether its own object was destroyed meanwhile.
/// Shape: a member of the object; the function holds a watcher while it calls. One watcher at a time.
/// Thread: the object's.
class life_guard {
 public:
  class watcher {
   public:
    explicit watcher(life_guard& watched) noexcept : m_watched(&watched) { watched.m_watcher = this; }
    ~watcher() {
      if (m_watched != nullptr) m_watched->m_watcher = nullptr;
    }
    watcher(const watcher&) = delete;
    watcher& operator=(const watcher&) = delete;
    bool has_ended() const noexcept { return m_watched == nullptr; }

   private:
    friend class life_guard;
    life_guard* m_watched;
  };

  life_guard() = default;
  ~life_guard() {
    if (m_watcher != nullptr) m_watcher->m_watched = nullptr;
  }
  life_guard(const life_guard&) = delete;
  life_guard& operator=(const life_guard&) = delete;
  bool is_watched() const noexcept { return m_watcher != nullptr; }

 private:
  watcher* m_watcher = nullptr;
};

}  // namespace campush

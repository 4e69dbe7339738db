#pragma once

#include <string>

namespace campush {

/// Notices that the node of a missing device may be there again, or that its permissions have changed.
/// Shape: arm() before an attempt to open: what happened until then is forgotten, what happens from then on makes descriptor() readable.
///   disarm() when the device is open. For a link (/dev/v4l/by-id/…) the folder of the link and that of the node are watched; where a
///   folder is missing, the one above it is, until it comes.
/// Errors: none: without inotify descriptor() is -1, and the device is found again by trying.
/// Thread: one thread.
class node_watch {
 public:
  explicit node_watch(std::string path) : m_path(std::move(path)) {}
  ~node_watch() { disarm(); }
  node_watch(const node_watch&) = delete;
  node_watch& operator=(const node_watch&) = delete;

  void arm() noexcept;
  void disarm() noexcept;
  int descriptor() const noexcept { return m_descriptor; }

 private:
  void watch_folder_of(const std::string& path);

  const std::string m_path;
  int m_descriptor = -1;
};

}  // namespace campush

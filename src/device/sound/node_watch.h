#pragma once

#include <string>

namespace campush {

/// Tells when something appears in a folder of device nodes, or may be opened that could not before.
/// Shape: the descriptor becomes readable, and stays so until forget(). Where the folder does not exist yet, its parent is watched for it.
/// Errors: where the kernel gives no inotify there is no descriptor (-1), and who waits waits for his time.
/// Thread: one thread.
class node_watch {
 public:
  explicit node_watch(std::string folder) : m_folder(std::move(folder)) {}
  ~node_watch() { stop(); }
  node_watch(const node_watch&) = delete;
  node_watch& operator=(const node_watch&) = delete;

  void start() noexcept;
  void stop() noexcept;
  void forget() noexcept;
  int descriptor() const noexcept { return m_descriptor; }

 private:
  const std::string m_folder;
  int m_descriptor = -1;
};

}  // namespace campush

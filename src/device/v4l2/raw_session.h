#pragma once

#include <atomic>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "device/v4l2/picture_leases.h"
#include "device/v4l2/picture_mailbox.h"
#include "device/v4l2/raw_camera.h"

namespace campush {

/// One opening of a raw camera: device, thread, and the mailboxes of the feeds.
/// Shape: open(), then add() and remove(); it ends with its last owner, or by itself when the device fails: is_failed() then, and the device
///   is closed already.
/// Thread: open() and the destructor any thread but its own; add(), remove(), failure() any-thread.
class raw_session {
 public:
  raw_session(const raw_camera_settings& settings, const clock& time, video_device_calls& calls,
              device_counters& counters);
  ~raw_session();
  raw_session(const raw_session&) = delete;
  raw_session& operator=(const raw_session&) = delete;

  [[nodiscard]] result<void> open(codec_library& library);
  const picture_feed::feed_description& description() const noexcept { return m_description; }
  void add(picture_mailbox& box);
  void remove(picture_mailbox& box);
  bool is_failed() const noexcept { return m_is_failed.load(std::memory_order_acquire); }
  error failure() const;

 private:
  void run() noexcept;
  result<void> capture();
  picture_lease lease_of(const v4l2_device::taken_buffer& taken);
  picture_lease decode(const v4l2_device::taken_buffer& taken);
  void distribute(const picture_lease& picture) noexcept;
  void end(const error& why) noexcept;
  void wait() noexcept;

  const raw_camera_settings m_settings;
  const clock& m_time;
  device_counters& m_counters;
  v4l2_device m_device;
  std::optional<picture_leases> m_leases;
  std::unique_ptr<picture_decoder> m_decoder;
  picture_feed::feed_description m_description;

  const int m_wake;
  std::atomic<bool> m_is_stopping{false}, m_is_failed{false};
  mutable std::mutex m_mutex;
  std::vector<picture_mailbox*> m_boxes;  // guarded by m_mutex
  error m_failure;                        // guarded by m_mutex
  std::thread m_thread;
};

/// The formats of the request, those first that the device has in the size and rate closest to what is asked.
std::vector<uint32_t> order_raw_formats(const v4l2_node& node, const raw_camera_settings& settings);

}  // namespace campush

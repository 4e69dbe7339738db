#pragma once

#include <memory>
#include <string>

#include "rtmp/protocol/message.h"
#include "util/result.h"

namespace campush {

struct flv_recorder_options {
  std::string path;
  /// Beside the file, `path` with ".times": one line a message, "type timestamp_ms bytes", with the raw 32 bits of the wire. The
  /// file itself cannot show them: its time starts at 0 and has 31 bits.
  bool writes_wire_times = false;
};

/// Writes what a publisher sends to an FLV file that is whole at any moment.
/// Shape: header, then a script tag (the publisher's first onMetaData without @setDataFrame, else one of our own), then each
///   message as one tag with one write. Time is rebased to the first audio or video message. The flags byte turns true with
///   the first tag of a track; close() patches the duration.
/// Units: wire timestamps, 32 bits, unwrapped by their differences; FLV time has 31 bits.
/// Errors: open(): from errno. write(): io_failed … when the disk is full or gone; the file is cut to its last whole tag and every
///   later call repeats the error.
/// Thread: one thread. Blocks on the disk.
/// Source: facts/rtmp 1.1, 1.7, 1.8.
class flv_recorder {
 public:
  [[nodiscard]] static result<std::unique_ptr<flv_recorder>> open(const flv_recorder_options& options);
  ~flv_recorder();
  flv_recorder(const flv_recorder&) = delete;
  flv_recorder& operator=(const flv_recorder&) = delete;

  /// Audio, video and AMF0 data messages; others are ignored.
  [[nodiscard]] result<void> write(const rtmp_message& message);
  /// Patches the duration and closes; also done by the destructor.
  void close() noexcept;
  uint64_t file_bytes() const noexcept;

 private:
  struct state;
  explicit flv_recorder(std::unique_ptr<state> opened);
  std::unique_ptr<state> m_state;
};

}  // namespace campush

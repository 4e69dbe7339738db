#pragma once

#include <memory>

#include "rtmp/protocol/message.h"

#include "util/result.h"

namespace campush {

/// What one peer may make us hold or do. Defaults fit a publisher, which receives little.
struct chunk_limits {
  uint32_t max_message_bytes = 64 * 1024;  ///< one message
  uint32_t max_chunk_size = 16 * 1024 * 1024;
  uint32_t max_chunk_streams = 16;
  uint32_t max_pending_bytes = 256 * 1024;  ///< all unfinished messages together
  /// Takes a type 1 header as the first of a chunk stream (time from 0, message stream 0), as SRS does: librtmp begins its
  /// control stream so (facts/rtmp 7.6). For servers.
  bool accepts_first_type1 = false;
};

/// Puts chunks together to messages, byte by byte if need be.
/// Shape: feed() takes any cut of the stream; each whole message goes to the handler in order, its payload borrowed
///   for the call. Set Chunk Size, Abort are obeyed here and passed on as well. Memory grows with what arrives, not with what
///   a header announces.
/// Units: timestamps are the absolute 32 bits; deltas are added mod 2^32; extended timestamps per 5.3.1.3; a peer that omits
///   the extended timestamp in type 3 chunks (old FMLE) is recognised by comparing the four bytes.
/// Errors: protocol_violation (type 1-3 without a first type 0, chunk size 0, header change inside a message, shorter length
///   than already read), too_big (any limit). The reader is dead afterwards: every feed() repeats the error.
/// Thread: loop-thread.
class chunk_reader {
 public:
  class handler {
   public:
    virtual ~handler() = default;
    /// An error returned here stops the reader with it.
    virtual result<void> on_message(const rtmp_message& message) = 0;
  };

  explicit chunk_reader(const chunk_limits& limits);
  ~chunk_reader();
  chunk_reader(const chunk_reader&) = delete;
  chunk_reader& operator=(const chunk_reader&) = delete;

  [[nodiscard]] result<void> feed(byte_view bytes, handler& to);
  /// Bytes fed so far: what acknowledgements count (wraps at 2^32 on the wire).
  uint64_t bytes_read() const noexcept;
  void reset();

 private:
  struct state;
  std::unique_ptr<state> m_state;
};

}  // namespace campush

#pragma once

#include "util/byte_view.h"

namespace campush {

/// RTMP 1.0 section 5.4 and 7.1.
enum class message_type : uint8_t {
  set_chunk_size = 1,
  abort = 2,
  acknowledgement = 3,
  user_control = 4,
  window_ack_size = 5,
  set_peer_bandwidth = 6,
  audio = 8,
  video = 9,
  data_amf3 = 15,
  command_amf3 = 17,
  data_amf0 = 18,
  command_amf0 = 20,
  aggregate = 22,
};

/// Chunk stream ids that every server read accepts (facts/rtmp 5.8: nginx refuses 32 and above).
namespace chunk_stream {
inline constexpr uint32_t control = 2, command = 3, audio = 4, publish = 4, data = 4, video = 6;
}

/// Header of one RTMP message. timestamp_ms is the 32 bits of the wire and wraps; message_stream_id is host order.
struct message_header {
  message_type type = message_type::command_amf0;
  uint32_t chunk_stream_id = chunk_stream::command;
  uint32_t timestamp_ms = 0;
  uint32_t message_stream_id = 0;
};

/// A message that has arrived. `payload` is borrowed until the next call on the reader.
struct rtmp_message {
  message_header header;
  byte_view payload;
};

}  // namespace campush

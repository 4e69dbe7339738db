#pragma once

#include "rtmp/protocol/client_dialogue.h"
#include "rtmp/protocol/message.h"
#include "rtmp/publisher.h"

namespace campush {

/// Under which header a tag goes out, whoever writes its chunks.
/// Thread: any-thread (pure).
inline message_header header_of(const outgoing_tag& item, uint32_t message_stream_id) noexcept {
  message_header header;
  header.timestamp_ms = item.timestamp_ms;
  header.message_stream_id = message_stream_id;
  if (item.tag->is_video_track()) {
    header.type = message_type::video;
    header.chunk_stream_id = chunk_stream::video;
  } else if (item.tag->is_audio_track()) {
    header.type = message_type::audio;
    header.chunk_stream_id = chunk_stream::audio;
  } else {
    header.type = message_type::data_amf0;
    header.chunk_stream_id = chunk_stream::data;
  }
  return header;
}

/// What people are told of how far a dialogue is.
/// Thread: any-thread (pure).
inline connect_phase phase_of(dialogue_phase reached) noexcept {
  switch (reached) {
    case dialogue_phase::idle:
    case dialogue_phase::handshake: return connect_phase::handshake;
    case dialogue_phase::connect: return connect_phase::connect;
    default: return connect_phase::publish;
  }
}

}  // namespace campush

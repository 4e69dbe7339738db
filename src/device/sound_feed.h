#pragma once

#include <memory>

#include "media/media_source.h"

namespace campush {

/// One microphone for any number of streams: the device is captured and encoded once, on a thread of its own (mic{n}), and every stream
/// takes the same frames. It is opened with the first feed and closed with the last.
/// Shape: feed() makes one stream's end, a media_source with sound alone. While the microphone is missing its source is opened again after
///   1, 2, 4 … 30 s, and feeds deliver silence where audio_config asks for it, so that video never waits for sound.
/// Thread: feed() any-thread; a feed as media_source.
class microphone {
 public:
  virtual ~microphone() = default;
  [[nodiscard]] virtual std::unique_ptr<media_source> feed() = 0;
};

/// Pictures of one source and sound of another as one stream. Video decides: its failure is the stream's failure; sound that fails is
/// silent (sound_feed) and comes back by itself. Either may be null.
std::unique_ptr<media_source> join_sources(std::unique_ptr<media_source> video, std::unique_ptr<media_source> sound,
                                           const clock& time);

}  // namespace campush

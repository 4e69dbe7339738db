#pragma once

#include "device/sound/microphone_hub.h"
#include "device/vendor/hal_library.h"

namespace campush {

/// The sound that a stream wants beside the pictures of its source: a feed of the microphone that its audio section names.
/// Null: none is wanted, or the source brings its own (the sound file of a file source, the tone of the test pattern). Muted, it is silence,
///   also in place of a sound file and beside a source that has none.
/// Thread: any-thread.
[[nodiscard]] std::unique_ptr<media_source> sound_beside(const camera_config& camera, const stream_config& stream,
                                                         const clock& time, microphone_hub& microphones,
                                                         const std::shared_ptr<hal_library_cache>& plugins);

}  // namespace campush

#pragma once

#include <optional>

#include "device/camera_config.h"
#include "media/media_source.h"

namespace campush {

/// A frame that every decoder plays as silence, whatever came before it.
/// Units: samples at `rate`, which is the clock of the codec (48 kHz for Opus).
struct silent_frame {
  byte_view payload;
  uint32_t samples = 0, rate = 0;
};

/// None for codecs and layouts that have no such frame here: more than two channels.
std::optional<silent_frame> silence_of(const audio_description& sound) noexcept;

/// How long a real frame of the sound of `silence` is, in its samples; not more than a second.
uint32_t samples_of(const media_frame& frame, const silent_frame& silence) noexcept;

/// What a microphone that has not been seen yet is taken for: the configuration, and 48 kHz mono where that leaves it open.
audio_description expected_sound(const audio_config& config);

/// Whether frames of both can follow each other under one description. The bytes of two configs may differ and mean the same.
bool is_same_sound(const audio_description& left, const audio_description& right);

}  // namespace campush

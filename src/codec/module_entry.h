#pragma once

#include <string_view>

#include "codec/codec_library.h"
#include "util/log.h"

namespace campush {

/// What the module of encoders is handed by the program that loads it, so that it has neither a log nor a clock of its own.
struct codec_host {
  const clock* time = nullptr;
  bool (*is_logged)(log_module, log_level) noexcept = nullptr;
  void (*write_log)(log_module, log_level, std::string_view) noexcept = nullptr;
};

/// The one thing that the module exports, under the name `codec_module_symbol`.
/// Shape: program and module share C++ types, so they must be of one build: `build_id` is a hash of the headers between them and the
///   compiler that read them. open() is called once, and its host and library live as long as the process.
struct codec_module {
  const char* build_id;
  codec_library* (*open)(const codec_host& host);
};
inline constexpr const char* codec_module_symbol = "campush_codec_module";

}  // namespace campush

#pragma once

// The one place of this folder that includes RapidJSON. Its assertions throw here instead of aborting the process: a document that
// reaches one is refused, the agent lives. The namespace of its own keeps these instances apart from those of other folders, where
// assertions are left as they are.
#include <cassert>
#include <cinttypes>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <iterator>
#include <limits>
#include <new>
#include <stdexcept>
#include <string>
#include <utility>

#define RAPIDJSON_ASSERT(condition) \
  static_cast<void>((condition) ? 0 : throw std::logic_error("RapidJSON refused: " #condition))
#define RAPIDJSON_NAMESPACE campush_config_rapidjson
#define RAPIDJSON_NAMESPACE_BEGIN namespace campush_config_rapidjson {
#define RAPIDJSON_NAMESPACE_END }

// RapidJSON 1.1 compares pointers past an empty stack (internal/stack.h, Reserve): harmless, and reported by clang's sanitizer.
#if defined(__clang__)
#pragma clang attribute push(__attribute__((no_sanitize("pointer-overflow"))), apply_to = function)
#endif
#include <rapidjson/document.h>
#include <rapidjson/error/en.h>
#include <rapidjson/memorystream.h>
#include <rapidjson/pointer.h>
#include <rapidjson/reader.h>
#include <rapidjson/schema.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>
#if defined(__clang__)
#pragma clang attribute pop
#endif

namespace campush {

using json_value = campush_config_rapidjson::Value;
using json_tree = campush_config_rapidjson::Document;

}  // namespace campush

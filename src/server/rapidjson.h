#pragma once

// The one place of this folder and of app that includes RapidJSON (config has its own, with other assertions).

// RapidJSON 1.1 compares pointers past an empty stack (internal/stack.h, Reserve): harmless, and reported by clang's sanitizer.
#if defined(__clang__)
#pragma clang attribute push(__attribute__((no_sanitize("pointer-overflow"))), apply_to = function)
#endif
#include <rapidjson/document.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>
#if defined(__clang__)
#pragma clang attribute pop
#endif

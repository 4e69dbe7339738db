#pragma once

// The one place of this folder and of app that includes RapidJSON (config has its own, with other assertions).
// What it includes comes first: an attribute cannot be added to what is declared already.
#include <cassert>
#include <cinttypes>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <iterator>
#include <limits>
#include <new>
#include <string>
#include <utility>

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

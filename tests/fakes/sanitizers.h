#pragma once

namespace campush::test {

/// UBSan looks at types through a pipe: a test that leaves no descriptor cannot be watched by it.
#if defined(__has_feature)
constexpr bool has_ubsan = __has_feature(undefined_behavior_sanitizer);
#else
constexpr bool has_ubsan = false;
#endif

}  // namespace campush::test

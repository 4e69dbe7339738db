#include "app/version_report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "app/version.h"

namespace campush {
namespace {

using ::testing::ContainsRegex;
using ::testing::HasSubstr;
using ::testing::StartsWith;

TEST(version_report, begins_with_name_and_version_alone_on_a_line) {
  EXPECT_THAT(version_report(), StartsWith(std::string("campush ") + version_text + "\n"));
}

TEST(version_report, tells_features_and_the_versions_of_libraries) {
  const std::string report = version_report();
  for (const char* feature : {"alsa", "libav", "librtmp", "seccomp"}) {
    EXPECT_THAT(report, ContainsRegex(std::string("features:.*[+-]") + feature));
  }
  for (const char* library : {"OpenSSL", "Boost", "fmt", "spdlog", "RapidJSON"}) {
    EXPECT_THAT(report, ContainsRegex(std::string(library) + " [0-9]+\\.[0-9]+\\.[0-9]+"));
  }
#ifdef CAMPUSH_WITH_LIBRTMP
  EXPECT_THAT(report, HasSubstr("+librtmp"));
#endif
}

}  // namespace
}  // namespace campush

#include "app/version_report.h"

#include <fmt/format.h>
#include <openssl/crypto.h>
#include <rapidjson/rapidjson.h>
#include <spdlog/version.h>

#include <boost/version.hpp>

#include "app/version.h"
#if CAMPUSH_HAS_SECCOMP
#include <seccomp.h>
#endif

namespace campush {

namespace {

struct named_feature {
  const char* name;
  bool is_there;
};
constexpr named_feature features[] = {{"alsa", CAMPUSH_HAS_ALSA != 0},
                                      {"libav", CAMPUSH_HAS_LIBAV != 0},
                                      {"librtmp", CAMPUSH_HAS_LIBRTMP != 0},
                                      {"seccomp", CAMPUSH_HAS_SECCOMP != 0}};

std::string dotted(int major, int minor, int patch) {
  return fmt::format("{}.{}.{}", major, minor, patch);
}

std::string seccomp_text() {
#if CAMPUSH_HAS_SECCOMP
  if (const scmp_version* found = seccomp_version()) {
    return fmt::format(", libseccomp {}.{}.{}", found->major, found->minor, found->micro);
  }
#endif
  return {};
}

/// Of the build: the library itself is loaded when it is first needed, if at all.
std::string loaded_later(const char* name, const char* version) {
  return *version == '\0' ? std::string() : fmt::format(", {} {}", name, version);
}

}  // namespace

std::string version_report() {
  std::string out = fmt::format("campush {}\nfeatures: ", version_text);
  const char* separator = "";
  for (const named_feature& feature : features) {
    out += fmt::format("{}{}{}", separator, feature.is_there ? "+" : "-", feature.name);
    separator = " ";
  }
  out += fmt::format("\nlibraries: OpenSSL {}, Boost {}, fmt {}, spdlog {}, RapidJSON {}{}{}{}",
                     OpenSSL_version(OPENSSL_VERSION_STRING),
                     dotted(BOOST_VERSION / 100000, BOOST_VERSION / 100 % 1000, BOOST_VERSION % 100),
                     dotted(FMT_VERSION / 10000, FMT_VERSION / 100 % 100, FMT_VERSION % 100),
                     dotted(SPDLOG_VER_MAJOR, SPDLOG_VER_MINOR, SPDLOG_VER_PATCH), RAPIDJSON_VERSION_STRING,
                     seccomp_text(), loaded_later("ALSA", CAMPUSH_ALSA_VERSION),
                     loaded_later("libavcodec", CAMPUSH_LIBAVCODEC_VERSION));
  return out;
}

}  // namespace campush

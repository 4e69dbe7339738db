#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "rtmp/stream_url.h"

namespace {

/// What every accepted address keeps, whatever it was.
void check_parts(const campush::stream_url& url) {
  const std::string& key = url.key().reveal();
  if (url.host().empty() || url.app().empty() || key.empty() || url.port() == 0) std::abort();
  if (url.tc_url().find(url.app()) == std::string::npos) std::abort();
  if (url.masked().find_first_of("\r\n\t ") != std::string::npos) std::abort();
  if (!url.password().empty() && url.password().reveal().size() > 8 &&
      url.full().reveal().find(url.password().reveal()) == std::string::npos) {
    std::abort();
  }
}

}  // namespace

/// Any text as a whole address, and cut at its first line end as address and key. What parses comes back byte for byte.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (const auto url = campush::stream_url::parse(text)) {
    check_parts(*url);
    if (url->full().reveal() != text) std::abort();
    if (!(campush::stream_url::parse(url->full().reveal()).value() == *url)) std::abort();
  }
  const size_t cut = text.find('\n');
  if (cut == std::string_view::npos) return 0;
  if (const auto url = campush::stream_url::parse(text.substr(0, cut), text.substr(cut + 1))) {
    check_parts(*url);
    if (url->key().reveal() != text.substr(cut + 1)) std::abort();
  }
  return 0;
}

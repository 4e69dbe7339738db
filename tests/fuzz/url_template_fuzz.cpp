#include <cstdint>
#include <cstdlib>
#include <string>

#include "rtmp/url_template.h"

/// Any text: check() and expand() agree, and whatever expands stays within its bound. Files and environment are left out, so that a
/// run depends on its input alone.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  if (text.find("{file:") != std::string::npos || text.find("{env:") != std::string::npos) return 0;
  const campush::url_template::variables values = {{"camera_id", "0"},      {"stream_id", "1"},
                                                   {"stream_name", "main"}, {"camera_name", "gate"},
                                                   {"device_id", "d-1"},    {"hostname", "h"}};
  const campush::url_template shape(text);
  const auto expanded = shape.expand_marked(values);
  if (expanded.has_value() != shape.check().has_value()) std::abort();
  if (expanded && (expanded->has_secret || expanded->text.empty() || expanded->text.size() > 65536)) std::abort();
  if (expanded && text.find_first_of("{}") == std::string::npos && expanded->text != text) std::abort();
  return 0;
}

#include "config/legacy_keys.h"

namespace campush {

namespace {

/// Removes what `rest` of a pattern leads to below `value`; notes the first place.
void strip(json_value& value, std::string_view rest, const std::string& pointer, std::string& first_found) {
  const size_t slash = rest.find('/', 1);
  const std::string_view key = rest.substr(1, slash == std::string_view::npos ? slash : slash - 1);
  if (key == "*") {
    if (!value.IsArray()) return;
    for (campush_config_rapidjson::SizeType i = 0; i < value.Size(); ++i) {
      strip(value[i], rest.substr(slash), child_pointer(pointer, i), first_found);
    }
    return;
  }
  if (!value.IsObject()) return;
  const std::string name(key);
  const auto member = value.FindMember(name.c_str());
  if (member == value.MemberEnd()) return;
  const std::string below = child_pointer(pointer, key);
  if (slash != std::string_view::npos) return strip(member->value, rest.substr(slash), below, first_found);
  if (first_found.empty()) first_found = below;
  value.EraseMember(member);
}

}  // namespace

const legacy_key_patterns& legacy_keys() noexcept {
  static constexpr legacy_key_patterns keys = {
      "/outputs/rtsp",
      "/outputs/mp4",
      "/cameras/*/sensor",
      "/cameras/*/features",
      "/cameras/*/outputs/rtsp",
      "/cameras/*/outputs/mp4",
      "/cameras/*/streams/*/outputs/rtsp",
      "/cameras/*/streams/*/outputs/mp4",
  };
  return keys;
}

ignored_keys strip_legacy_keys(json_document& document) {
  ignored_keys ignored;
  for (const std::string_view pattern : legacy_keys()) {
    std::string found;
    strip(document.root(), pattern, "", found);
    if (found.empty()) continue;
    if (ignored.patterns.empty()) ignored.first_pointer = found;
    ignored.patterns.push_back(pattern);
  }
  return ignored;
}

}  // namespace campush

#include "rtmp/protocol/enhanced_connect.h"

#include <algorithm>

namespace campush {

namespace {

constexpr std::string_view hevc_name = "hvc1", any_name = "*";
constexpr size_t max_names = 64;
constexpr double redirect_code = 302;

/// Bits of a FourCC's entry in an info map.
enum info_bit : uint32_t { can_decode = 1, can_encode = 2, can_forward = 4 };
/// Bits of capsEx.
enum caps_bit : uint32_t { caps_reconnect = 1 };

uint32_t mask_of(const amf0_value* value) noexcept {
  if (value == nullptr || value->type != amf0_type::number) return 0;
  const bool is_mask = value->number >= 0 && value->number <= 0xffffffff;  // false for NaN
  return is_mask ? static_cast<uint32_t>(value->number) : 0;
}

amf0_value name_list(const std::vector<std::string>& first, const std::vector<std::string>& second) {
  std::vector<amf0_value> items;
  items.reserve(first.size() + second.size());
  for (const std::string& each : first) items.push_back(amf0_value::of(each));
  for (const std::string& each : second) items.push_back(amf0_value::of(each));
  return amf0_value::strict_array(std::move(items));
}

void append_map(std::vector<amf0_value::property>& to, const char* property, const std::vector<std::string>& names,
                uint32_t bits) {
  if (names.empty()) return;
  std::vector<amf0_value::property> entries;
  entries.reserve(names.size());
  for (const std::string& each : names) entries.emplace_back(each, amf0_value::of(double(bits)));
  to.emplace_back(property, amf0_value::object(std::move(entries)));
}

std::vector<std::string> map_names(const amf0_value* map) {
  std::vector<std::string> names;
  if (map == nullptr || !map->is_object()) return names;
  for (const auto& [name, bits] : map->properties) {
    if (names.size() < max_names) names.push_back(name);
  }
  return names;
}

bool is_in(const std::vector<std::string>& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

/// Without its last segment; empty where nothing but a host would be left.
std::string_view folder_of(std::string_view address) noexcept {
  const std::string_view path = address.substr(0, address.find('?'));
  const size_t slash = path.rfind('/');
  if (slash == std::string_view::npos || slash == 0 || path[slash - 1] == '/') return {};
  return path.substr(0, slash);
}

}  // namespace

bool is_plain_address(std::string_view text) noexcept {
  return text.size() <= max_server_address &&
         std::all_of(text.begin(), text.end(), [](char each) { return each > ' ' && each <= '~'; });
}

void append_offer(std::vector<amf0_value::property>& connect, const enhanced_offer& offer) {
  if (!offer.video.empty() || !offer.audio.empty()) {
    connect.emplace_back("fourCcList", name_list(offer.video, offer.audio));
  }
  append_map(connect, "videoFourCcInfoMap", offer.video, can_encode);
  append_map(connect, "audioFourCcInfoMap", offer.audio, can_encode);
  if (offer.reconnect) connect.emplace_back("capsEx", amf0_value::of(double(caps_reconnect)));
}

enhanced_offer read_offer(const amf0_value& connect) {
  enhanced_offer offer;
  offer.video = map_names(connect.find("videoFourCcInfoMap"));
  offer.audio = map_names(connect.find("audioFourCcInfoMap"));
  if (const amf0_value* list = connect.find("fourCcList"); list != nullptr && list->type == amf0_type::strict_array) {
    for (const auto& [unnamed, item] : list->properties) {
      const bool is_known = is_in(offer.video, item.string) || is_in(offer.audio, item.string);
      if (item.type == amf0_type::string && !is_known && offer.video.size() < max_names) {
        offer.video.push_back(item.string);
      }
    }
  }
  offer.reconnect = (mask_of(connect.find("capsEx")) & caps_reconnect) != 0;
  return offer;
}

void append_claims(std::vector<amf0_value::property>& answer, const server_capabilities& claims) {
  if (claims.has_video_list) {
    // A server that lists codecs without H.265 still lists some.
    const std::string name(claims.takes_hevc ? hevc_name : "av01");
    answer.emplace_back("fourCcList", name_list({name}, {}));
    append_map(answer, "videoFourCcInfoMap", {name}, can_decode | can_forward);
  }
  if (claims.has_reconnect) answer.emplace_back("capsEx", amf0_value::of(double(caps_reconnect)));
}

server_capabilities read_capabilities(const std::vector<amf0_value>& result_values) {
  server_capabilities said;
  bool has_map = false, is_in_map = false, is_in_list = false;
  for (const amf0_value& object : result_values) {
    if (!object.is_object()) continue;
    if (const amf0_value* map = object.find("videoFourCcInfoMap"); map != nullptr && map->is_object()) {
      has_map = true;
      const uint32_t bits = mask_of(map->find(hevc_name)) | mask_of(map->find(any_name));
      is_in_map = is_in_map || (bits & (can_decode | can_forward)) != 0;
    }
    if (const amf0_value* list = object.find("fourCcList"); list != nullptr && list->type == amf0_type::strict_array) {
      said.has_video_list = true;
      for (const auto& [unnamed, item] : list->properties) {
        is_in_list = is_in_list || item.string == hevc_name || item.string == any_name;
      }
    }
    if ((mask_of(object.find("capsEx")) & caps_reconnect) != 0) said.has_reconnect = true;
  }
  said.has_video_list = said.has_video_list || has_map;
  said.takes_hevc = has_map ? is_in_map : is_in_list;
  return said;
}

std::string_view without_key(std::string_view address, std::string_view stream_key) noexcept {
  const std::string_view name = stream_key.substr(0, stream_key.find('?'));
  std::string_view path = address.substr(0, address.find('?'));
  if (name.empty() || path.size() <= name.size() + 1) return {};
  const size_t slash = path.size() - name.size() - 1;
  return path[slash] == '/' && path.substr(slash + 1) == name ? path.substr(0, slash) : std::string_view();
}

std::string read_redirect(const amf0_value& information, std::string_view stream_key) {
  const amf0_value* ex = information.find("ex");
  if (ex == nullptr || !ex->is_object()) return {};
  const amf0_value* code = ex->find("code");
  if (code == nullptr || code->number != redirect_code) return {};
  std::string_view tc_url = ex->text("redirect"), whole = ex->text("redirect2");
  if (!is_plain_address(tc_url)) tc_url = {};
  if (!is_plain_address(whole)) whole = {};
  const std::string_view choices[] = {without_key(whole, stream_key), without_key(tc_url, stream_key), tc_url,
                                      folder_of(whole)};
  const auto* chosen = std::find_if(std::begin(choices), std::end(choices), [](auto each) { return !each.empty(); });
  return chosen == std::end(choices) ? std::string() : std::string(*chosen);
}

amf0_value redirect_object(std::string_view tc_url, std::string_view stream_key) {
  amf0_value ex = amf0_value::object({{"code", amf0_value::of(redirect_code)}, {"redirect", amf0_value::of(tc_url)}});
  if (!stream_key.empty()) {
    std::string whole(tc_url);
    whole += '/';
    whole += stream_key;
    ex.properties.emplace_back("redirect2", amf0_value::of(whole));
  }
  return ex;
}

}  // namespace campush

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <utility>

#include "config/load_context.h"
#include "device/vendor/plugin_report.h"

namespace campush {

namespace {

/// A stream that takes something which only one may have.
struct contender {
  uint32_t camera_id = 0;
  std::string name;  ///< "camera 0, stream main (/cameras/0/source)"
};

std::string place_of(const load_context& context, uint32_t camera_id, uint32_t stream_id) {
  const auto found = context.places.find({camera_id, stream_id});
  return found == context.places.end() ? std::string() : found->second;
}

contender contender_of(const load_context& context, const camera_config& camera, const stream_config& stream) {
  return {camera.camera_id, fmt::format("camera {}, stream {} ({})", camera.camera_id, stream.name,
                                        place_of(context, camera.camera_id, stream.stream_id))};
}

/// Links lead to the same thing: those under /dev/v4l to a node, those of a package to its newest plug-in.
std::string file_of(const std::string& name) {
  std::error_code ignored;
  const std::filesystem::path file = std::filesystem::canonical(name, ignored);
  return file.empty() ? name : file.string();
}

template <class Visit>
result<void> for_each_stream(const load_context& context, const Visit& visit) {
  for (const camera_config& camera : context.config.cameras) {
    if (!camera.enabled) continue;
    for (const stream_config& stream : camera.streams) {
      if (auto checked = visit(camera, stream); !checked) return checked;
    }
  }
  return {};
}

bool is_coded_by_device(const stream_config& stream) {
  return stream.source.pixel_format == "h264" || stream.source.pixel_format == "h265";
}

/// The streams of one camera may share its raw pictures, not what its own encoder gives; two cameras cannot share a device.
result<void> check_devices(const load_context& context) {
  struct owner_of_node {
    contender who;
    bool is_coded = false;
  };
  std::map<std::string, owner_of_node> owners;
  return for_each_stream(context, [&](const camera_config& camera, const stream_config& stream) -> result<void> {
    if (stream.source.type != source_type::v4l2) return {};
    const contender mine = contender_of(context, camera, stream);
    const bool is_coded = is_coded_by_device(stream);
    const auto [owner, is_new] = owners.emplace(file_of(stream.source.device), owner_of_node{mine, is_coded});
    const bool is_shareable = owner->second.who.camera_id == camera.camera_id && !is_coded && !owner->second.is_coded;
    if (is_new || is_shareable) return {};
    const bool is_same_camera = owner->second.who.camera_id == camera.camera_id;
    return context.refuse(
        place_of(context, camera.camera_id, stream.stream_id),
        fmt::format("{} and {} both capture from {}; allowed: {}", mine.name, owner->second.who.name,
                    stream.source.device,
                    is_same_camera ? "one stream a device whose pixel_format is h264 or h265" : "one camera a device"));
  });
}

result<void> check_channels(const load_context& context) {
  std::map<std::pair<std::string, uint32_t>, contender> owners;
  return for_each_stream(context, [&](const camera_config& camera, const stream_config& stream) -> result<void> {
    const source_config& source = stream.source;
    if (source.type != source_type::vendor || source.library.empty()) return {};
    const contender mine = contender_of(context, camera, stream);
    const uint32_t channel = source.channel.value_or(stream.stream_id);
    const auto [owner, is_new] = owners.emplace(std::make_pair(file_of(source.library), channel), mine);
    if (is_new) return {};
    return context.refuse(place_of(context, camera.camera_id, stream.stream_id),
                          fmt::format("{} and {} both take channel {} of {}; allowed: one stream a channel", mine.name,
                                      owner->second.name, channel, source.library));
  });
}

bool has_sound_of_plugin(const stream_config& stream) {
  const bool is_brought = stream.audio.type.empty() && stream.source.type == source_type::vendor;
  return stream.audio.enabled && !stream.source.library.empty() && (is_brought || stream.audio.type == "vendor");
}

/// A microphone of a plug-in is shared, and so it is opened one way.
result<void> check_microphones(const load_context& context) {
  std::map<std::pair<std::string, uint32_t>, std::pair<contender, audio_config>> owners;
  return for_each_stream(context, [&](const camera_config& camera, const stream_config& stream) -> result<void> {
    const audio_config& audio = stream.audio;
    if (!has_sound_of_plugin(stream) || audio.is_muted) return {};
    const contender mine = contender_of(context, camera, stream);
    const auto [owner, is_new] =
        owners.emplace(std::make_pair(file_of(stream.source.library), audio.channel), std::make_pair(mine, audio));
    audio_config first = owner->second.second;
    first.type = audio.type;
    first.fills_with_silence = audio.fills_with_silence;
    if (is_new || first == audio) return {};
    return context.refuse(
        place_of(context, camera.camera_id, stream.stream_id),
        fmt::format("{} and {} ask audio channel {} of {} for different sound; allowed: the same audio "
                    "section, or another channel in it",
                    mine.name, owner->second.first.name, audio.channel, stream.source.library));
  });
}

/// What the enabled streams ask of one plug-in, in the order of the file.
struct plugin_demand {
  struct user {
    contender who;
    std::string pointer;
    uint32_t channel = 0;
    uint32_t audio_channel = 0;  ///< 0 without sound, too: a plug-in need not have any
  };
  std::vector<user> users;
};

result<void> check_plugin(const load_context& context, const std::string& path, const plugin_demand& demand) {
  const auto plugin = describe_plugin(path);
  if (!plugin) {
    // It may be there when the camera is started; until then that camera is reported.
    context.warn(demand.users[0].pointer, plugin.error().message);
    return {};
  }
  for (const plugin_demand::user& user : demand.users) {
    if (user.channel < plugin->video.size()) continue;
    const std::string has =
        plugin->video.empty() ? "it has none for pictures" : fmt::format("allowed: 0 to {}", plugin->video.size() - 1);
    return context.refuse(user.pointer,
                          fmt::format("{} takes channel {} of {}; {}", user.who.name, user.channel, path, has));
  }
  for (const plugin_demand::user& user : demand.users) {
    if (user.audio_channel == 0 || user.audio_channel < plugin->audio.size()) continue;
    const std::string has =
        plugin->audio.empty() ? "it has no sound" : fmt::format("allowed: 0 to {}", plugin->audio.size() - 1);
    return context.refuse(
        user.pointer, fmt::format("{} takes audio channel {} of {}; {}", user.who.name, user.audio_channel, path, has));
  }
  if (demand.users.size() <= plugin->max_encoders) return {};
  const plugin_demand::user& extra = demand.users[plugin->max_encoders];
  return context.refuse(
      extra.pointer,
      fmt::format("{} finds no encoder left, the last one goes to {}; {} runs {} encoders at once", extra.who.name,
                  demand.users[plugin->max_encoders - 1].who.name, path, plugin->max_encoders));
}

result<void> check_plugins(const load_context& context) {
  std::map<std::string, plugin_demand> demands;
  static_cast<void>(
      for_each_stream(context, [&](const camera_config& camera, const stream_config& stream) -> result<void> {
        if (stream.source.type != source_type::vendor || stream.source.library.empty()) return {};
        demands[file_of(stream.source.library)].users.push_back(
            {contender_of(context, camera, stream), place_of(context, camera.camera_id, stream.stream_id),
             stream.source.channel.value_or(stream.stream_id), has_sound_of_plugin(stream) ? stream.audio.channel : 0});
        return {};
      }));
  for (const auto& [path, demand] : demands) {
    if (auto checked = check_plugin(context, path, demand); !checked) return checked;
  }
  return {};
}

/// What one session sends, as far as the configuration says it.
struct demand {
  std::string session;
  uint64_t kbps = 0;
};

std::vector<demand> demands(const load_context& context) {
  std::vector<demand> out;
  for (const session_config& session : context.config.sessions) {
    static_cast<void>(
        for_each_stream(context, [&](const camera_config& camera, const stream_config& stream) -> result<void> {
          if (camera.camera_id != session.camera_id || stream.stream_id != session.stream_id) return {};
          const uint64_t sound = stream.audio.enabled ? stream.audio.bitrate_kbps : 0;
          out.push_back({fmt::format("cam{}_stream{}/{}", session.camera_id, session.stream_id, session.destination),
                         stream.encoder.bitrate_kbps + sound});
          return {};
        }));
  }
  return out;
}

result<void> check_uplink(const load_context& context) {
  const uint64_t budget = context.config.system.uplink_kbps;
  if (budget == 0) return {};
  std::vector<demand> all = demands(context);
  uint64_t sum = 0;
  size_t silent = 0;
  for (const demand& each : all) {
    sum += each.kbps;
    silent += each.kbps == 0 ? 1 : 0;
  }
  if (silent > 0) {
    context.warn(
        "/system/uplink_kbps",
        fmt::format("{} of {} sessions count nothing: their streams have no encoder.bitrate", silent, all.size()));
  }
  if (sum <= budget) return {};
  std::stable_sort(all.begin(), all.end(), [](const demand& a, const demand& b) { return a.kbps > b.kbps; });
  std::string largest = fmt::format("{} with {}", all[0].session, all[0].kbps);
  if (all.size() > 1) largest += fmt::format(" and {} with {}", all[1].session, all[1].kbps);
  return context.refuse(
      "/system/uplink_kbps",
      fmt::format("the sessions add up to {} kbit/s, allowed: {}; the largest: {}", sum, budget, largest));
}

}  // namespace

result<void> check_resource_limits(const load_context& context) {
  for (const auto check : {check_devices, check_channels, check_microphones, check_plugins, check_uplink}) {
    if (auto checked = check(context); !checked) return checked;
  }
  return {};
}

}  // namespace campush

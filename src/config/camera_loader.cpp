#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <map>
#include <set>
#include <vector>

#include "config/key_bindings.h"
#include "config/load_context.h"

namespace campush {

namespace {

/// The others are valid and reported.
constexpr source_type sources_of_this_build[] = {source_type::file, source_type::v4l2, source_type::test,
                                                 source_type::vendor};

bool is_in_this_build(source_type type) {
  const auto* const end = std::end(sources_of_this_build);
  return std::find(std::begin(sources_of_this_build), end, type) != end;
}

uint32_t id_of(const located& node, std::string_view key, size_t index) {
  const located id = node.child(key);
  return id && id.value->IsUint() ? id.value->GetUint() : static_cast<uint32_t>(index);
}

bool is_enabled(const located& node) {
  const located enabled = node.child("enabled");
  return !enabled || !enabled.value->IsBool() || enabled.value->GetBool();
}

std::string default_stream_name(uint32_t stream_id) {
  if (stream_id == 0) return "main";
  return stream_id == 1 ? "sub" : fmt::format("stream{}", stream_id);
}

/// Remembers ids and names and where each was given first.
template <class Key>
class unique_keys {
 public:
  result<void> add(const load_context& context, const Key& key, const std::string& pointer, std::string_view what) {
    const auto [first, is_new] = m_places.emplace(key, pointer);
    if (is_new) return {};
    return context.refuse(pointer, fmt::format("the {} {} is already used by {}", what, key, first->second));
  }

 private:
  std::map<Key, std::string> m_places;
};

/// One camera while it is read: what its streams inherit.
struct camera_draft {
  located node;
  camera_config config;
  located source, audio;
  std::vector<located> rtmp;              ///< sections above the streams, the farthest first
  std::map<uint32_t, located> fallbacks;  ///< by stream_id
  std::set<std::string> reported;         ///< source pointers already warned of
};

result<void> refuse_name(const load_context& context, const located& section) {
  if (!section || !section.child("name")) return {};
  return context.refuse(section.child("name").pointer, "a destination is named in the rtmp section of a stream");
}

/// Keys without which a kind of source has nothing to take pictures from.
result<void> check_source(const load_context& context, const located& given, const source_config& source) {
  if (source.type == source_type::file && source.video_path.empty() && source.audio_path.empty()) {
    return context.refuse(given.pointer, "a file source needs the key \"video\" or \"audio\"");
  }
  if (source.type == source_type::v4l2 && source.device.empty()) {
    return context.refuse(given.pointer, "a v4l2 source needs the key \"device\" (`campush devices` lists them)");
  }
  if (source.type == source_type::v4l2 && (source.width == 0) != (source.height == 0)) {
    return context.refuse(given.pointer, "a v4l2 source needs both width and height, or neither");
  }
  return {};
}

/// What the test pattern cannot be drawn in. Devices tell for themselves what they give, and encoders what they take of it.
result<void> check_pattern(const load_context& context, const located& encoder, const stream_config& stream) {
  if (stream.source.type != source_type::test) return {};
  constexpr uint32_t shortest_side = 32, longest_side = 8192;
  for (const uint32_t side : {stream.encoder.width, stream.encoder.height}) {
    if (side == 0 || (side >= shortest_side && side <= longest_side)) continue;
    return context.refuse(encoder.pointer, "each side of the test pattern is within 32 and 8192");
  }
  return {};
}

/// Old files name no plug-in: the camera is reported, and the others run.
std::string why_not_run(const source_config& source) {
  if (!is_in_this_build(source.type)) return "is not in this build";
  if (source.type == source_type::vendor && source.library.empty()) return "needs the key \"library\"";
  return {};
}

result<source_config> read_source(const load_context& context, camera_draft& camera, const located& own) {
  source_config source;
  source.type = source_type::vendor;
  const located& given = own ? own : camera.source;
  if (given) apply_section(source, *given.value);
  source.library = context.resolve_path(source.library);
  source.video_path = context.resolve_path(source.video_path);
  source.audio_path = context.resolve_path(source.audio_path);
  if (auto checked = check_source(context, given, source); !checked) return tl::unexpected(checked.error());
  const std::string place = given ? given.pointer : camera.node.pointer;
  const std::string problem = why_not_run(source);
  if (!camera.config.enabled || problem.empty() || !camera.reported.insert(place).second) return source;
  context.warn(place, fmt::format("source {} {}: camera {} is reported, not run", source_type_name(source.type),
                                  problem, camera.config.camera_id));
  return source;
}

/// A key that is obeyed nowhere is told of, or its writer looks for the sound elsewhere.
void judge_audio(const load_context& context, const located& audio, const stream_config& stream) {
  const bool has_sound_file = stream.source.type == source_type::file && !stream.source.audio_path.empty();
  if (!audio || !has_sound_file || stream.audio.type.empty() || !stream.audio.enabled || stream.audio.is_muted) return;
  context.warn(audio.pointer, fmt::format("type {} has no effect: the key \"audio\" of the source names the sound",
                                          stream.audio.type));
}

result<void> add_stream(const load_context& context, camera_draft& camera, const located& node, stream_config stream,
                        const located& rtmp) {
  auto source = read_source(context, camera, node.child("source"));
  if (!source) return tl::unexpected(source.error());
  stream.source = std::move(*source);
  const located& place = node.child("source") ? node.child("source") : camera.source ? camera.source : camera.node;
  context.places[{camera.config.camera_id, stream.stream_id}] = place.pointer;
  const located audio = node.child("audio");
  if (camera.audio) apply_section(stream.audio, *camera.audio.value);
  if (audio) apply_section(stream.audio, *audio.value);
  // A microphone of the camera is meant for its other streams where this one has a source of its own.
  const bool has_own_source = static_cast<bool>(node.child("source"));
  judge_audio(context, audio || has_own_source ? audio : camera.audio, stream);
  if (const located encoder = node.child("encoder")) {
    apply_section(stream.encoder, *encoder.value);
    if (auto checked = check_pattern(context, encoder, stream); !checked) return checked;
  }
  if (auto loaded = load_sessions(context, camera.config, stream, camera.rtmp, rtmp); !loaded) return loaded;
  if (const located fallback = node.child("fallback")) camera.fallbacks[stream.stream_id] = fallback;
  camera.config.streams.push_back(std::move(stream));
  return {};
}

result<void> load_streams(const load_context& context, camera_draft& camera, const located& streams) {
  unique_keys<uint32_t> ids;
  unique_keys<std::string> names;
  for (size_t i = 0; i < streams.value->Size(); ++i) {
    const located node = streams.child(i);
    stream_config stream;
    stream.stream_id = id_of(node, "stream_id", i);
    const located name = node.child("name");
    stream.name = name ? std::string(text_of(*name.value)) : default_stream_name(stream.stream_id);
    const std::string id_place = node.child("stream_id") ? node.child("stream_id").pointer : node.pointer;
    if (auto added = ids.add(context, stream.stream_id, id_place, "stream_id"); !added) return added;
    if (auto added = names.add(context, stream.name, name ? name.pointer : node.pointer, "stream name"); !added)
      return added;
    auto rtmp = rtmp_section(context, node);
    if (!rtmp) return tl::unexpected(rtmp.error());
    if (!is_enabled(node)) continue;
    if (auto added = add_stream(context, camera, node, std::move(stream), *rtmp); !added) return added;
  }
  return {};
}

/// The streams of a camera that lists none: main, and sub where a vendor's encoder gives two and the addresses tell them apart.
result<void> load_default_streams(const load_context& context, camera_draft& camera) {
  source_config source;
  source.type = source_type::vendor;
  if (camera.source) apply_section(source, *camera.source.value);
  const bool has_sub = source.type == source_type::vendor && addresses_tell_streams_apart(camera.rtmp);
  for (uint32_t id = 0; id < (has_sub ? 2u : 1u); ++id) {
    stream_config stream;
    stream.stream_id = id;
    stream.name = default_stream_name(id);
    const located none{camera.node.pointer, nullptr};
    if (auto added = add_stream(context, camera, none, std::move(stream), none); !added) return added;
  }
  return {};
}

result<void> load_camera(const load_context& context, const located& node, uint32_t camera_id, const located& top) {
  camera_draft camera;
  camera.node = node;
  camera.config.camera_id = camera_id;
  camera.config.enabled = is_enabled(node);
  const located name = node.child("name");
  camera.config.name = name ? std::string(text_of(*name.value)) : fmt::format("cam{}", camera_id);
  camera.source = node.child("source");
  camera.audio = node.child("audio");
  auto rtmp = rtmp_section(context, node);
  if (!rtmp) return tl::unexpected(rtmp.error());
  if (auto checked = refuse_name(context, *rtmp); !checked) return checked;
  camera.rtmp = {top, *rtmp};
  const located streams = node.child("streams");
  auto loaded = streams ? load_streams(context, camera, streams) : load_default_streams(context, camera);
  if (!loaded) return loaded;
  for (const auto& [stream_id, node_of_stream] : camera.fallbacks) {
    loaded = load_fallback(context, camera.config, stream_id, node_of_stream);
    if (!loaded) return loaded;
  }
  context.config.cameras.push_back(std::move(camera.config));
  return {};
}

result<void> check_count(const load_context& context, const located& cameras) {
  std::vector<size_t> enabled;
  for (size_t i = 0; i < context.config.cameras.size(); ++i) {
    if (context.config.cameras[i].enabled) enabled.push_back(i);
  }
  const uint32_t allowed = context.config.system.max_cameras;
  if (enabled.size() <= allowed) return {};
  const size_t extra = enabled[allowed];
  return context.refuse(cameras.child(extra).pointer,
                        fmt::format("camera {} is too many: found {} enabled cameras, allowed: {} (system.max_cameras)",
                                    context.config.cameras[extra].camera_id, enabled.size(), allowed));
}

}  // namespace

result<void> load_cameras(const load_context& context) {
  const located root{"", &context.document.root()};
  const auto top = rtmp_section(context, root);
  if (!top) return tl::unexpected(top.error());
  if (auto checked = refuse_name(context, *top); !checked) return checked;
  const located cameras = root.child("cameras");
  if (!cameras) {
    if (has_address({*top})) return load_camera(context, located{top->pointer, nullptr}, 0, *top);
    context.warn("", "no cameras: nothing is pushed");
    return {};
  }
  unique_keys<uint32_t> ids;
  for (size_t i = 0; i < cameras.value->Size(); ++i) {
    const located node = cameras.child(i);
    const uint32_t camera_id = id_of(node, "camera_id", i);
    const std::string id_place = node.child("camera_id") ? node.child("camera_id").pointer : node.pointer;
    if (auto added = ids.add(context, camera_id, id_place, "camera_id"); !added) return added;
    if (auto loaded = load_camera(context, node, camera_id, *top); !loaded) return loaded;
  }
  return check_count(context, cameras);
}

}  // namespace campush

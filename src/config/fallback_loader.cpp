#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "config/load_context.h"

namespace campush {

namespace {

bool ends_with(std::string_view text, std::string_view end) {
  return text.size() >= end.size() && text.substr(text.size() - end.size()) == end;
}

std::vector<std::string> possible_names(const camera_config& camera, uint32_t stream_id) {
  std::vector<std::string> names;
  for (const stream_config& other : camera.streams) {
    if (other.stream_id != stream_id && declared_codec(other) != codec_id::h265) names.push_back(other.name);
  }
  return names;
}

result<hevc_fallback> read_fallback(const load_context& context, const camera_config& camera,
                                    const stream_config& stream, const located& node) {
  const located codec = node.child("codec"), name = node.child("stream");
  if (bool(codec) == bool(name)) {
    return context.refuse(node.pointer, "needs one of the keys \"codec\" and \"stream\", not both");
  }
  if (codec) {
    if (stream.source.type == source_type::file) {
      context.warn(codec.pointer, fmt::format("a file has the codec that it has: this does nothing for cam{}_stream{}",
                                              camera.camera_id, stream.stream_id));
    }
    return hevc_fallback{hevc_fallback::kind::encoder, 0};
  }
  const std::string_view wanted = text_of(*name.value);
  const std::vector<std::string> possible = possible_names(camera, stream.stream_id);
  if (std::find(possible.begin(), possible.end(), wanted) == possible.end()) {
    const std::string allowed = possible.empty()
                                    ? "nothing, camera " + std::to_string(camera.camera_id) + " has no such stream"
                                    : fmt::format("{}", fmt::join(possible, ", "));
    return context.refuse(
        name.pointer, fmt::format("found \"{}\", allowed: another enabled stream of this camera that is not H.265: {}",
                                  printable(wanted), allowed));
  }
  const auto other = std::find_if(camera.streams.begin(), camera.streams.end(),
                                  [wanted](const stream_config& item) { return item.name == wanted; });
  return hevc_fallback{hevc_fallback::kind::stream, other->stream_id};
}

}  // namespace

codec_id declared_codec(const stream_config& stream) {
  if (stream.source.type != source_type::file) return stream.encoder.codec;
  for (const std::string_view end : {".h265", ".265", ".hevc"}) {
    if (ends_with(stream.source.video_path, end)) return codec_id::h265;
  }
  for (const std::string_view end : {".h264", ".264", ".avc"}) {
    if (ends_with(stream.source.video_path, end)) return codec_id::h264;
  }
  return codec_id::none;
}

result<void> load_fallback(const load_context& context, const camera_config& camera, uint32_t stream_id,
                           const located& node) {
  const auto stream = std::find_if(camera.streams.begin(), camera.streams.end(),
                                   [stream_id](const stream_config& item) { return item.stream_id == stream_id; });
  if (stream == camera.streams.end()) return {};
  const auto fallback = read_fallback(context, camera, *stream, node);
  if (!fallback) return tl::unexpected(fallback.error());
  if (declared_codec(*stream) == codec_id::h264) {
    context.warn(node.pointer,
                 fmt::format("cam{}_stream{} is not H.265: its fallback does nothing", camera.camera_id, stream_id));
  }
  for (session_config& session : context.config.sessions) {
    if (session.camera_id == camera.camera_id && session.stream_id == stream_id) session.fallback = *fallback;
  }
  return {};
}

}  // namespace campush

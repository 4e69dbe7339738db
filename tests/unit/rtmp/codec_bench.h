#pragma once

#include <memory>
#include <string>

#include "fakes/frame_feeder.h"
#include "fakes/scripted_publisher.h"
#include "net/simulated_loop.h"
#include "rtmp/session_manager.h"

namespace campush::test {

using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

/// A camera with an H.265 main stream and an H.264 sub stream, and the destinations of the main stream.
struct codec_bench {
  simulation world;
  simulated_loop loop{world};
  scripted_publisher_factory servers{loop};
  capability_store answers;
  session_pool pool{loop, servers, {nullptr, &answers}};
  media_stream main_stream{{0, 0}, "main", loop, media_stream_options{}};
  media_stream sub_stream{{0, 1}, "sub", loop, media_stream_options{}};
  frame_feeder main_camera, sub_camera;
  bool has_sub = true;
  session_manager subject{main_stream, pool,
                          [this](uint32_t stream_id) { return stream_id == 1 && has_sub ? &sub_stream : nullptr; }};

  explicit codec_bench(const frame_feeder::options& main = h265())
      : main_camera(loop, main_stream, main), sub_camera(loop, sub_stream, {}) {
    subject.set_control(main_camera.control());
    sub_stream.set_control(sub_camera.control());
  }
  static frame_feeder::options h265() {
    frame_feeder::options source;
    source.video = codec_id::h265;
    return source;
  }
  /// One whose encoder does what it is told.
  static frame_feeder::options obedient() {
    frame_feeder::options source = h265();
    source.codec_change = control_outcome::accepted;
    return source;
  }
  static session_config config_for(const std::string& host, hevc_fallback::kind fallback = hevc_fallback::kind::none) {
    session_config config;
    config.destination = host;
    config.urls = {url_entry("rtmp://" + host + "/live/x")};
    config.retry_policy.jitter = 0;
    config.fallback = {fallback, 1};
    return config;
  }
  shared_status create(const session_config& config) {
    auto published = std::make_shared<snapshot<session_status>>();
    static_cast<void>(subject.create(config, published));
    return published;
  }
  void start() {
    main_camera.start();
    sub_camera.start();
    run(seconds(2));
  }
  void run(duration span) { world.run_for(span); }
  scripted_server& server(const std::string& host) { return servers.servers[host]; }
  void list_codecs(const std::string& host, bool takes_hevc) {
    server(host).answer.has_video_list = true;
    server(host).answer.takes_hevc = takes_hevc;
  }
  std::optional<server_capabilities> known(const std::string& host) const {
    return answers.find("rtmp://" + host + ":1935/live", world.time().wall_now());
  }
  scripted_connection& last() { return *servers.connections.back(); }
  size_t attempts() const { return servers.connections.size(); }
  /// What the pictures of a connection were: "h265 enhanced"; empty if there were none.
  static std::string pictures(const scripted_connection& made) {
    for (auto tag = made.sent.rbegin(); tag != made.sent.rend(); ++tag) {
      if (tag->kind == tag_kind::video) return codec_name(tag->codec) + (" " + std::string(dialect_name(tag->dialect)));
    }
    return {};
  }
};

}  // namespace campush::test

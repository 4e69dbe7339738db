#pragma once

#include <string>
#include <vector>

#include "fakes/frame_feeder.h"
#include "fakes/scripted_links.h"
#include "fakes/scripted_publisher.h"
#include "net/simulated_loop.h"
#include "rtmp/session.h"

namespace campush::test {

using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

/// One session on a simulated loop: a camera before it, scripted servers behind it.
/// The servers are p (primary), b1, b2, as many as the case names.
struct session_bench {
  simulation world;
  simulated_loop loop{world};
  scripted_publisher_factory servers{loop};
  media_stream stream{{0, 0}, "main", loop, media_stream_options{}};
  frame_feeder camera;
  session_config config;
  std::shared_ptr<snapshot<session_status>> published = std::make_shared<snapshot<session_status>>();
  scripted_links links;
  capability_store answers;
  session subject{loop, servers, {&links, &answers}};

  explicit session_bench(const frame_feeder::options& source = {}, const std::vector<std::string>& hosts = {"p"})
      : camera(loop, stream, source) {
    for (const std::string& host : hosts) config.urls.push_back("rtmp://" + host + "/live/cam0_main");
    config.retry_policy.jitter = 0;
    config.device_id = "cam-test";
    stream.set_control(camera.control());
  }

  void open() {
    subject.open(config, stream, published);
    subject.set_control(camera.control());
    subject.connect();
  }
  /// Camera and session on, and a moment later the first keyframe has passed.
  void start() {
    open();
    camera.start();
    run(milliseconds(200));
  }
  void run(duration span) { world.run_for(span); }
  scripted_server& server(const std::string& host) { return servers.servers[host]; }
  scripted_connection& connection(size_t index) { return *servers.connections.at(index); }
  scripted_connection& last() { return *servers.connections.back(); }
  size_t attempts() const { return servers.connections.size(); }
  session_status status() const { return published->read(); }
  session_state state() const { return status().state; }
  disconnect_reason reason() const { return status().reason; }
  /// The device's network changed: told as loop_side does.
  void change_links(bool has_new_path) { subject.on_link_changed(has_new_path); }
  /// Hosts in the order in which they were tried: "p b1 p".
  std::string hosts() const {
    std::string text;
    for (const auto& each : servers.connections) text += (text.empty() ? "" : " ") + each->host;
    return text;
  }
};

inline frame_feeder::options on_demand() {
  frame_feeder::options source;
  source.has_keyframe_on_demand = true;
  source.gop = 100000;
  return source;
}
inline frame_feeder::options with_audio() {
  frame_feeder::options source;
  source.audio = codec_id::aac;
  return source;
}

}  // namespace campush::test

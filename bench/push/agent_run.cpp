#include "bench/push/agent_run.h"

#include <fmt/format.h>

#include <csignal>
#include <fstream>
#include <sstream>

namespace campush::bench {

namespace {

std::string stream_text(size_t number, size_t stream_id, const agent_stream& stream, const drain_process& drain) {
  std::string text =
      fmt::format(R"({{"stream_id":{},"name":"s{}","source":{{"type":"file","video":"{}","audio":"{}","loop":true}},)"
                  R"("encoder":{{"type":"H264_CBR","framerate":{}}},"rtmp":[)",
                  stream_id, stream_id, stream.video_path, stream.audio_path, stream.frame_rate);
  for (uint32_t i = 0; i < stream.destinations; ++i) {
    text += fmt::format(R"({}{{"name":"d{}","urls":["{}"]}})", i == 0 ? "" : ",", i,
                        drain.rtmp_url(fmt::format("a{}d{}", number, i), stream.wire));
  }
  return text + "]}";
}

std::string config_text(const std::string& folder, const std::vector<agent_stream>& streams, const drain_process& drain,
                        size_t streams_per_camera) {
  std::string text =
      fmt::format(R"({{"system":{{"device_id":"bench","state_dir":"{0}","log_level":"ERROR","max_cameras":64}},)"
                  R"("http":{{"listen":"127.0.0.1:0"}},"rtmp":{{"tls":{{"ca_file":"{0}/drain.pem"}}}},"cameras":[)",
                  folder);
  for (size_t i = 0; i < streams.size(); ++i) {
    const bool is_first = i % streams_per_camera == 0;
    if (is_first) text += fmt::format(R"({}{{"camera_id":{},"streams":[)", i == 0 ? "" : "]},", i / streams_per_camera);
    text += (is_first ? "" : ",") + stream_text(i, i % streams_per_camera, streams[i], drain);
  }
  return text + "]}]}";
}

}  // namespace

result<agent_run> agent_run::start(const std::string& program, const std::string& folder,
                                   const std::vector<agent_stream>& streams, drain_process& drain,
                                   size_t streams_per_camera) {
  const std::string config_path = folder + "/system_config.json";
  if (!(std::ofstream(config_path) << config_text(folder, streams, drain, streams_per_camera))) {
    return fail(error_code::io_failed, config_path + ": cannot be written");
  }
  if (!(std::ofstream(folder + "/drain.pem") << drain.certificate())) {
    return fail(error_code::io_failed, folder + "/drain.pem: cannot be written");
  }
  uint32_t sessions = 0;
  for (const agent_stream& stream : streams) sessions += stream.destinations;
  auto process = child_process::start({program, "run", "--config", config_path}, core_side::senders);
  if (!process) return tl::unexpected<error>(process.error());
  agent_run run(std::move(*process), folder);
  const auto connected = drain.wait_for_publishers(sessions, std::chrono::seconds(20));
  if (!connected) return tl::unexpected<error>(wrap(connected.error(), program));
  return run;
}

result<std::map<std::string, uint64_t>> agent_run::count_system_calls(duration window) const {
  const std::string path = m_folder + "/strace.txt";
  auto tracer = child_process::start(
      {"strace", "-f", "-q", "-c", "-U", "calls,name", "-o", path, "-p", std::to_string(m_process.pid())},
      core_side::senders);
  if (!tracer) return tl::unexpected<error>(tracer.error());
  sleep_for(window);
  if (!tracer->is_running()) return fail(error_code::not_found, "strace is missing or may not attach");
  tracer->kill(SIGINT);
  for (int i = 0; i < 200 && tracer->is_running(); ++i) sleep_for(std::chrono::milliseconds(10));
  std::map<std::string, uint64_t> calls;
  std::ifstream file(path);
  std::string line;
  while (std::getline(file, line)) {
    std::istringstream words(line);
    uint64_t count = 0;
    std::string name;
    if (words >> count >> name && name != "total") calls[name] = count;
  }
  if (calls.empty()) return fail(error_code::io_failed, path + ": strace counted nothing");
  return calls;
}

}  // namespace campush::bench

#include <fmt/format.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <filesystem>

#include "app/agent.h"
#include "app/commands/commands.h"
#include "app/demo_servers.h"
#include "app/session_table.h"
#include "app/signal_thread.h"
#include "config/loader.h"
#include "util/log.h"

namespace campush {

namespace {

constexpr size_t demo_streams = 4;
constexpr uint32_t once_seconds = 20;
constexpr auto refresh = std::chrono::milliseconds(500);
/// The first table: by then the streams are up, also on a slow machine.
constexpr auto first_look = std::chrono::milliseconds(1500);
/// Without a terminal to redraw, one table in so many refreshes.
constexpr uint32_t plain_every = 8;
constexpr uint32_t drain_refreshes = 6;

constexpr const char* config_format = R"({{
  "system": {{ "device_id": "demo", "log_level": "OFF" }},
  "http": {{ "listen": "127.0.0.1:0" }},
  "rtmp": {{
    "url_template": "rtmp://127.0.0.1:{primary}/live/{{camera_name}}_{{stream_name}}",
    "fallback_urls": ["rtmp://127.0.0.1:{backup}/live/{{camera_name}}_{{stream_name}}"],
    "resume": "gop_cache"
  }},
  "cameras": [
    {{ "camera_id": 0, "name": "gate", "streams": [
      {{ "stream_id": 0, "source": {{ "type": "file", "video": "gate.h264", "audio": "gate.aac" }},
        "encoder": {{ "type": "H264_CBR", "framerate": 25 }} }},
      {{ "stream_id": 1, "source": {{ "type": "file", "video": "gate_sub.h264", "audio": "gate.aac" }},
        "encoder": {{ "type": "H264_CBR", "framerate": 25 }} }} ] }},
    {{ "camera_id": 1, "name": "yard", "streams": [
      {{ "stream_id": 0, "source": {{ "type": "file", "video": "yard.h265", "audio": "yard.aac" }},
        "encoder": {{ "type": "H265_CBR", "framerate": 25 }} }},
      {{ "stream_id": 1, "source": {{ "type": "file", "video": "yard_sub.h265", "audio": "yard.aac" }},
        "encoder": {{ "type": "H265_CBR", "framerate": 25 }} }} ] }}
  ]
}})";

/// Where the clips may lie, seen from the program: installed, or in a build folder of the repository.
constexpr const char* clip_folders[] = {"../share/campush/clips", "../../../tests/data"};

std::string find_clips(const std::string& wanted) {
  if (!wanted.empty()) return wanted;
  std::error_code failure;
  const auto program = std::filesystem::read_symlink("/proc/self/exe", failure);
  for (const char* folder : clip_folders) {
    const auto candidate = (program.parent_path() / folder).lexically_normal();
    if (std::filesystem::exists(candidate / "gate.h264", failure)) return candidate;
  }
  return (program.parent_path() / clip_folders[0]).lexically_normal();
}

uint64_t frames_sent(const agent& program) {
  uint64_t sum = 0;
  for (const session_status& status : program.sessions()) {
    for (const uint64_t count : status.frames_sent) sum += count;
  }
  return sum;
}

/// The show: a table that lives, a server that dies, and what became of the frames. Everything on the control loop.
class demo_show {
 public:
  demo_show(asio_event_loop& loop, agent& program, demo_servers& servers, uint32_t seconds)
      : m_loop(loop),
        m_agent(program),
        m_servers(servers),
        m_seconds(seconds),
        m_is_terminal(::isatty(STDOUT_FILENO) == 1),
        m_started_at(loop.now()),
        m_timer(loop.make_timer([this] { tick(); })) {
    m_timer->arm_after(first_look);
  }

  void finish() {
    if (m_is_finishing) return;
    m_is_finishing = true;
    m_agent.stop_cameras();
    m_drain_left = drain_refreshes;
  }
  int exit_code() const noexcept { return m_exit_code; }

 private:
  double elapsed() const { return std::chrono::duration<double>(m_loop.now() - m_started_at).count(); }

  void tick() {
    const uint32_t kill_after = m_seconds > 0 ? m_seconds / 2 : once_seconds / 2;
    if (!m_is_killed && elapsed() >= kill_after) {
      m_servers.kill_primary();
      m_is_killed = true;
      note(fmt::format("{:5.1f} s  the primary server was killed", elapsed()));
    }
    if (m_is_killed && !m_failover) {
      m_failover = m_servers.failover_time(demo_streams);
      if (m_failover) {
        note(fmt::format("{:5.1f} s  failover: all {} streams play on the backup, {} ms after the kill", elapsed(),
                         demo_streams, std::chrono::duration_cast<std::chrono::milliseconds>(*m_failover).count()));
      }
    }
    draw();
    if (m_seconds > 0 && elapsed() >= m_seconds) finish();
    if (m_is_finishing && --m_drain_left == 0) {
      conclude();
      return;
    }
    m_timer->arm_after(refresh);
  }

  void note(std::string line) {
    if (!m_is_terminal) std::printf("%s\n", line.c_str());
    m_notes.push_back(std::move(line));
  }

  void draw() {
    if (m_is_finishing || (!m_is_terminal && m_draws++ % plain_every != 0)) return;
    std::vector<session_row> rows;
    for (const session_status& status : m_agent.sessions()) rows.push_back(row_of(status, m_loop.now()));
    std::string text = m_is_terminal ? "\x1b[H\x1b[J" : "\n";
    text +=
        fmt::format("campush demo: 2 cameras, {} streams, {:.0f} s of {}; metrics: http://{}/metrics\n\n", demo_streams,
                    elapsed(), m_seconds > 0 ? fmt::format("{} s", m_seconds) : "as long as you like (Ctrl-C ends)",
                    m_agent.http_address().to_string());
    text += render_table(rows, m_is_terminal ? table_style::coloured : table_style::plain);
    if (m_is_terminal) {
      text += "\n";
      for (const std::string& line : m_notes) text += line + "\n";
    }
    std::fputs(text.c_str(), stdout);
    std::fflush(stdout);
  }

  /// Frames on the wire to the server that was killed are gone; everything else has to be there.
  void conclude() {
    const uint64_t sent = frames_sent(m_agent);
    const demo_received received = m_servers.received();
    const uint64_t lost = sent > received.frames ? sent - received.frames : 0;
    const bool is_failover_good = !m_is_killed || m_failover.has_value();
    const bool is_whole = received.missing_references == 0 && received.backup_holes == 0 && received.frames <= sent &&
                          lost <= (m_is_killed ? max_in_flight : 0) && received.frames > 0;
    std::printf(
        "\nresult: %llu frames sent, %llu received, %llu lost with the killed server, %llu pictures without reference: "
        "%s\n",
        static_cast<unsigned long long>(sent), static_cast<unsigned long long>(received.frames),
        static_cast<unsigned long long>(lost), static_cast<unsigned long long>(received.missing_references),
        is_whole && is_failover_good ? "good" : "NOT good");
    m_exit_code = is_whole && is_failover_good ? exit_good : exit_failed;
    m_agent.shutdown(std::chrono::seconds(1), [this] { m_loop.stop(); });
  }

  /// A quarter of a second of every stream: what loopback buffers and a loaded machine may hold at the moment of the kill.
  static constexpr uint64_t max_in_flight = demo_streams * 18;

  asio_event_loop& m_loop;
  agent& m_agent;
  demo_servers& m_servers;
  const uint32_t m_seconds;
  const bool m_is_terminal;
  const time_point m_started_at;
  std::unique_ptr<loop_timer> m_timer;
  std::vector<std::string> m_notes;
  std::optional<duration> m_failover;
  uint32_t m_draws = 0, m_drain_left = 0;
  bool m_is_killed = false, m_is_finishing = false;
  int m_exit_code = exit_failed;
};

int refuse(const error& problem, int code) {
  std::fprintf(stderr, "%s\n", problem.message.c_str());
  return code;
}

}  // namespace

int demo_command(const demo_options& options) {
  const std::string clips = find_clips(options.clips);
  asio_event_loop loop;
  std::function<void()> interrupt;
  const signal_thread signals([&](int) { loop.post([&interrupt] { interrupt(); }); });
  demo_servers servers;
  const auto listening = servers.start();
  if (!listening) return refuse(listening.error(), exit_failed);
  auto config = load_system_config_text(fmt::format(config_format, fmt::arg("primary", servers.primary_port()),
                                                    fmt::arg("backup", servers.backup_port())),
                                        clips, "demo");
  if (!config) return refuse(config.error(), exit_usage);
  for (const camera_config& camera : config->cameras) {
    for (const stream_config& stream : camera.streams) {
      for (const std::string& path : {stream.source.video_path, stream.source.audio_path}) {
        if (::access(path.c_str(), R_OK) != 0) return refuse(error_from_errno(errno, "clip " + path), exit_usage);
      }
    }
  }
  const auto logging = configure_logging(config->system.log);
  if (!logging) return refuse(logging.error(), exit_usage);

  agent program(loop, "demo");
  const uint32_t seconds = options.seconds > 0 ? options.seconds : options.is_once ? once_seconds : 0;
  const auto started = program.start(std::move(*config));
  if (!started) return refuse(started.error(), exit_failed);
  demo_show show(loop, program, servers, seconds);
  interrupt = [&show] { show.finish(); };
  loop.run();
  return show.exit_code();
}

}  // namespace campush

#include "app/session_table.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

namespace campush {

namespace {

struct colour_of_state {
  const char* state;
  const char* code;
};
constexpr colour_of_state colours[] = {
    {"connected", "\x1b[32m"}, {"connecting", "\x1b[33m"}, {"error", "\x1b[31m"}, {"disconnected", "\x1b[31m"}};

constexpr size_t column_count = 10;
using cells = std::array<std::string, column_count>;
constexpr std::array<bool, column_count> is_right_aligned = {false, false, false, true,  true,
                                                             true,  true,  true,  false, false};

cells header() {
  return {"stream", "destination", "state", "fps", "kbit/s", "drops", "queue", "rtt", "url", ""};
}

cells cells_of(const session_row& row) {
  return {row.stream,
          row.destination,
          row.state,
          fmt::format("{:.1f}", row.frames_per_second),
          fmt::format("{}", row.kbit_per_s),
          fmt::format("{}", row.dropped),
          fmt::format("{} ms", row.queue_ms),
          row.rtt_ms > 0 ? fmt::format("{:.0f} ms", std::ceil(row.rtt_ms)) : "-",
          row.url,
          row.detail};
}

std::string line_of(const cells& texts, const std::array<size_t, column_count>& widths, const char* colour) {
  std::string line;
  for (size_t i = 0; i < column_count; ++i) {
    const std::string padding(widths[i] - texts[i].size(), ' ');
    const bool is_coloured = colour != nullptr && i == 2;
    if (is_coloured) line += colour;
    line += is_right_aligned[i] ? padding + texts[i] : texts[i] + padding;
    if (is_coloured) line += "\x1b[0m";
    line += "  ";
  }
  line.erase(line.find_last_not_of(' ') + 1);
  return line + "\n";
}

/// What a connection did not carry. Frames from before its first keyframe are no loss: nobody could have shown them.
uint64_t drops_of(const session_status& status) noexcept {
  uint64_t early = 0;
  for (const auto& by_reason : status.dropped.count) early += by_reason[static_cast<size_t>(drop_reason::before_start)];
  return status.dropped.total() - early;
}

}  // namespace

std::string short_duration(double seconds) {
  if (seconds < 120) return fmt::format("{:.0f} s", std::ceil(seconds));
  if (seconds < 7200) return fmt::format("{:.0f} min", seconds / 60);
  if (seconds < 172800) return fmt::format("{:.0f} h", seconds / 3600);
  return fmt::format("{:.0f} days", seconds / 86400);
}

std::string connected_detail(const connected_facts& facts) {
  std::string text;
  const auto add = [&text](const std::string& part) { text += (text.empty() ? "" : ", ") + part; };
  if (facts.url_index > 0) add(fmt::format("backup{}", facts.url_index));
  if (facts.is_on_fallback) add("fallback for H.265");
  const bool is_ignored = facts.bitrate_control == bitrate_control_name(bitrate_control::ignored);
  if (facts.target_kbps > 0) {
    add(fmt::format(is_ignored ? "encoder ignores {} kbit/s" : "encoder at {} kbit/s", facts.target_kbps));
  }
  return text;
}

session_row row_of(const session_status& status, time_point now) {
  session_row row;
  row.stream = fmt::format("{}/{}",
                           status.camera_name.view().empty() ? fmt::format("cam{}", status.camera_id)
                                                             : std::string(status.camera_name.view()),
                           status.stream_name.view());
  row.destination = status.destination.view();
  row.state = state_name(status.state);
  row.url = status.url.view();
  row.frames_per_second = status.frames_per_second;
  row.kbit_per_s = status.bitrate_current_bps / 1000;
  row.dropped = drops_of(status);
  row.queue_ms = status.queue_ms;
  row.rtt_ms = status.rtt_us / 1000.0;
  if (status.state == session_state::connecting) {
    row.detail = phase_name(status.phase);
  } else if (status.state != session_state::connected) {
    row.detail = reason_name(status.reason);
  } else {
    row.detail = connected_detail({status.url_index, status.bitrate_target_kbps, status.is_on_fallback,
                                   bitrate_control_name(status.adaptive_bitrate)});
  }
  if (status.next_retry_at > now) {
    row.detail += (status.is_waiting_for_turn ? ", its turn in " : ", retry in ") +
                  short_duration(std::chrono::duration<double>(status.next_retry_at - now).count());
  }
  return row;
}

std::string render_table(const std::vector<session_row>& rows, table_style style) {
  std::array<size_t, column_count> widths{};
  std::vector<cells> lines{header()};
  for (const session_row& row : rows) lines.push_back(cells_of(row));
  for (const cells& line : lines) {
    for (size_t i = 0; i < column_count; ++i) widths[i] = std::max(widths[i], line[i].size());
  }
  std::string out;
  for (const cells& line : lines) {
    const char* colour = nullptr;
    for (const colour_of_state& entry : colours) {
      if (style == table_style::coloured && line[2] == entry.state) colour = entry.code;
    }
    out += line_of(line, widths, colour);
  }
  return out;
}

}  // namespace campush

#pragma once

#include <string>
#include <vector>

#include "rtmp/session_status.h"

namespace campush {

/// One line of the table that `status` and `demo` print.
struct session_row {
  std::string stream;  ///< "gate/main"
  std::string destination;
  std::string state;   ///< the word of session_state
  std::string detail;  ///< phase, reason, next retry
  std::string url;     ///< masked
  double frames_per_second = 0;
  uint64_t kbit_per_s = 0, dropped = 0, queue_ms = 0;
  double rtt_ms = 0;
};

/// What a connected session does other than plainly publish to its primary.
struct connected_facts {
  uint32_t url_index = 0, target_kbps = 0;
  bool is_on_fallback = false;
  std::string_view bitrate_control;  ///< as bitrate_control_name() has it
};
/// "backup1, fallback, encoder at 1275 kbit/s"; empty if there is nothing.
std::string connected_detail(const connected_facts& facts);

session_row row_of(const session_status& status, time_point now);

enum class table_style : uint8_t { plain, coloured };

/// Header and rows, columns as wide as their content. Ends with a line end.
std::string render_table(const std::vector<session_row>& rows, table_style style);

/// "3.2 s", "12 min", "5 h": for people.
std::string short_duration(double seconds);

}  // namespace campush

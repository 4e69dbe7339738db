#pragma once

#include <array>
#include <string>

namespace campush {

/// Everything that is checked of one plug-in and one of its channels, in the order of the table that is printed.
enum class check_id : unsigned char {
  load,
  describe_again,
  older_agent,
  unknown_channel,
  open,
  second_open,
  first_unit,
  poll_fd,
  get_time_out,
  units,
  start_codes,
  one_picture,
  parameter_sets,
  sequence,
  clock,
  order,
  rate,
  lease,
  release,
  keyframe,
  bitrate,
  codec,
  stop,
  restart,
  reopen,
  leaks,
  count
};

enum class check_state : unsigned char { not_run, passed, failed, not_offered };

struct check_row {
  check_state state = check_state::not_run;
  std::string detail;
};

/// What came out. A check that fails twice keeps its first words.
class check_table {
 public:
  void pass(check_id id, std::string detail = {});
  void fail(check_id id, std::string detail);
  void skip(check_id id, std::string detail = {});
  const check_row& row(check_id id) const { return m_rows[static_cast<size_t>(id)]; }
  bool has_failures() const;
  /// The table as lines of text, a remedy below each failure.
  std::string text() const;

  static const char* name(check_id id);

 private:
  std::array<check_row, static_cast<size_t>(check_id::count)> m_rows;
};

}  // namespace campush

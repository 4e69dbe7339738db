#pragma once

#include <map>
#include <string>

#include "server/rtmp_server.h"

namespace campush {

enum class report_form : uint8_t { table, lines, json };

/// Prints what a server receives: events as they come, rates once a second, a summary at the end.
/// Shape: table redraws itself in place on a terminal; lines has events only; json is one object a line, with "event" first. The
///   very first line tells the address in every form.
/// Units: rates over the time since the last report; bit/s in kbit.
/// Thread: loop-thread.
class sink_report {
 public:
  explicit sink_report(report_form form) noexcept : m_form(form) {}

  void print_listening(const endpoint& at);
  void print_event(const char* event, const rtmp_stream_stats& stream, time_point now);
  void print_second(const rtmp_server& server, time_point now);
  void print_summary(const rtmp_server& server, time_point now);

 private:
  struct rates {
    double fps = 0, kbit_per_s = 0;
  };
  struct mark {
    time_point at{};
    uint64_t pictures = 0, bytes = 0;
  };
  rates measure(const rtmp_stream_stats& stream, time_point now);
  void print_table(const std::vector<rtmp_stream_stats>& streams, time_point now);
  void clear_table();

  report_form m_form;
  size_t m_table_lines = 0;
  std::map<uint64_t, mark> m_marks;
};

}  // namespace campush

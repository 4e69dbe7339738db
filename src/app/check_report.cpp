#include "app/check_report.h"

#include <fmt/format.h>

#include <algorithm>

#include "server/json.h"

namespace campush {

namespace {

constexpr const char* step_names[] = {"dns", "tcp", "clock", "tls", "handshake", "connect", "publish"};
static_assert(std::size(step_names) == check_step_count);
constexpr const char* outcome_names[] = {"skipped", "ok", "failed"};

double milliseconds(duration span) {
  return std::chrono::duration<double, std::milli>(span).count();
}

std::string order_text(size_t order) {
  return order == 0 ? "primary" : fmt::format("backup{}", order);
}

void append_step(std::string& out, check_step step, const step_report& report) {
  const std::string took = report.took ? fmt::format("{:.0f} ms", milliseconds(*report.took)) : "";
  std::string line =
      fmt::format("  {:<9}  {:<7}  {:>8}  {}", step_name(step), outcome_name(report.outcome), took, report.detail);
  line.erase(line.find_last_not_of(' ') + 1);
  out += line + "\n";
  if (report.outcome == check_outcome::failed) out += fmt::format("             remedy: {}\n", report.remedy);
}

}  // namespace

const char* step_name(check_step step) noexcept {
  return step_names[static_cast<size_t>(step)];
}

const char* outcome_name(check_outcome outcome) noexcept {
  return outcome_names[static_cast<size_t>(outcome)];
}

bool url_report::is_good() const {
  return std::none_of(steps.begin(), steps.end(),
                      [](const step_report& step) { return step.outcome == check_outcome::failed; });
}

std::string report_text(const std::vector<url_report>& reports) {
  std::string out;
  size_t good = 0;
  for (const url_report& report : reports) {
    good += report.is_good() ? 1 : 0;
    out += fmt::format("cam{}_stream{}/{} {} {}\n", report.camera_id, report.stream_id, report.destination,
                       order_text(report.order), report.url);
    for (size_t i = 0; i < report.steps.size(); ++i) append_step(out, static_cast<check_step>(i), report.steps[i]);
  }
  return out + fmt::format("{} of {} addresses can be pushed to\n", good, reports.size());
}

std::string report_json(const std::vector<url_report>& reports) {
  json_writer out;
  out.begin_array();
  for (const url_report& report : reports) {
    out.begin_object().member("camera_id", uint64_t{report.camera_id});
    out.member("stream_id", uint64_t{report.stream_id}).member("stream", report.stream_name);
    out.member("destination", report.destination).member("order", uint64_t{report.order});
    out.member("url", report.url).member("ok", report.is_good()).key("steps").begin_array();
    for (size_t i = 0; i < report.steps.size(); ++i) {
      const step_report& step = report.steps[i];
      out.begin_object().member("step", step_name(static_cast<check_step>(i)));
      out.member("outcome", outcome_name(step.outcome)).key("ms");
      step.took ? out.value(milliseconds(*step.took)) : out.null();
      out.member("detail", step.detail);
      if (step.outcome == check_outcome::failed) out.member("reason", step.kind).member("remedy", step.remedy);
      out.end_object();
    }
    out.end_array().end_object();
  }
  out.end_array();
  return out.take();
}

}  // namespace campush

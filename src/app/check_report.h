#pragma once

#include <array>
#include <optional>
#include <string>
#include <vector>

#include "rtmp/connection_manager.h"
#include "util/clock.h"

namespace campush {

/// The way to a server, in the order in which it is walked.
enum class check_step : uint8_t { dns, tcp, clock, tls, handshake, connect, publish };
inline constexpr size_t check_step_count = 7;
const char* step_name(check_step step) noexcept;

enum class check_outcome : uint8_t { skipped, ok, failed };
const char* outcome_name(check_outcome outcome) noexcept;

/// How one step went. Texts hold no secret.
struct step_report {
  check_outcome outcome = check_outcome::skipped;
  std::optional<duration> took;  ///< empty where there was nothing to wait for
  std::string detail;            ///< what was found, or why it failed
  std::string kind;              ///< of a failure: the key into the remedies, for programs
  std::string_view remedy;       ///< of a failure
};

/// One address of one session.
struct url_report {
  uint32_t camera_id = 0, stream_id = 0;
  std::string stream_name, destination;
  size_t order = 0;  ///< 0: the primary
  std::string url;   ///< masked
  std::array<step_report, check_step_count> steps;

  step_report& at(check_step step) { return steps[static_cast<size_t>(step)]; }
  const step_report& at(check_step step) const { return steps[static_cast<size_t>(step)]; }
  bool is_good() const;
};

/// For people: a block for each address, the remedy below the step that failed, a summary at the end.
std::string report_text(const std::vector<url_report>& reports);
/// An array with the same, in the same order.
std::string report_json(const std::vector<url_report>& reports);

/// What failed, as a key: the reason's name, or more exactly where the text tells (TLS refusals).
/// Shape: texts are those of net/tls_refusal.h and net/tls_trust.h; a test holds both sides together.
std::string failure_kind(check_step step, disconnect_reason reason, std::string_view text);
/// What a person at the camera can do about it. Never empty.
std::string_view remedy_for(check_step step, std::string_view kind) noexcept;

}  // namespace campush

#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <tl/expected.hpp>

namespace campush {

/// Stable codes of everything that can go wrong outside a programming mistake. `error_name()` gives the
/// snake_case text that logs, status and metrics show.
enum class error_code : uint8_t {
  invalid_argument = 1,
  malformed,
  truncated,
  too_big,
  unsupported,
  not_found,
  already_exists,
  io_failed,
  permission_denied,
  timed_out,
  cancelled,
  connection_refused,
  unreachable,
  connection_reset,
  closed_by_peer,
  name_not_resolved,  ///< no such name, or it has no address
  name_in_use,
  access_denied,
  protocol_violation,
  limit_reached,
  busy,
  tls_failed,
  clock_wrong,          ///< the wall clock cannot be right: certificates and signatures cannot be judged by it
  name_service_failed,  ///< the name service cannot answer for now; the name may exist
};

const char* error_name(error_code code) noexcept;

/// What went wrong: a code for programs, a sentence for people. Secrets never stand in `message`.
struct error {
  error_code code = error_code::invalid_argument;
  std::string message;
};

/// Either a value or an `error`. Functions that return one are [[nodiscard]] unless their header says why not.
template <class T>
using result = tl::expected<T, error>;

inline tl::unexpected<error> fail(error_code code, std::string message) {
  return tl::unexpected<error>(error{code, std::move(message)});
}

/// Adds where or for what on the way up: "context: message". The code stays.
[[nodiscard]] error wrap(error inner, std::string_view context);

/// Maps an errno value to a code and adds strerror's text: "context: No such file or directory".
[[nodiscard]] error error_from_errno(int errno_value, std::string_view context);

}  // namespace campush

#include "util/result.h"

#include <cerrno>
#include <cstring>
#include <system_error>

#include "util/byte_view.h"

namespace campush {

bool operator==(byte_view left, byte_view right) noexcept {
  return left.size() == right.size() && (left.empty() || std::memcmp(left.data(), right.data(), left.size()) == 0);
}

const char* error_name(error_code code) noexcept {
  switch (code) {
    case error_code::invalid_argument: return "invalid_argument";
    case error_code::malformed: return "malformed";
    case error_code::truncated: return "truncated";
    case error_code::too_big: return "too_big";
    case error_code::unsupported: return "unsupported";
    case error_code::not_found: return "not_found";
    case error_code::already_exists: return "already_exists";
    case error_code::io_failed: return "io_failed";
    case error_code::permission_denied: return "permission_denied";
    case error_code::timed_out: return "timed_out";
    case error_code::cancelled: return "cancelled";
    case error_code::connection_refused: return "connection_refused";
    case error_code::unreachable: return "unreachable";
    case error_code::connection_reset: return "connection_reset";
    case error_code::closed_by_peer: return "closed_by_peer";
    case error_code::name_not_resolved: return "name_not_resolved";
    case error_code::name_in_use: return "name_in_use";
    case error_code::access_denied: return "access_denied";
    case error_code::protocol_violation: return "protocol_violation";
    case error_code::limit_reached: return "limit_reached";
    case error_code::busy: return "busy";
    case error_code::tls_failed: return "tls_failed";
    case error_code::clock_wrong: return "clock_wrong";
    case error_code::name_service_failed: return "name_service_failed";
  }
  return "unknown";
}

error wrap(error inner, std::string_view context) {
  inner.message.insert(0, ": ").insert(0, context);
  return inner;
}

namespace {

error_code code_of_errno(int errno_value) noexcept {
  switch (errno_value) {
    case ENOENT:
    case ENODEV:
    case ENXIO: return error_code::not_found;
    case EACCES:
    case EPERM:
    case EROFS: return error_code::permission_denied;
    case EEXIST:
    case EADDRINUSE: return error_code::already_exists;
    case ETIMEDOUT: return error_code::timed_out;
    case ECANCELED: return error_code::cancelled;
    case ECONNREFUSED: return error_code::connection_refused;
    case EHOSTUNREACH:
    case ENETUNREACH:
    case ENETDOWN:
    case EADDRNOTAVAIL: return error_code::unreachable;
    case ECONNRESET:
    case EPIPE:
    case ECONNABORTED: return error_code::connection_reset;
    case EBUSY: return error_code::busy;
    case EINVAL: return error_code::invalid_argument;
    default: return error_code::io_failed;
  }
}

}  // namespace

error error_from_errno(int errno_value, std::string_view context) {
  return wrap({code_of_errno(errno_value), std::system_category().message(errno_value)}, context);
}

}  // namespace campush

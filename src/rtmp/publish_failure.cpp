#include "rtmp/publish_failure.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

namespace campush {

namespace {

struct reason_of_code {
  error_code code;
  disconnect_reason while_connecting;
  disconnect_reason while_connected;
};
// TCP_USER_TIMEOUT ends a connection with timed_out: nothing was acknowledged for so long.
constexpr reason_of_code transport_reasons[] = {
    {error_code::connection_refused, disconnect_reason::connect_refused, disconnect_reason::connection_reset},
    {error_code::connection_reset, disconnect_reason::connect_refused, disconnect_reason::connection_reset},
    {error_code::closed_by_peer, disconnect_reason::connect_refused, disconnect_reason::closed_by_server},
    {error_code::timed_out, disconnect_reason::connect_timeout, disconnect_reason::ack_stall},
    {error_code::unreachable, disconnect_reason::unreachable, disconnect_reason::unreachable},
    {error_code::tls_failed, disconnect_reason::tls_failed, disconnect_reason::tls_failed},
};

const reason_of_code* find_reason(error_code code) noexcept {
  const auto* found = std::find_if(std::begin(transport_reasons), std::end(transport_reasons),
                                   [code](const reason_of_code& row) { return row.code == code; });
  return found == std::end(transport_reasons) ? nullptr : found;
}

disconnect_reason reason_of(const connect_failure& failure) noexcept {
  const error_code code = failure.cause.code;
  if (code == error_code::clock_wrong) return disconnect_reason::clock_wrong;
  switch (failure.stage) {
    case connect_stage::resolve: return disconnect_reason::dns_failed;
    case connect_stage::tls:
      return code == error_code::timed_out ? disconnect_reason::handshake_timeout : disconnect_reason::tls_failed;
    case connect_stage::tcp: break;
  }
  const reason_of_code* row = find_reason(code);
  return row != nullptr ? row->while_connecting : disconnect_reason::unreachable;
}

struct reason_of_answer {
  dialogue_failure failure;
  disconnect_reason reason;
};
constexpr reason_of_answer answer_reasons[] = {
    {dialogue_failure::closed_by_server, disconnect_reason::closed_by_server},
    {dialogue_failure::name_in_use, disconnect_reason::name_in_use},
    {dialogue_failure::denied, disconnect_reason::denied},
    {dialogue_failure::server_error, disconnect_reason::server_error},
    {dialogue_failure::protocol_violation, disconnect_reason::protocol_violation},
    {dialogue_failure::auth_needed, disconnect_reason::denied},
    {dialogue_failure::redirected, disconnect_reason::redirected},
};

}  // namespace

publish_failure failure_of(const connect_failure& failure, const stream_url& url) {
  std::string words = failure.cause.message;
  if (url.is_host_secret()) words = fmt::format("***: {}", error_name(failure.cause.code));
  const bool is_name = failure.stage == connect_stage::resolve;
  return {reason_of(failure), (is_name ? "cannot resolve " : "") + words};
}

publish_failure failure_of(const client_dialogue& dialogue) {
  const auto* found = std::find_if(std::begin(answer_reasons), std::end(answer_reasons),
                                   [&](const reason_of_answer& row) { return row.failure == dialogue.failure(); });
  const bool is_listed = found != std::end(answer_reasons);
  return {is_listed ? found->reason : disconnect_reason::internal_error, dialogue.description()};
}

publish_failure failure_of(const io_outcome& end, const byte_stream& transport) {
  if (end.status == io_status::closed) {
    return {disconnect_reason::closed_by_server, "the server closed the connection"};
  }
  const reason_of_code* row = find_reason(end.failure);
  const std::string known = transport.explanation();
  return {row != nullptr ? row->while_connected : disconnect_reason::connection_reset,
          fmt::format("connection lost: {}", known.empty() ? error_name(end.failure) : known.c_str())};
}

}  // namespace campush

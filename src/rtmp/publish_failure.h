#pragma once

#include <string>

#include "net/connector.h"
#include "rtmp/connection_manager.h"
#include "rtmp/protocol/client_dialogue.h"
#include "rtmp/stream_url.h"

namespace campush {

/// How a connection ended: what on_failed() reports. `text` is for people and holds no secret.
struct publish_failure {
  disconnect_reason reason = disconnect_reason::none;
  std::string text;
};

/// Resolve, TCP, TLS. Host and address of a server whose name a secret made are not named.
publish_failure failure_of(const connect_failure& failure, const stream_url& url);
/// A dialogue that has failed, in the server's words.
publish_failure failure_of(const client_dialogue& dialogue);
/// A transport that ended under a connection that stood: io_status closed or failed. It says why, where it knows more than the code.
publish_failure failure_of(const io_outcome& end, const byte_stream& transport);

}  // namespace campush

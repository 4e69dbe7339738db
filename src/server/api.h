#pragma once

#include <string>
#include <string_view>

#include "server/agent_control.h"
#include "util/secret_text.h"

namespace campush {

/// One HTTP request, as far as it matters here. Borrowed for the call. `target` is the path with its query.
struct api_request {
  std::string_view method;
  std::string_view target;
  std::string_view authorization;
  std::string_view origin;  ///< set by browsers for what a page sends
};

struct api_reply {
  unsigned status = 200;
  std::string content_type = "application/json";
  std::string body;
  std::string allow;  ///< set with 405
};

/// The HTTP surface without HTTP: routes, access and bodies (DESIGN 8, docs/http_api.md).
/// Shape: GET /health /ready /metrics /api/v1/sessions /api/v1/sessions/{camera}/{stream}/{destination} /api/v1/cameras, POST
///   …/{destination}/retry; {stream} is the number or the name. HEAD is answered as GET by the server.
/// Errors: 403 for a POST that a web page sends (any page in a browser on the device's network could else retry sessions), 401 when a token is set and the request has another or none (not for /health), 404, 405 with Allow; the body says
///   what is allowed. Bodies never hold a secret: URLs come masked out of the snapshots.
/// Thread: control-thread.
class api {
 public:
  api(agent_control& agent, secret_text token);
  api_reply handle(const api_request& request);

 private:
  agent_control& m_agent;
  secret_text m_token;
};

/// The JSON of one session, as the API shows it; `campush status` prints from the same.
std::string session_json(const session_status& status, time_point now);

}  // namespace campush

#pragma once

#include "app/commands/commands.h"
#include "net/endpoint.h"
#include "util/result.h"
#include "util/secret_text.h"

namespace campush {

/// Where a running agent is asked, and with what.
struct agent_address {
  endpoint server;
  secret_text token;
};

/// From what the user gave, else from http of the configuration. Errors: those of the loader, unsupported (http.listen is empty),
/// what is wrong with the address or the token's file.
[[nodiscard]] result<agent_address> find_agent(const config_choice& config, const std::string& address,
                                               const std::string& token_file);

/// One session as `campush retry` finds it: the parts of /api/v1/sessions that name it.
struct session_name {
  uint32_t camera_id = 0, stream_id = 0;
  std::string camera_name, stream, destination;
  bool is_connected = false;

  std::string path() const;  ///< "0/main/default"
};

/// The sessions in an answer of /api/v1/sessions. Errors: malformed.
[[nodiscard]] result<std::vector<session_name>> read_session_names(const std::string& body);

/// Whether "CAMERA[/STREAM[/DESTINATION]]" means this session; camera and stream by number or name.
bool is_named(const session_name& session, std::string_view wanted);

}  // namespace campush

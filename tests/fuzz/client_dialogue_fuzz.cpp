#include <algorithm>
#include <cstdlib>

#include "rtmp/protocol/client_dialogue.h"
#include "rtmp/protocol/handshake.h"
#include "rtmp/protocol/publisher_auth.h"

namespace {

/// What a session does with the server's words.
void use_answers(campush::client_dialogue& client) {
  using namespace campush;
  if (const auto tc_url = client.take_reconnect_request()) {
    if (!is_plain_address(*tc_url) || !client.is_connected()) std::abort();
  }
  if ((client.failure() == dialogue_failure::redirected) == client.redirect_target().empty()) std::abort();
  if (!is_plain_address(client.redirect_target())) std::abort();
  if (client.failure() != dialogue_failure::auth_needed) return;
  const auth_credentials account{"camera", secret_text("password")};
  client_auth auth(account, "live");
  int connections = 1;
  while (auth.on_refused(client.auth_challenge_text())) ++connections;
  if (connections > 3 || auth.query().reveal().find_first_of(" \r\n") != std::string::npos) std::abort();
}

}  // namespace

/// The input is what a server sends behind its handshake; its first byte chooses the cut and whether publish is held.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace campush;
  if (size == 0) return 0;
  client_dialogue_options options;
  options.app = "live?auth=abc";
  options.tc_url = "rtmp://server/live";
  options.stream_key = secret_text("gate?token=secret");
  options.enhanced = {{"hvc1"}, {"Opus"}, true};
  options.auth_query = secret_text("authmod=adobe&user=secretive");
  client_dialogue client(options);
  if ((data[0] & 0x80) != 0) client.hold_publish();
  client.start();
  const std::vector<uint8_t> hello(1 + 2 * handshake::part_bytes, handshake::version);
  if (!client.receive(hello)) std::abort();
  const size_t piece = 1 + (data[0] & 0x7f);
  const byte_view bytes(data + 1, size - 1);
  for (size_t at = 0; at < bytes.size(); at += piece) {
    const result<void> outcome = client.receive(bytes.subview(at, piece).to_vector());
    if (!outcome && client.phase() != dialogue_phase::failed) std::abort();
    client.consume_output(client.pending_output().size());
    if (client.is_ready_to_publish()) client.publish();
    use_answers(client);
  }
  if ((client.phase() == dialogue_phase::failed) != (client.failure() != dialogue_failure::none)) std::abort();
  if (client.description().size() > 200 || client.description().find("secret") != std::string::npos) std::abort();
  client.unpublish();
  return 0;
}

#include <algorithm>
#include <cstdlib>

#include "rtmp/protocol/client_dialogue.h"
#include "rtmp/protocol/handshake.h"

/// The input is what a server sends behind its handshake; its first byte chooses the cut and whether publish is held.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace campush;
  if (size == 0) return 0;
  client_dialogue_options options;
  options.app = "live?auth=abc";
  options.tc_url = "rtmp://server/live";
  options.stream_key = secret_text("gate?token=secret");
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
  }
  if ((client.phase() == dialogue_phase::failed) != (client.failure() != dialogue_failure::none)) std::abort();
  if (client.description().size() > 200 || client.description().find("secret") != std::string::npos) std::abort();
  client.unpublish();
  return 0;
}

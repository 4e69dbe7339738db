#include <cstdlib>

#include "rtmp/protocol/http_tunnel.h"

/// The input is what a web server answers; its first byte chooses the cut and whether something waits to be sent.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace campush;
  if (size == 0) return 0;
  http_tunnel tunnel("server:80");
  tunnel.start();
  const size_t piece = 1 + (data[0] & 0x7f);
  const bool sends = (data[0] & 0x80) != 0;
  const byte_view bytes(data + 1, size - 1);
  std::vector<uint8_t> payload;
  for (size_t at = 0; at < bytes.size(); at += piece) {
    tunnel.consume_output(tunnel.pending_output().size());
    if (sends) tunnel.send(bytes.subview(0, 20));
    tunnel.poll();
    tunnel.consume_output(tunnel.pending_output().size());
    if (!tunnel.receive(bytes.subview(at, piece).to_vector(), payload)) return 0;
    if (payload.size() > size || (tunnel.is_idle() && !tunnel.is_open())) std::abort();
    if (tunnel.pending_output().as_text().find("POST /") != 0 && !tunnel.pending_output().empty()) std::abort();
  }
  tunnel.close();
  return 0;
}

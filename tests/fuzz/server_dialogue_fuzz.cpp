#include <cstdlib>

#include "rtmp/protocol/handshake.h"
#include "rtmp/protocol/server_dialogue.h"

namespace {

/// Takes every answer from the input and checks that the calls come in an order that makes sense.
class checking_handler final : public campush::server_dialogue_handler {
 public:
  explicit checking_handler(bool accepts) : m_accepts(accepts) {}
  campush::dialogue_verdict on_connect(std::string_view, std::string_view) override { return {}; }
  campush::dialogue_verdict on_publish(std::string_view, std::string_view) override {
    if (m_is_publishing) std::abort();
    m_is_publishing = m_accepts;
    return {m_accepts, "", "", !m_accepts};
  }
  void on_media(const campush::rtmp_message&) override {
    if (!m_is_publishing) std::abort();
  }
  void on_unpublish() override {
    if (!m_is_publishing) std::abort();
    m_is_publishing = false;
  }

 private:
  bool m_accepts;
  bool m_is_publishing = false;
};

}  // namespace

/// The input is what a client sends behind its handshake; its first byte chooses the cut and the verdict.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace campush;
  if (size == 0) return 0;
  checking_handler handler((data[0] & 0x80) == 0);
  server_dialogue server({}, handler);
  const std::vector<uint8_t> hello(1 + 2 * handshake::part_bytes, handshake::version);
  if (!server.receive(hello)) std::abort();
  const size_t piece = 1 + (data[0] & 0x7f);
  const byte_view bytes(data + 1, size - 1);
  for (size_t at = 0; at < bytes.size(); at += piece) {
    const result<void> outcome = server.receive(bytes.subview(at, piece).to_vector());
    server.consume_output(server.pending_output().size());
    if (!outcome) break;
  }
  return 0;
}

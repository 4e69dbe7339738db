#include <cstdlib>

#include "rtmp/protocol/handshake.h"
#include "rtmp/protocol/publisher_auth.h"
#include "rtmp/protocol/server_dialogue.h"

namespace {

/// Takes every answer from the input and checks that the calls come in an order that makes sense.
class checking_handler final : public campush::server_dialogue_handler {
 public:
  explicit checking_handler(bool accepts) : m_accepts(accepts) {}
  campush::dialogue_verdict on_connect(std::string_view app, std::string_view) override {
    for (campush::server_auth* each : {&m_adobe, &m_limelight}) {
      // Nobody guesses the password.
      if (each->check(app).is_accepted) std::abort();
    }
    if (campush::without_auth_query(app).size() > app.size()) std::abort();
    return {};
  }
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
  campush::server_auth m_adobe{campush::auth_method::adobe, {"camera", campush::secret_text("password")}};
  campush::server_auth m_limelight{campush::auth_method::limelight, {"camera", campush::secret_text("password")}};
  bool m_accepts;
  bool m_is_publishing = false;
};

}  // namespace

/// The input is what a client sends behind its handshake; its first byte chooses the cut and the verdict.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace campush;
  if (size == 0) return 0;
  checking_handler handler((data[0] & 0x80) == 0);
  server_dialogue_options options;
  options.claims = {true, true, true, (data[0] & 0x40) != 0};
  options.claims_in_properties = (data[0] & 0x20) != 0;
  server_dialogue server(options, handler);
  const std::vector<uint8_t> hello(1 + 2 * handshake::part_bytes, handshake::version);
  if (!server.receive(hello)) std::abort();
  const size_t piece = 1 + (data[0] & 0x7f);
  const byte_view bytes(data + 1, size - 1);
  for (size_t at = 0; at < bytes.size(); at += piece) {
    const result<void> outcome = server.receive(bytes.subview(at, piece).to_vector());
    server.consume_output(server.pending_output().size());
    if (!outcome) break;
    if (server.offer().video.size() > 128 || server.offer().audio.size() > 64) std::abort();
  }
  return 0;
}

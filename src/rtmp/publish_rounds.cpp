#include "rtmp/publish_rounds.h"

namespace campush {

namespace {

std::string app_name(const stream_url& url) {
  return url.app().substr(0, url.app().find('?'));
}

enhanced_offer offer_of(const enhanced_request& request) {
  enhanced_offer offer;
  if (request.hevc) offer.video.emplace_back("hvc1");
  if (request.opus) offer.audio.emplace_back("Opus");
  offer.reconnect = request.reconnect;
  return offer;
}

}  // namespace

publish_rounds::publish_rounds(const publish_target& target)
    : m_target(target),
      m_auth({target.url.user(), target.url.password()}, app_name(target.url)),
      m_offer(offer_of(target.enhanced)) {}

client_dialogue_options publish_rounds::introduction() {
  client_dialogue_options options;
  options.app = m_target.url.app();
  options.tc_url = m_target.url.tc_url();
  options.stream_key = m_target.url.key();
  options.is_app_secret = m_target.url.is_app_secret();
  options.chunk_size = m_target.chunk_size;
  options.handshake_seed = m_target.handshake_seed + m_connections++;
  options.enhanced = m_offer;
  options.auth_query = m_auth.query();
  return options;
}

std::optional<publish_failure> publish_rounds::judge(const client_dialogue& dialogue, publish_failure end) {
  if (dialogue.is_connected()) return end;
  if (dialogue.failure() == dialogue_failure::auth_needed) {
    const result<void> goes_on = m_auth.on_refused(dialogue.auth_challenge_text());
    if (!goes_on) return publish_failure{disconnect_reason::denied, goes_on.error().message};
  } else if (may_dislike_properties(dialogue, end.reason)) {
    m_offer = {};
    m_gave_up_properties = true;
  } else {
    return end;
  }
  if (m_connections >= max_connections) return end;
  return std::nullopt;
}

/// The server heard connect and refused it or went away without a word.
bool publish_rounds::may_dislike_properties(const client_dialogue& dialogue, disconnect_reason reason) const noexcept {
  // A server that asked who publishes has taken the properties; and a proof is good for one connection.
  if (!m_offer.any() || !m_auth.query().empty()) return false;
  const dialogue_failure said = dialogue.failure();
  const bool is_refused = said == dialogue_failure::denied || said == dialogue_failure::server_error ||
                          said == dialogue_failure::closed_by_server;
  const bool is_gone = dialogue.phase() == dialogue_phase::connect &&
                       (reason == disconnect_reason::closed_by_server || reason == disconnect_reason::connection_reset);
  return is_refused || is_gone;
}

server_capabilities publish_rounds::answer_of(const client_dialogue& dialogue) const {
  server_capabilities answer = dialogue.capabilities();
  answer.refuses_properties = m_gave_up_properties;
  return answer;
}

}  // namespace campush

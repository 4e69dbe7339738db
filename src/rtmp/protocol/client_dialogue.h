#pragma once

#include <memory>
#include <optional>
#include <string>

#include "rtmp/protocol/chunk_reader.h"
#include "rtmp/protocol/enhanced_connect.h"
#include "util/secret_text.h"

namespace campush {

/// Where a server's answer leaves a publisher. Names are the session's reason codes.
enum class dialogue_failure : uint8_t {
  none,
  closed_by_server,    ///< `close`, NetConnection.Connect.Closed, NetStream.Unpublish.Success, onFCUnpublish
  name_in_use,         ///< NetStream.Publish.BadName, or FCPublish saying so
  denied,              ///< an explicit refusal: Connect.Rejected, InvalidApp, Publish.Denied, BadAuth, Unauthorized …
  server_error,        ///< any other level "error"
  protocol_violation,  ///< bytes that are not RTMP, or over a limit
  auth_needed,         ///< connect was refused with a challenge (Adobe, Limelight): auth_challenge_text()
  redirected,          ///< refused, with another address (SRS's 302): redirect_target()
};
const char* dialogue_failure_name(dialogue_failure failure) noexcept;

/// Inputs of one publishing connection. app, tc_url and stream_key are sent byte for byte (facts/rtmp 8.1).
struct client_dialogue_options {
  std::string app;
  std::string tc_url;
  secret_text stream_key;
  std::string flash_ver = "FMLE/3.0 (compatible; campush)";
  uint32_t chunk_size = 60000;
  chunk_limits limits;
  /// Seeds the 1528 bytes of C1; need not be secret.
  uint64_t handshake_seed = 0;
  /// A secret made the app: a server that repeats it is not quoted either.
  bool is_app_secret = false;
  enhanced_offer enhanced;
  /// Goes behind app and tcUrl as their query (publisher_auth.h); a server that did not ask is told nothing.
  secret_text auth_query;
};

enum class dialogue_phase : uint8_t { idle, handshake, connect, publish, publishing, unpublishing, failed };

/// A publisher's side of the conversation: handshake, connect, releaseStream, FCPublish, createStream, publish, then
/// acknowledgements, pings and whatever the server says while media flows. Bytes in, bytes and events out; it never
/// sees a socket or a clock (deadlines belong to the caller).
/// Shape: start(); feed what arrives to receive(); send pending_output() between media messages, consume_output() what was
///   taken. phase() moves idle → handshake → connect → publish → publishing; failed is final and failure(), description() say
///   why. description() is the server's own text, made printable, at most 200 bytes; the text of a challenge stands in
///   auth_challenge_text() alone, for it names the user.
/// Errors: receive() returns protocol_violation or too_big for bytes no server may send, and phase() is failed; an orderly
///   refusal is not an error of receive(): phase() says failed.
/// Thread: loop-thread.
/// Source: facts/rtmp 4 and 5.1 to 5.6.
class client_dialogue {
 public:
  explicit client_dialogue(client_dialogue_options options);
  ~client_dialogue();
  client_dialogue(const client_dialogue&) = delete;
  client_dialogue& operator=(const client_dialogue&) = delete;

  void start();
  [[nodiscard]] result<void> receive(byte_view bytes);
  byte_view pending_output() const noexcept;
  void consume_output(size_t bytes) noexcept;

  dialogue_phase phase() const noexcept;
  dialogue_failure failure() const noexcept;
  const std::string& description() const noexcept;

  /// connect was answered with a yes, and capabilities() is what the answer said.
  bool is_connected() const noexcept;
  const server_capabilities& capabilities() const noexcept;
  /// After auth_needed: the server's words for parse_auth_challenge(), at most 1 KiB. Not for people.
  const std::string& auth_challenge_text() const noexcept;
  /// After redirected: a tcUrl, absolute or relative, never empty.
  const std::string& redirect_target() const noexcept;
  /// The latest ReconnectRequest since the last call: its tcUrl (absolute, relative, or empty for the same again). One whose tcUrl
  /// cannot be an address is ignored.
  std::optional<std::string> take_reconnect_request();

  /// Valid from publishing on: what media messages carry.
  uint32_t message_stream_id() const noexcept;
  /// Chunk size that media may use; the message announcing it went out before connect's answer.
  uint32_t chunk_size() const noexcept;

  /// The connect dialogue may be held between createStream and publish: with hold_publish() set before, phase() stays
  /// publish and is_ready_to_publish() turns true; publish() goes on. A session waits there for its first keyframe.
  void hold_publish() noexcept;
  bool is_ready_to_publish() const noexcept;
  void publish();

  /// Queues FCUnpublish and deleteStream; phase() becomes unpublishing. Allowed once createStream was answered.
  void unpublish();
  /// After unpublish(): the server confirmed (Unpublish.Success).
  bool is_unpublished() const noexcept;
  /// Last acknowledged byte count the server reported by message type 3, 0 if none (many servers never send one).
  uint64_t acknowledged_bytes() const noexcept;

 private:
  struct state;
  std::unique_ptr<state> m_state;
};

}  // namespace campush

#pragma once

#include <memory>
#include <string>

#include "rtmp/protocol/chunk_reader.h"
#include "rtmp/protocol/enhanced_connect.h"

namespace campush {

struct server_dialogue_options {
  chunk_limits limits{16 * 1024 * 1024, 16 * 1024 * 1024, 64, 32 * 1024 * 1024};
  uint32_t chunk_size = 4096;  ///< announced to the client
  uint32_t window_ack_bytes = 2500000;
  uint64_t handshake_seed = 0;
  /// Acknowledges each half window of the client's. Off for tests of clients that wait: send_acknowledgement() then.
  bool acknowledges = true;
  /// What the answer to connect says of Enhanced RTMP; with refuses_properties a connect that carries any of it fails.
  server_capabilities claims;
  /// The claims stand in the first object of `_result` (properties) instead of the second (information).
  bool claims_in_properties = false;
};

/// Answer to a connect or publish request. A refused request carries the code and text of the onStatus or _error.
struct dialogue_verdict {
  bool is_accepted = true;
  std::string code;  ///< e.g. NetStream.Publish.BadName; empty: the usual one
  std::string description;
  bool closes = false;  ///< the caller should close once pending output is sent
  /// Of a refused connect or publish: the tcUrl where the client should go instead (SRS's 302).
  std::string redirect = {};
};

/// What a publishing client asks for. All views are borrowed for the call.
class server_dialogue_handler {
 public:
  virtual ~server_dialogue_handler() = default;
  virtual dialogue_verdict on_connect(std::string_view app, std::string_view tc_url) = 0;
  /// In place of on_connect(): the dialogue itself refuses this connect for its Enhanced properties.
  virtual void on_properties_refused() {}
  virtual dialogue_verdict on_publish(std::string_view app, std::string_view stream_key) = 0;
  /// Audio, video and data messages of the published stream, in wire order.
  virtual void on_media(const rtmp_message& message) = 0;
  virtual void on_unpublish() = 0;
};

/// A server's side of the conversation with one publishing client; the mirror of client_dialogue, and like it without
/// socket and clock. Players are refused with NetStream.Play.Failed.
/// Errors: receive(): protocol_violation, too_big; the connection should be closed then.
/// Thread: loop-thread.
class server_dialogue {
 public:
  server_dialogue(const server_dialogue_options& options, server_dialogue_handler& handler);
  ~server_dialogue();
  server_dialogue(const server_dialogue&) = delete;
  server_dialogue& operator=(const server_dialogue&) = delete;

  [[nodiscard]] result<void> receive(byte_view bytes);
  byte_view pending_output() const noexcept;
  void consume_output(size_t bytes) noexcept;

  bool is_publishing() const noexcept;
  /// What the client's connect said of Enhanced RTMP.
  const enhanced_offer& offer() const noexcept;
  /// The verdict asked to close after the output is out.
  bool should_close() const noexcept;
  /// Queues an onStatus on the stream (kick, reconnect tests): level, code, description.
  void send_status(std::string_view level, std::string_view code, std::string_view description);
  /// Queues NetConnection.Connect.ReconnectRequest; an empty tc_url is left out (the same address again).
  void send_reconnect_request(std::string_view tc_url);
  /// Queues a user control ping request (facts/rtmp 5.6).
  void send_ping(uint32_t time_ms);
  /// Queues an acknowledgement of everything received, whether due or not.
  void send_acknowledgement();

 private:
  struct state;
  std::unique_ptr<state> m_state;
};

}  // namespace campush

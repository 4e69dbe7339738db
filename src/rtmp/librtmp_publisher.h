#pragma once

#include <memory>
#include <string>

#include "net/connector.h"
#include "rtmp/librtmp_pipe.h"
#include "rtmp/protocol/client_dialogue.h"
#include "rtmp/publish_rounds.h"
#include "rtmp/publisher.h"

namespace campush {

/// Makes publishers that speak through librtmp. One per loop; it outlives what it makes.
/// Thread: loop-thread.
class librtmp_publisher_factory final : public publisher_factory {
 public:
  librtmp_publisher_factory(asio_event_loop& loop, connector& ways);
  ~librtmp_publisher_factory() override;

  std::unique_ptr<publisher> make(const publish_target& target, publisher_events& events) override;
  const librtmp_crew& crew() const noexcept { return m_crew; }

 private:
  friend class librtmp_publisher;

  asio_event_loop& m_loop;
  connector& m_connector;
  librtmp_crew m_crew;
};

/// One attempt by librtmp, of one or, where a server asks for a password, several connections (publish_rounds). The handshake,
/// RTMPE's cipher, chunk headers and sending are the library's; the transport (names, TCP, TLS), deadlines, and all that is said and
/// heard are ours.
/// Shape: as publisher says. client_dialogue decides what is said; its chunks are taken apart to messages, which librtmp sends. What the
///   server says goes to the dialogue's own chunk reader: none of it reaches the library's. write() copies what it takes.
/// Errors: as native_publisher. A library that gives up is a protocol_violation during the handshake, else connection_reset.
/// Thread: loop-thread. Destroy it outside its own events.
/// Source: DESIGN 2; facts/rtmp 7; docs/decisions on the second backend.
class librtmp_publisher final : public publisher, private librtmp_pipe_events, private chunk_reader::handler {
 public:
  librtmp_publisher(librtmp_publisher_factory& shared, const publish_target& target, publisher_events& events);
  ~librtmp_publisher() override;

  void start() override;
  void publish() override;
  size_t write(const outgoing_tag* tags, size_t count, video_dialect dialect) override;
  bool is_drained() const noexcept override;
  void stop(duration deadline) override;
  stream_counters sample() const override;
  size_t pending_bytes() const noexcept override;
  endpoint local() const override;
  endpoint remote() const override;
  std::string security() const override;

 private:
  enum class stage : uint8_t { idle, connecting, talking, ready, publishing, stopping, finished };

  void on_pipe_open() override;
  void on_pipe_received(byte_view bytes) override;
  void on_pipe_space() override;
  void on_pipe_ended(const librtmp_pipe_end& end) override;
  /// Of our own dialogue.
  result<void> on_message(const rtmp_message& message) override;

  void open_connection();
  void on_connected(connector::connect_result answer);
  void begin_dialogue();
  void end_connection(publish_failure end);
  publish_failure failure_of_pipe(const librtmp_pipe_end& end) const;
  void skip_handshake();
  void flush_dialogue();
  void follow_dialogue();
  void follow_setup(dialogue_phase phase);
  void report_phase(connect_phase phase);
  void on_deadline();
  void fail(disconnect_reason reason, std::string text);

  librtmp_publisher_factory& m_shared;
  const publish_target m_target;
  publisher_events& m_events;
  stage m_stage = stage::idle;
  connect_phase m_phase = connect_phase::none;

  publish_rounds m_rounds;
  std::unique_ptr<loop_timer> m_deadline, m_report;
  std::unique_ptr<pending_operation> m_operation;
  std::unique_ptr<librtmp_pipe> m_pipe;
  std::unique_ptr<librtmp_pipe> m_last_pipe;  ///< closed within one of its own events
  std::unique_ptr<client_dialogue> m_dialogue;
  chunk_reader m_own_words;
  bool m_has_told_answer = false;

  disconnect_reason m_reason = disconnect_reason::none;
  std::string m_text;
};

}  // namespace campush

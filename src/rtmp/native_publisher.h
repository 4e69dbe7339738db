#pragma once

#include <array>
#include <string>
#include <vector>

#include "rtmp/protocol/chunk_writer.h"
#include "rtmp/protocol/client_dialogue.h"
#include "rtmp/publish_rounds.h"
#include "rtmp/publisher.h"
#include "rtmp/read_allowance.h"

namespace campush {

/// Makes native publishers: our own RTMP engine over a byte_stream. One per loop; it outlives what it makes.
/// Shape: keeps what the publishers of a loop share: the room in which one write is put together or one read arrives, so that a
///   connection itself stays small. The way to servers is the connector's.
/// Errors: rtmp and rtmps are spoken here; for the encrypted and tunnelled schemes the publisher reports bad_url.
/// Thread: loop-thread.
class native_publisher_factory final : public publisher_factory {
 public:
  native_publisher_factory(event_loop& loop, connector& ways);
  ~native_publisher_factory() override;

  std::unique_ptr<publisher> make(const publish_target& target, publisher_events& events) override;

 private:
  friend class native_publisher;

  /// Tags begun in one write, and views handed to one write_some().
  static constexpr size_t max_batch = 32, max_views = 192, read_bytes = 16 * 1024;

  event_loop& m_loop;
  connector& m_connector;
  std::array<chunked_message, max_batch> m_messages;
  std::array<byte_view, max_views> m_views;
  std::array<uint8_t, read_bytes> m_received;
};

/// One attempt by our own engine: resolve, TCP, TLS, handshake, connect, publish, media, unpublish. A server that asks for a password or
/// does not like Enhanced properties gets further connections within the same attempt (publish_rounds).
/// Shape: as publisher says. A write gathers the rest of the tag begun before, then what the dialogue has to say, then new
///   tags, into one write_some(); a tag of which the transport took no byte is not taken. Each phase of each connection has its own
///   deadline; those of resolve, TCP and TLS are the connector's.
/// Errors: on_failed() comes from a timer, never from inside a call, and is the last event. More than the read allowance (1 MiB, and
///   64 KiB/s) from a server is a protocol_violation.
/// Thread: loop-thread. Destroy it outside its own events.
/// Source: DESIGN 5 Liveness; facts/rtmp 4 and 5.2 to 5.5.
class native_publisher final : public publisher, private byte_stream_events {
 public:
  native_publisher(native_publisher_factory& shared, const publish_target& target, publisher_events& events);
  ~native_publisher() override;

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

  void on_readable() override;
  void on_writable() override;

  void open_connection();
  void on_stage(connect_stage next);
  void on_connected(connector::connect_result answer);
  void begin_dialogue();
  void end_connection(publish_failure end);
  bool is_read_allowed(size_t bytes) noexcept;
  void on_bytes(byte_view bytes);
  void follow_dialogue();
  void follow_setup(dialogue_phase phase);
  void report_phase(connect_phase phase);
  void on_end_of_stream(const io_outcome& outcome);
  void on_write_failed(const io_outcome& outcome);
  void on_deadline();

  size_t pump(const outgoing_tag* tags, size_t count, video_dialect dialect);
  size_t prepare(const outgoing_tag* tags, size_t count, video_dialect dialect) noexcept;
  size_t gather(size_t fresh) noexcept;
  size_t settle(const outgoing_tag* tags, size_t fresh, size_t moved) noexcept;

  void fail(disconnect_reason reason, std::string text);

  native_publisher_factory& m_shared;
  const publish_target m_target;
  publisher_events& m_events;
  stage m_stage = stage::idle;
  connect_phase m_phase = connect_phase::none;

  publish_rounds m_rounds;
  std::unique_ptr<loop_timer> m_deadline, m_report;
  std::unique_ptr<pending_operation> m_operation;

  std::unique_ptr<byte_stream> m_stream;
  std::unique_ptr<byte_stream> m_last_stream;  ///< closed within one of its own calls
  std::unique_ptr<client_dialogue> m_dialogue;
  tag_ptr m_partial_tag;
  chunked_message m_partial;
  bool m_is_blocked = false;
  bool m_has_told_answer = false;
  read_allowance m_allowance;

  disconnect_reason m_reason = disconnect_reason::none;
  std::string m_text;
};

}  // namespace campush

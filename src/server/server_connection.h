#pragma once

#include "rtmp/protocol/server_dialogue.h"
#include "server/flv_recorder.h"
#include "server/rtmp_server.h"

namespace campush {

/// One client of an rtmp_server: moves bytes between its stream and its dialogue, counts, records, and acts out the faults.
/// Shape: ends by itself (finish()) and is then destroyed by the server's reaper, never from inside one of its own calls.
/// Thread: loop-thread.
class server_connection final : public byte_stream_events, public server_dialogue_handler {
 public:
  server_connection(rtmp_server& owner, std::unique_ptr<byte_stream> stream);
  ~server_connection() override;

  void start();
  /// Closes at once; `why` goes to the stream's stats.
  void finish(std::string_view why);
  /// Tells the client that it is unpublished, then closes.
  void kick(std::string_view why);
  /// The client may move when it likes; the connection stays.
  void ask_to_reconnect(std::string_view tc_url);
  bool is_finished() const noexcept { return m_stream == nullptr; }
  /// Counts of the stream being published; null if none is.
  const rtmp_stream_stats* published() const noexcept { return m_stats.is_live ? &m_stats : nullptr; }
  const rtmp_stream_stats& stats() const noexcept { return m_stats; }

  void on_readable() override;
  void on_writable() override;
  dialogue_verdict on_connect(std::string_view app, std::string_view tc_url) override;
  void on_properties_refused() override;
  dialogue_verdict on_publish(std::string_view app, std::string_view stream_key) override;
  void on_media(const rtmp_message& message) override;
  void on_unpublish() override;

 private:
  void read_all();
  size_t read_allowance() const noexcept;
  void take(byte_view bytes);
  void flush();
  void close_politely(std::string_view why);
  void end_stream(std::string_view why);
  void on_pace();
  void watch_idleness();
  void on_deadline();
  void on_acknowledge();
  void count(const received_tag& tag);
  void open_recording();
  void send_garbage();
  dialogue_verdict answer_connect(std::string_view app);

  rtmp_server& m_owner;
  const rtmp_server_faults m_faults;  ///< as they were at accept
  std::unique_ptr<byte_stream> m_stream;
  server_dialogue m_dialogue;
  rtmp_stream_stats m_stats;
  std::string m_path;  ///< app/name, the key among the live streams
  std::unique_ptr<flv_recorder> m_recorder;
  uint64_t m_received = 0;
  uint64_t m_pace_budget = 0;
  bool m_is_mute = false;     ///< nothing is answered any more
  bool m_is_closing = false;  ///< reads until the peer closes, then ends
  bool m_has_started = false;
  bool m_has_stalled = false;
  std::string m_close_reason;
  std::vector<uint8_t> m_garbage;
  std::unique_ptr<loop_timer> m_deadline, m_pace, m_acknowledge, m_kick, m_reconnect;
};

}  // namespace campush

#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "net/byte_stream.h"
#include "net/event_loop.h"
#include "rtmp/protocol/enhanced_connect.h"
#include "rtmp/protocol/publisher_auth.h"
#include "rtmp/protocol/server_capabilities.h"
#include "server/received_tag.h"

namespace campush {

/// How a server misbehaves, for tests and demonstrations. Every field is off by default; they combine.
/// Thread: any-thread (a value type).
struct rtmp_server_faults {
  bool refuse_connections = false;       ///< nobody listens: connection refused
  bool bad_name = false;                 ///< every publish: NetStream.Publish.BadName, the connection stays open
  bool deny_connect = false;             ///< every connect: NetConnection.Connect.Rejected, then closed
  bool deny_publish = false;             ///< every publish: NetStream.Publish.Denied, then closed
  bool silent_after_accept = false;      ///< not even a handshake
  bool silent_after_connect = false;     ///< the connect command gets no answer
  bool garbage_after_handshake = false;  ///< bytes that are not RTMP instead of an answer
  bool close_after_start = false;        ///< accepted, then closed, as some servers refuse
  uint64_t close_after_bytes = 0;        ///< of a connection, received; 0: never
  uint64_t stop_reading_after_bytes = 0;
  uint64_t read_bytes_per_s = 0;  ///< slow reader; 0: as fast as bytes come
  duration acknowledge_every{};   ///< late acknowledgements: one in so long, whatever the window; 0: as due
  duration unpublish_after{};     ///< kicks the publisher after so long; 0: never
  /// Every connect is refused with SRS's 302 and this tcUrl; empty: no redirect.
  std::string redirect_to;
  duration reconnect_after{};  ///< asks each publisher to reconnect after so long; 0: never
  std::string reconnect_to;    ///< its tcUrl; empty: the same again
};

/// What a stream name that is already being published gets.
enum class duplicate_policy : uint8_t {
  refuse,   ///< BadName, the connection stays open (nginx-rtmp)
  replace,  ///< the old publisher is closed (MediaMTX)
  allow,
};

struct rtmp_server_options {
  endpoint listen;
  duplicate_policy duplicates = duplicate_policy::refuse;
  std::string record_dir;  ///< empty: nothing is written
  bool writes_wire_times = false;
  uint32_t chunk_size = 4096;
  uint32_t max_connections = 1024;
  uint32_t max_ended_streams = 1024;  ///< kept in streams()
  duration setup_timeout = std::chrono::seconds(15);
  duration idle_timeout = std::chrono::seconds(60);  ///< without a byte; 0: never
  uint32_t gap_ms = 1000;                            ///< a step of a track's time that counts as a gap
  /// What the answer to connect says of Enhanced RTMP, and where in it (server_dialogue_options).
  server_capabilities claims;
  bool claims_in_properties = false;
  /// Publishers must prove who they are.
  auth_method auth = auth_method::none;
  auth_credentials account;
};

/// Times of one track as the wire had them: raw 32 bits, steps modulo 2^32.
struct track_times {
  uint64_t count = 0;
  uint32_t first_ms = 0, last_ms = 0;
  uint64_t gaps = 0;            ///< steps of gap_ms or more
  uint64_t backward_steps = 0;  ///< or equal ones
  uint32_t largest_step_ms = 0;
  void add(uint32_t timestamp_ms, uint32_t gap_ms) noexcept;
};

/// Counts of one publish, from its acceptance to its end.
struct rtmp_stream_stats {
  uint64_t id = 0;   ///< 1, 2, 3 … in order of publishing
  std::string app;   ///< as shown_app_name() gives it
  std::string name;  ///< without the query; a stream key: people see shown_name
  std::string shown_name;
  endpoint remote;
  std::string recording;  ///< path, or empty
  bool is_live = false;
  std::string end_reason;
  time_point started_at{}, ended_at{};
  uint64_t wire_bytes = 0;  ///< received on the connection, all told
  uint64_t payload_bytes = 0;
  uint64_t metadata = 0, video_headers = 0, audio_headers = 0, keyframes = 0, other = 0;
  track_times video, audio;
  const char* video_codec = "";
  const char* audio_codec = "";
  enhanced_offer offer;  ///< what the publisher's connect said of Enhanced RTMP
  /// Marks of the test clips (server/picture_mark.h); 0 pictures if the stream has none.
  picture_checker pictures;
};

/// Sees everything on its way in. Never calls back into the server except set_faults(). Thread: called on the loop-thread.
class rtmp_server_listener {
 public:
  virtual ~rtmp_server_listener() = default;
  virtual void on_publish(const rtmp_stream_stats& stream) { static_cast<void>(stream); }
  virtual void on_tag(const rtmp_stream_stats& stream, const received_tag& tag) {
    static_cast<void>(stream);
    static_cast<void>(tag);
  }
  virtual void on_close(const rtmp_stream_stats& stream) { static_cast<void>(stream); }
};

struct rtmp_server_totals {
  uint64_t connections_accepted = 0, connections_open = 0;
  uint64_t publishes_accepted = 0, publishes_refused = 0;
  uint64_t protocol_errors = 0;
  uint64_t connects_refused = 0;  ///< for want of proof, redirected, denied, or because of Enhanced properties
};

class server_connection;

/// Takes RTMP publishers, counts and records what they send, and misbehaves on request. For tests, the demo and campush-sink;
/// it knows one account at most, and no players.
/// Shape: start(), then everything happens on the loop; stop() closes all, start() may follow (on the same port, if it is free).
/// Errors: start(): those of network::listen. A recording that fails is logged once and ends; the stream goes on.
/// Thread: loop-thread; on a simulated loop as on the real one. Recording blocks on the disk.
class rtmp_server {
 public:
  rtmp_server(event_loop& loop, network& transport, rtmp_server_options options,
              rtmp_server_listener* listener = nullptr);
  ~rtmp_server();
  rtmp_server(const rtmp_server&) = delete;
  rtmp_server& operator=(const rtmp_server&) = delete;

  /// Returns where it listens, with the port the system chose when 0 was asked for.
  [[nodiscard]] result<endpoint> start();
  /// Stops listening and closes every connection at once, as a killed process would.
  void stop();
  /// Asks the publishers of a stream (all if `name` is empty) to reconnect to `tc_url` (empty: the same again); returns how many.
  size_t ask_to_reconnect(std::string_view app, std::string_view name, std::string_view tc_url);
  /// Closes every connection at once and goes on listening.
  void kill_all_connections();
  /// Kicks the publishers of a stream (all if `name` is empty) with NetStream.Unpublish.Success; returns how many.
  size_t unpublish(std::string_view app, std::string_view name);

  /// New connections and publishes obey at once; refuse_connections opens and closes the listener.
  void set_faults(const rtmp_server_faults& faults);
  const rtmp_server_faults& faults() const noexcept { return m_faults; }

  bool is_listening() const noexcept { return m_acceptor != nullptr; }
  endpoint local() const noexcept { return m_local; }
  const rtmp_server_totals& totals() const noexcept { return m_totals; }
  /// Live streams first, then ended ones, oldest first.
  std::vector<rtmp_stream_stats> streams() const;
  size_t live_streams() const noexcept { return m_live.size(); }

 private:
  friend class server_connection;

  void on_accepted(std::unique_ptr<byte_stream> stream);
  result<void> open_listener();
  void forget(server_connection& connection);
  std::vector<server_connection*> publishers_of(std::string_view app, std::string_view name) const;
  void reap();
  std::string recording_path(const rtmp_stream_stats& stream) const;

  event_loop& m_loop;
  network& m_network;
  rtmp_server_options m_options;
  rtmp_server_listener* m_listener;
  rtmp_server_faults m_faults;
  server_auth m_auth;
  std::unique_ptr<stream_acceptor> m_acceptor;
  endpoint m_local;
  bool m_is_started = false;
  uint64_t m_next_stream_id = 1;
  rtmp_server_totals m_totals;
  std::vector<std::unique_ptr<server_connection>> m_connections;
  std::unique_ptr<loop_timer> m_reaper;
  std::multimap<std::string, server_connection*> m_live;  ///< by app/name
  std::vector<rtmp_stream_stats> m_ended;
  std::vector<uint8_t> m_read_buffer;
};

/// A stream name as people may see it (DESIGN 8): whole if it has at most 16 characters of [A-Za-z0-9_], else its first two and
/// "***".
std::string shown_stream_name(std::string_view name);
/// An app as people and terminals may see it: without its query, at most 64 characters, '?' for what is not printable ASCII.
std::string shown_app_name(std::string_view app);

}  // namespace campush

#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "net/byte_stream.h"
#include "net/openssl_handles.h"
#include "net/tls_room.h"
#include "net/tls_trust.h"

namespace campush {

/// One SSL on one transport: handshake, reading and writing, without events.
/// Shape: OpenSSL's BIO takes whatever it is given into the room; from there it leaves with one write of the transport for up to
///   records_per_write records, and what the transport does not take is held and goes before anything else. So bytes that OpenSSL has
///   sealed are written as far as the caller is concerned, and OpenSSL never waits for writability. Writing never reads. Records are
///   filled to 16 KiB from as many parts as it takes.
/// Errors: io_outcome as byte_stream; tls_failed where the peer breaks the rules. A handshake of more than 256 KiB, or a peer that
///   sends much beside data, is one that does. An end without close_notify is reported as closed, and noted in the log.
/// Thread: loop-thread.
/// Source: SSL_write(3); lab: asio::ssl::stream and a BIO that says retry lose what was sealed before EAGAIN.
class tls_link {
 public:
  tls_link(ssl_ptr ssl, std::shared_ptr<tls_room> room, std::unique_ptr<tls_peer> peer,
           std::unique_ptr<byte_stream> transport);
  ~tls_link();
  tls_link(const tls_link&) = delete;
  tls_link& operator=(const tls_link&) = delete;

  byte_stream& transport() noexcept { return *m_transport; }
  const byte_stream& transport() const noexcept { return *m_transport; }

  enum class progress : uint8_t { done, waits, failed };
  progress handshake();
  /// Of a handshake that failed.
  error failure() const;

  io_outcome read(uint8_t* data, size_t size);
  io_outcome write(const byte_view* parts, size_t count);
  /// Sends what is held. False: the transport takes no more now, or failed.
  bool flush();
  bool is_holding() const noexcept { return !m_held.empty(); }
  /// A write found that the peer is in the middle of a message (ticket, KeyUpdate): OpenSSL seals nothing before read() has had the rest.
  bool awaits_message() const noexcept { return m_awaits_message; }
  /// A further read would find something without the transport reporting it.
  bool has_unread() const noexcept;
  /// close_notify and then the transport's FIN, behind what is held; call it again when flush() has become true.
  void finish_writing() noexcept;
  void close() noexcept;

  /// The transport's, in bytes of plain text. Acknowledged bytes (written − unacked) never fall: they lag by what TLS adds to the
  /// bytes under way, and are exact when nothing is.
  stream_counters sample() const;
  std::string security() const;
  const std::string& explanation() const noexcept { return m_explanation; }

 private:
  class part_cursor;
  static BIO_METHOD* bio_method();
  static int on_bio_write(BIO* bio, const char* data, size_t size, size_t* taken) noexcept;
  static int on_bio_read(BIO* bio, char* data, size_t size, size_t* got) noexcept;
  static long on_bio_control(BIO* bio, int command, long number, void* pointer) noexcept;

  bool take_sealed(const uint8_t* data, size_t size, size_t& taken) noexcept;
  bool fetch(uint8_t* data, size_t size, size_t& got, bool& may_retry) noexcept;
  size_t seal(part_cursor& rest);
  io_outcome end_reading(int reason);
  error_code fail_with(std::string why);
  void discard_arrivals() noexcept;
  std::string explain_queue() const;
  std::string about_peer() const;
  void hold(byte_view parts[2], size_t sent);
  void stop_holding() noexcept;

  const std::shared_ptr<tls_room> m_room;
  const std::unique_ptr<tls_peer> m_peer;
  std::unique_ptr<byte_stream> m_transport;
  ssl_ptr m_ssl;

  std::vector<uint8_t> m_held;
  size_t m_held_begin = 0;
  std::optional<error_code> m_write_failure;
  std::optional<io_outcome> m_read_end;
  std::optional<error> m_handshake_failure;
  std::string m_explanation;  ///< of the first failure of TLS after the handshake

  std::optional<error_code> m_transport_failure;  ///< of a read
  bool m_has_ended = false;                       ///< the transport has no more
  bool m_is_ready = false;                        ///< the handshake is done
  bool m_has_finished = false;                    ///< close_notify was sealed
  bool m_is_shut = false;                         ///< the transport's FIN was asked for
  bool m_was_cut_short = false;                   ///< the last read stopped at its allowance
  bool m_has_read_well = false;                   ///< the last read gave bytes
  bool m_is_flooding = false;
  bool m_is_sealing = false;
  bool m_awaits_message = false;
  size_t m_read_allowance = 0;
  uint64_t m_sealed_read = 0, m_plain_read = 0, m_plain_written = 0;
  mutable uint64_t m_acknowledged = 0;
};

}  // namespace campush

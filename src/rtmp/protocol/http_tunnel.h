#pragma once

#include <string>
#include <vector>

#include "util/byte_view.h"
#include "util/result.h"

namespace campush {

/// The client's side of RTMPT: a stream of bytes each way, carried by HTTP/1.1 POSTs on one connection. Bytes in, bytes out; it sees
/// neither socket nor clock.
/// Shape: start() opens the session; send() queues bytes for the server, which leave in as few POSTs as possible, one at a time: the next
///   request waits for the answer to the last. What the server has to say comes with answers alone, so while is_idle() the
///   owner calls poll() now and then. pending_output() is what goes to the transport, consume_output() what it took.
/// Errors: receive(): protocol_violation for what is not HTTP, has no Content-Length, or answers nothing; too_big for headers over
///   8 KiB or a body over 1 MiB; access_denied for a status other than 200, naming it. The tunnel is dead afterwards. Interim
///   answers (100 Continue) are passed over, up to max_interim_answers a request.
/// Thread: any-thread (no shared state).
/// Source: facts/rtmp 7; the requests are those of librtmp 2.4, which no server read refuses: POST /open/1, then /send/ID/n, /idle/ID/n,
///   /close/ID/n with content type application/x-fcs; each answer begins with one byte, the server's idea of a poll interval.
class http_tunnel {
 public:
  static constexpr size_t max_request_body = 64 * 1024, max_head_bytes = 8 * 1024, max_answer_body = 1 << 20,
                          max_id_bytes = 128, max_interim_answers = 4;

  /// `authority`: host and port, as the Host header has them.
  explicit http_tunnel(std::string authority) : m_authority(std::move(authority)) {}

  void start();
  void send(byte_view bytes);
  /// Of what send() took: not yet consumed as output.
  size_t waiting_bytes() const noexcept;
  bool is_open() const noexcept { return !m_id.empty(); }
  /// Open, nothing asked, nothing to send.
  bool is_idle() const noexcept;
  void poll();
  /// Gives the session up; nothing is sent after it.
  void close();

  byte_view pending_output() const noexcept { return byte_view(m_output).subview(m_consumed); }
  void consume_output(size_t bytes) noexcept;
  /// Appends what the server says to `payload`.
  [[nodiscard]] result<void> receive(byte_view bytes, std::vector<uint8_t>& payload);

 private:
  enum class awaited : uint8_t { nothing, open, data };

  void post(const char* verb, byte_view body);
  void send_waiting();
  result<void> read_head();
  result<void> read_body(byte_view& bytes, std::vector<uint8_t>& payload);
  result<void> finish_answer();

  const std::string m_authority;
  std::string m_id;
  uint64_t m_sequence = 0;
  awaited m_awaited = awaited::nothing;
  bool m_is_closed = false;

  std::vector<uint8_t> m_waiting;  ///< for the next POST
  std::vector<uint8_t> m_output;
  size_t m_consumed = 0;
  size_t m_body_in_output = 0;  ///< of m_output, its last bytes

  std::string m_head;
  size_t m_interim_answers = 0;  ///< to the present request
  bool m_is_in_body = false;
  bool m_has_interval = false;
  size_t m_body_left = 0;
  std::string m_new_id;
};

}  // namespace campush

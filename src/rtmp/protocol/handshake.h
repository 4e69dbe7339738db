#pragma once

#include <vector>

#include "util/byte_view.h"
#include "util/result.h"

namespace campush {

enum class handshake_role : uint8_t { client, server };

/// The simple (non-digest) RTMP handshake, either side.
/// Shape: a client calls start() first (C0 C1). feed() takes any cut of the peer's bytes, appends what has to be answered
///   (client: C2 once S1 is whole; server: S0 S1 S2 once C1 is whole) and stops exactly behind the peer's third part; what
///   follows belongs to the chunk stream. The echo in S2 or C2 is not verified: servers answer copies of the wrong part.
/// Errors: feed(): protocol_violation when the first byte is not version 3 (RTMPE, HTTP, TLS, noise); repeated afterwards.
/// Thread: any-thread (no shared state).
/// Source: RTMP 1.0 section 5.2; facts/rtmp 5.1.
class handshake {
 public:
  static constexpr size_t part_bytes = 1536;
  static constexpr uint8_t version = 3;

  /// `seed` makes the 1528 bytes that need not be secret, only different from connection to connection.
  handshake(handshake_role role, uint64_t seed) noexcept : m_role(role), m_seed(seed) {}

  void start(std::vector<uint8_t>& out);
  /// Returns how many bytes belonged to the handshake.
  [[nodiscard]] result<size_t> feed(byte_view bytes, std::vector<uint8_t>& out);
  bool is_done() const noexcept { return m_received == total_bytes; }

 private:
  static constexpr size_t total_bytes = 1 + 2 * part_bytes;

  void append_own_part(std::vector<uint8_t>& out) const;
  void answer(std::vector<uint8_t>& out);

  handshake_role m_role;
  uint64_t m_seed;
  size_t m_received = 0;
  bool m_failed = false;
  std::vector<uint8_t> m_peer_part;
};

}  // namespace campush

#include "rtmp/protocol/handshake.h"

#include <algorithm>

namespace campush {

namespace {

/// SplitMix64: spreads a counter or a clock reading over all bits.
uint64_t next_random(uint64_t& seed) noexcept {
  seed += 0x9E3779B97F4A7C15ULL;
  uint64_t mixed = seed;
  mixed = (mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9ULL;
  mixed = (mixed ^ (mixed >> 27)) * 0x94D049BB133111EBULL;
  return mixed ^ (mixed >> 31);
}

}  // namespace

void handshake::append_own_part(std::vector<uint8_t>& out) const {
  out.push_back(version);
  // Time and the next four bytes are zero; the latter select the simple handshake.
  out.insert(out.end(), 8, 0);
  uint64_t seed = m_seed;
  for (size_t i = 0; i < (part_bytes - 8) / 8; ++i) {
    uint64_t random = next_random(seed);
    for (int byte = 0; byte < 8; ++byte, random >>= 8) out.push_back(static_cast<uint8_t>(random));
  }
}

void handshake::start(std::vector<uint8_t>& out) {
  append_own_part(out);
}

void handshake::answer(std::vector<uint8_t>& out) {
  if (m_role == handshake_role::server) append_own_part(out);
  out.insert(out.end(), m_peer_part.begin(), m_peer_part.end());
  std::vector<uint8_t>().swap(m_peer_part);
}

result<size_t> handshake::feed(byte_view bytes, std::vector<uint8_t>& out) {
  size_t used = 0;
  if (m_received == 0 && !bytes.empty() && !m_failed) {
    m_failed = bytes[0] != version;
    used = 1;
    m_received = 1;
  }
  if (m_failed) return fail(error_code::protocol_violation, "peer does not speak RTMP version 3");

  if (m_received >= 1 && m_received < 1 + part_bytes) {
    const byte_view part = bytes.subview(used, 1 + part_bytes - m_received);
    m_peer_part.insert(m_peer_part.end(), part.begin(), part.end());
    m_received += part.size();
    used += part.size();
    if (m_received == 1 + part_bytes) answer(out);
  }
  if (m_received >= 1 + part_bytes) {
    const size_t echo = std::min(total_bytes - m_received, bytes.size() - used);
    m_received += echo;
    used += echo;
  }
  return used;
}

}  // namespace campush

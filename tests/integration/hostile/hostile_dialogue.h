#pragma once

#include <string>
#include <vector>

namespace campush::test {

/// How a server goes on when it has said everything.
enum class last_word : uint8_t { closes, half_closes, stays, floods };

/// A server's side of one connection, byte for byte.
/// Shape: turn 0 answers the client's handshake, each further one goes out when the client has said more. An eager server says
///   everything at once, before it has read a byte.
struct hostile_dialogue {
  std::string name;  ///< of the dialogue it was made of, and what was done to it
  std::vector<std::vector<uint8_t>> turns;
  last_word ending = last_word::closes;
  size_t piece_bytes = SIZE_MAX;  ///< written in pieces of so many bytes
  bool is_eager = false;
};

/// Of real servers: nginx-rtmp, SRS and ZLMediaKit that accept; servers that say what they can, refuse in every form known, redirect,
/// ask for a password, and kick. Source: facts collected of their sources and of runs against them (docs/rtmp_quirks.md).
size_t dialogue_count();
/// As that server says it.
hostile_dialogue true_dialogue(size_t index);
/// One of them, changed by `seed`: other messages, other order, other AMF, other bytes.
hostile_dialogue mutated_dialogue(uint64_t seed);

}  // namespace campush::test

#pragma once

#include <memory>
#include <vector>

#include "integration/hostile/hostile_dialogue.h"
#include "net/byte_stream.h"
#include "net/event_loop.h"

namespace campush::test {

struct hostile_server_options {
  /// How long it goes on listening when it has said everything.
  duration before_last_word = std::chrono::milliseconds(100);
};

/// Holds a hostile_dialogue with whoever connects.
/// Thread: loop-thread.
class hostile_server {
 public:
  hostile_server(event_loop& loop, network& streams, const hostile_server_options& options = {});
  ~hostile_server();
  hostile_server(const hostile_server&) = delete;
  hostile_server& operator=(const hostile_server&) = delete;

  [[nodiscard]] result<endpoint> start(const endpoint& at);
  /// For the connections from now on; those that are open are closed.
  void play(hostile_dialogue next);
  /// Ends what is open, as a server does that goes away.
  void close_all();
  size_t open_connections() const;
  /// Closes those that have been silent, both sides, for so long.
  void close_idle(duration silence);
  uint64_t accepted() const noexcept { return m_accepted; }

 private:
  class visitor;

  event_loop& m_loop;
  network& m_network;
  const hostile_server_options m_options;
  std::unique_ptr<stream_acceptor> m_acceptor;
  hostile_dialogue m_dialogue;
  std::vector<std::unique_ptr<visitor>> m_visitors;
  uint64_t m_accepted = 0;
};

}  // namespace campush::test

#include "integration/hostile/hostile_server.h"

#include <algorithm>

namespace campush::test {

namespace {

/// More than any client should read of a server that says nothing new.
constexpr uint64_t flood_bytes = 8u << 20;
constexpr size_t min_flood_write = 16 * 1024;
/// Of a turn; the rest goes at once. A system call a byte would be most of a test's time.
constexpr size_t max_bytes_in_pieces = 800;

}  // namespace

/// One client, which hears the server's dialogue from where it stands: no copy, so that the heap of a test is the client's.
/// Thread: loop-thread.
class hostile_server::visitor final : private byte_stream_events {
 public:
  visitor(hostile_server& server, std::unique_ptr<byte_stream> stream)
      : m_server(server),
        m_dialogue(server.m_dialogue),
        m_stream(std::move(stream)),
        m_timer(server.m_loop.make_timer([this] { on_last_word(); })),
        m_last_event(server.m_loop.now()) {
    m_stream->set_events(this);
    if (!m_dialogue.is_eager) return;
    m_allowed = m_dialogue.turns.size();
    flush();
  }
  ~visitor() override { close(); }
  void close() {
    if (!m_is_open) return;
    m_is_open = false;
    m_timer->cancel();
    m_stream->set_events(nullptr);
    m_stream->close();
  }
  bool is_open() const noexcept { return m_is_open; }
  time_point last_event() const noexcept { return m_last_event; }

 private:
  void on_readable() override {
    m_last_event = m_server.m_loop.now();
    uint8_t room[16 * 1024];
    bool has_news = false;
    for (;;) {
      const io_outcome outcome = m_stream->read_some(room, sizeof room);
      has_news = has_news || outcome.bytes > 0;
      if (outcome.status == io_status::closed || outcome.status == io_status::failed) return close();
      if (outcome.status != io_status::ok) break;
    }
    if (has_news && m_allowed < m_dialogue.turns.size()) ++m_allowed;
    flush();
  }
  void on_writable() override {
    m_last_event = m_server.m_loop.now();
    flush();
  }

  void flush() {
    while (m_is_open && m_turn < m_allowed) {
      const std::vector<uint8_t>& turn = m_is_flooding ? m_flood : m_dialogue.turns[m_turn];
      if (m_written == turn.size()) {
        next_turn();
        continue;
      }
      const size_t rest = turn.size() - m_written;
      const bool is_in_pieces = !m_is_flooding && m_written < max_bytes_in_pieces;
      const byte_view piece(turn.data() + m_written, is_in_pieces ? std::min(m_dialogue.piece_bytes, rest) : rest);
      const io_outcome outcome = m_stream->write_some(&piece, 1);
      m_written += outcome.bytes;
      m_said += outcome.bytes;
      if (outcome.status == io_status::would_block) return m_stream->request_writable();
      if (outcome.status != io_status::ok) return close();
    }
  }
  void next_turn() {
    m_written = 0;
    if (m_is_flooding && m_said < flood_bytes && !m_flood.empty()) return;
    if (++m_turn < m_dialogue.turns.size()) return;
    m_is_flooding ? close() : m_timer->arm_after(m_server.m_options.before_last_word);
  }
  void on_last_word() {
    switch (m_dialogue.ending) {
      case last_word::closes: return close();
      case last_word::half_closes: return m_stream->shutdown_write();
      case last_word::stays: return;
      case last_word::floods: break;
    }
    m_is_flooding = true;
    --m_turn;
    const std::vector<uint8_t>& last = m_dialogue.turns[m_turn];
    while (!last.empty() && m_flood.size() < min_flood_write) m_flood.insert(m_flood.end(), last.begin(), last.end());
    flush();
  }

  hostile_server& m_server;
  const hostile_dialogue& m_dialogue;
  const std::unique_ptr<byte_stream> m_stream;
  const std::unique_ptr<loop_timer> m_timer;
  time_point m_last_event;
  std::vector<uint8_t> m_flood;  ///< the last turn, again and again
  size_t m_allowed = 0, m_turn = 0, m_written = 0;
  uint64_t m_said = 0;
  bool m_is_open = true, m_is_flooding = false;
};

hostile_server::hostile_server(event_loop& loop, network& streams, const hostile_server_options& options)
    : m_loop(loop), m_network(streams), m_options(options) {}
hostile_server::~hostile_server() = default;

result<endpoint> hostile_server::start(const endpoint& at) {
  result<std::unique_ptr<stream_acceptor>> made = m_network.listen(at, [this](std::unique_ptr<byte_stream> stream) {
    ++m_accepted;
    const auto is_gone = [](const auto& each) { return !each->is_open(); };
    m_visitors.erase(std::remove_if(m_visitors.begin(), m_visitors.end(), is_gone), m_visitors.end());
    m_visitors.push_back(std::make_unique<visitor>(*this, std::move(stream)));
  });
  if (!made) return tl::unexpected(made.error());
  m_acceptor = std::move(*made);
  return m_acceptor->local();
}

void hostile_server::play(hostile_dialogue next) {
  close_all();
  m_dialogue = std::move(next);
}

void hostile_server::close_all() {
  for (auto& each : m_visitors) each->close();
  m_visitors.clear();
}

void hostile_server::close_idle(duration silence) {
  for (auto& each : m_visitors) {
    if (each->is_open() && m_loop.now() - each->last_event() >= silence) each->close();
  }
}

size_t hostile_server::open_connections() const {
  return static_cast<size_t>(
      std::count_if(m_visitors.begin(), m_visitors.end(), [](const auto& each) { return each->is_open(); }));
}

}  // namespace campush::test

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <queue>

#include "bench/push/counted_heap.h"
#include "bench/push/senders.h"
#include "net/openssl_handles.h"

namespace campush::bench {

namespace {

constexpr uint32_t chunk_size = 60000;
constexpr duration spread = std::chrono::milliseconds(40);
constexpr size_t max_latencies = 1 << 20;

result<int> connect_to(uint16_t port) {
  const int descriptor = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(port);
  const int on = 1;
  if (descriptor < 0 || ::connect(descriptor, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
      ::setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) != 0) {
    return tl::unexpected<error>(error_from_errno(errno, "bare writer"));
  }
  return descriptor;
}

/// One socket of the bare writer, with or without TLS on it.
struct bare_socket {
  int descriptor = -1;
  ssl_ptr ssl;
};

bool send_all(const bare_socket& to, const std::vector<uint8_t>& bytes) noexcept {
  if (to.ssl) return SSL_write(to.ssl.get(), bytes.data(), static_cast<int>(bytes.size())) > 0;
  size_t done = 0;
  while (done < bytes.size()) {
    iovec part{const_cast<uint8_t*>(bytes.data()) + done, bytes.size() - done};
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    const ssize_t count = ::sendmsg(to.descriptor, &message, MSG_NOSIGNAL);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return false;
    done += static_cast<size_t>(count);
  }
  return true;
}

/// One stream of the bare writer: where it is in the clip, and its sockets.
struct bare_stream {
  time_point round{};
  size_t next = 0;
  std::vector<bare_socket> sockets;
};

class bare_writer {
 public:
  bare_writer(const clip& played, const load& wanted)
      : m_clip(played), m_wire(played.chunked(chunk_size)), m_streams(wanted.streams) {
    const time_point begin = now() + std::chrono::milliseconds(50);
    for (size_t i = 0; i < m_streams.size(); ++i) {
      m_streams[i].round = begin + spread * i / m_streams.size();
      m_due.push({m_streams[i].round, i});
    }
  }
  ~bare_writer() {
    for (const bare_stream& stream : m_streams) {
      for (const bare_socket& each : stream.sockets) ::close(each.descriptor);
    }
  }
  bare_writer(const bare_writer&) = delete;
  bare_writer& operator=(const bare_writer&) = delete;

  result<void> connect(uint32_t sessions, uint16_t port, wire_kind wire) {
    if (wire == wire_kind::tls) m_context.reset(SSL_CTX_new(TLS_client_method()));
    for (uint32_t i = 0; i < sessions; ++i) {
      const auto descriptor = connect_to(port);
      if (!descriptor) return tl::unexpected<error>(descriptor.error());
      auto& sockets = m_streams[i % m_streams.size()].sockets;
      sockets.push_back({*descriptor, ssl_ptr(m_context ? SSL_new(m_context.get()) : nullptr)});
      SSL* ssl = sockets.back().ssl.get();
      if (ssl == nullptr) continue;
      SSL_set_fd(ssl, *descriptor);
      if (SSL_connect(ssl) != 1) return fail(error_code::tls_failed, "bare writer: no TLS");
    }
    return {};
  }

  void keep_latencies(size_t room) { m_latencies.reserve(room); }
  const std::vector<uint64_t>& latencies() const noexcept { return m_latencies; }
  uint64_t frames() const noexcept { return m_frames; }
  uint64_t sent() const noexcept { return m_sent; }

  result<void> run_until(time_point end) {
    while (m_due.top().first < end) {
      const auto [due, index] = m_due.top();
      m_due.pop();
      sleep_until(due);
      if (auto sent = send_next(m_streams[index]); !sent) return sent;
      m_due.push({m_streams[index].round + m_clip.frames()[m_streams[index].next].dts, index});
    }
    sleep_until(end);
    return {};
  }

 private:
  result<void> send_next(bare_stream& stream) {
    const time_point woken = now();
    for (const bare_socket& each : stream.sockets) {
      if (!send_all(each, m_wire[stream.next])) return tl::unexpected<error>(error_from_errno(errno, "bare writer"));
      ++m_sent;
      if (m_latencies.size() < m_latencies.capacity()) {
        m_latencies.push_back(static_cast<uint64_t>((now() - woken).count()));
      }
    }
    ++m_frames;
    if (++stream.next == m_wire.size()) {
      stream.next = 0;
      stream.round += m_clip.length();
    }
    return {};
  }

  using due_stream = std::pair<time_point, size_t>;
  const clip& m_clip;
  ssl_ctx_ptr m_context;
  const std::vector<std::vector<uint8_t>> m_wire;
  std::vector<bare_stream> m_streams;
  std::priority_queue<due_stream, std::vector<due_stream>, std::greater<>> m_due;
  std::vector<uint64_t> m_latencies;
  uint64_t m_frames = 0, m_sent = 0;
};

}  // namespace

result<sender_figures> push_with_bare_writer(const clip& played, const load& wanted, drain_process& drain,
                                             probing listens) {
  bare_writer writer(played, wanted);
  if (auto connected = writer.connect(wanted.sessions, drain.raw_port(wanted.wire), wanted.wire); !connected) {
    return tl::unexpected<error>(connected.error());
  }
  if (auto warm = writer.run_until(now() + wanted.warm_up); !warm) return tl::unexpected<error>(warm.error());
  if (listens == probing::on) writer.keep_latencies(max_latencies);
  const auto counts_before = drain.counts();
  if (!counts_before) return tl::unexpected<error>(counts_before.error());
  const uint64_t frames_before = writer.frames(), sent_before = writer.sent();
  const duration cpu_before = own_cpu_time();
  const uint64_t allocations_before = heap_allocations();
  if (auto ran = writer.run_until(now() + wanted.window); !ran) return tl::unexpected<error>(ran.error());
  sender_figures figures;
  figures.allocations = heap_allocations() - allocations_before;
  const duration cpu = own_cpu_time();
  const auto counts = drain.counts();
  if (!counts) return tl::unexpected<error>(counts.error());
  figures.cpu = cpu - cpu_before;
  figures.bytes = counts->bytes - counts_before->bytes;
  figures.frames = writer.frames() - frames_before;
  figures.sent = writer.sent() - sent_before;
  figures.latency = summarize(writer.latencies());
  return figures;
}

}  // namespace campush::bench

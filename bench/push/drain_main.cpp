// The receiver of push_bench: accepts RTMP publishers on one port and anything on another, and both again behind TLS, reads, throws
// away and counts. It is a program of its own so that neither its CPU time nor its pages count for the sender.
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cinttypes>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "fakes/test_certificates.h"
#include "net/openssl_handles.h"
#include "rtmp/protocol/chunk_writer.h"
#include "rtmp/protocol/server_dialogue.h"
#include "util/byte_writer.h"

namespace campush::bench {
namespace {

constexpr uint64_t acknowledge_every = 2500000;
/// Sockets that publish are looked at so often instead of being waited for: waking a receiver with each packet would be charged to
/// the sender, who on a real network does not do that.
constexpr int look_every_ms = 8;
/// Room for a keyframe and more between two looks, so that no sender ever waits for us.
constexpr int receive_buffer_bytes = 1 << 20;

struct drain_totals {
  uint64_t bytes = 0;
  uint32_t connections = 0, publishing = 0;
};

/// One accepted socket. An RTMP publisher is talked with until it publishes; from there on its bytes are only counted, and
/// acknowledged as a server does. Behind TLS what is counted is not even decrypted: bytes are those on the wire.
class drain_connection final : public server_dialogue_handler {
 public:
  enum class kind : uint8_t { rtmp, raw };
  drain_connection(int descriptor, kind what, ssl_ptr ssl, uint32_t chunk_size, drain_totals& totals)
      : m_descriptor(descriptor), m_totals(totals), m_ssl(std::move(ssl)), m_is_open(!m_ssl) {
    server_dialogue_options options;
    options.chunk_size = chunk_size;
    if (what == kind::rtmp) m_dialogue = std::make_unique<server_dialogue>(options, *this);
    ++m_totals.connections;
    if (m_ssl) SSL_set_fd(m_ssl.get(), descriptor);
    if (what == kind::raw && m_is_open) start_counting();
  }
  ~drain_connection() override {
    ::close(m_descriptor);
    --m_totals.connections;
    if (m_is_counting) --m_totals.publishing;
  }
  drain_connection(const drain_connection&) = delete;
  drain_connection& operator=(const drain_connection&) = delete;

  bool is_counting() const noexcept { return m_is_counting; }

  /// False when the connection is over.
  bool read(std::vector<uint8_t>& buffer) {
    if (!m_is_open) return open();
    if (m_is_counting) return count(buffer);
    const ssize_t size = receive(buffer);
    if (size <= 0) return size < 0;
    m_totals.bytes += static_cast<uint64_t>(size);
    m_received += static_cast<uint64_t>(size);
    if (!m_dialogue->receive({buffer.data(), static_cast<size_t>(size)})) return false;
    const byte_view answer = m_dialogue->pending_output();
    if (!answer.empty() && !send(answer)) return false;
    m_dialogue->consume_output(answer.size());
    if (m_dialogue->is_publishing()) start_counting();
    return true;
  }

 private:
  dialogue_verdict on_connect(std::string_view, std::string_view) override { return {}; }
  dialogue_verdict on_publish(std::string_view, std::string_view) override { return {}; }
  void on_media(const rtmp_message&) override {}
  void on_unpublish() override {}

  void start_counting() noexcept {
    m_is_counting = true;
    ++m_totals.publishing;
  }

  bool open() {
    const int outcome = SSL_accept(m_ssl.get());
    if (outcome != 1) return SSL_get_error(m_ssl.get(), outcome) == SSL_ERROR_WANT_READ;
    m_is_open = true;
    if (!m_dialogue) start_counting();
    return true;
  }

  /// Bytes of the dialogue; 0 at the end, negative when there are none yet.
  ssize_t receive(std::vector<uint8_t>& buffer) {
    if (!m_ssl) {
      const ssize_t size = ::recv(m_descriptor, buffer.data(), buffer.size(), 0);
      return size < 0 && errno != EAGAIN && errno != EINTR ? 0 : size;
    }
    const int size = SSL_read(m_ssl.get(), buffer.data(), static_cast<int>(buffer.size()));
    if (size > 0) return size;
    return SSL_get_error(m_ssl.get(), size) == SSL_ERROR_WANT_READ ? -1 : 0;
  }

  bool send(byte_view bytes) {
    if (m_ssl) return SSL_write(m_ssl.get(), bytes.data(), static_cast<int>(bytes.size())) > 0;
    return ::send(m_descriptor, bytes.data(), bytes.size(), MSG_NOSIGNAL) >= 0;
  }

  bool count(std::vector<uint8_t>& buffer) {
    // With MSG_TRUNC the kernel throws TCP data away instead of copying it.
    const ssize_t size = ::recv(m_descriptor, buffer.data(), buffer.size(), MSG_TRUNC);
    if (size < 0) return errno == EAGAIN || errno == EINTR;
    if (size == 0) return false;
    m_totals.bytes += static_cast<uint64_t>(size);
    m_received += static_cast<uint64_t>(size);
    return acknowledge();
  }

  bool acknowledge() {
    if (!m_dialogue || m_received - m_acknowledged < acknowledge_every) return true;
    m_acknowledged = m_received;
    std::vector<uint8_t> body, wire;
    byte_writer(body).write_u32(static_cast<uint32_t>(m_received));
    append_chunked(wire, {message_type::acknowledgement, chunk_stream::control, 0, 0}, body, 128);
    return send(wire);
  }

  const int m_descriptor;
  drain_totals& m_totals;
  std::unique_ptr<server_dialogue> m_dialogue;
  const ssl_ptr m_ssl;  ///< null without TLS
  bool m_is_open;       ///< the TLS handshake is done
  bool m_is_counting = false;
  uint64_t m_received = 0, m_acknowledged = 0;
};

/// With a certificate for localhost, made now; `pem` is what senders have to trust.
ssl_ctx_ptr make_context(std::string& pem) {
  test::certificate_spec spec;
  spec.dns_names = {"localhost"};
  spec.not_before = std::chrono::system_clock::now() - std::chrono::hours(24);
  spec.not_after = std::chrono::system_clock::now() + std::chrono::hours(24);
  const auto certificate = test::test_certificate::self_signed(spec);
  const test::temporary_folder folder;
  const std::string path = folder.write("server.pem", certificate.pem() + certificate.key_pem());
  ssl_ctx_ptr context(SSL_CTX_new(TLS_server_method()));
  SSL_CTX_use_certificate_file(context.get(), path.c_str(), SSL_FILETYPE_PEM);
  SSL_CTX_use_PrivateKey_file(context.get(), path.c_str(), SSL_FILETYPE_PEM);
  pem = certificate.pem();
  return context;
}

class drain {
 public:
  explicit drain(uint32_t chunk_size) : m_chunk_size(chunk_size) {}

  bool open() {
    m_poll = ::epoll_create1(EPOLL_CLOEXEC);
    if (m_poll < 0) return false;
    for (door& each : m_doors) {
      each.descriptor = listen_on_loopback(each.port);
      if (each.descriptor < 0) return false;
      watch(each.descriptor);
      std::printf("%u ", each.port);
    }
    watch(STDIN_FILENO);
    std::string pem;
    m_context = make_context(pem);
    std::printf("\n%s", pem.c_str());
    std::fflush(stdout);
    return true;
  }

  void run() {
    epoll_event events[64];
    while (true) {
      const int count = ::epoll_wait(m_poll, events, 64, m_totals.publishing > 0 ? look_every_ms : -1);
      for (int i = 0; i < count; ++i) {
        const int descriptor = events[i].data.fd;
        if (descriptor == STDIN_FILENO) {
          if (!answer()) return;
        } else if (const door* entered = door_of(descriptor)) {
          accept_on(*entered);
        } else {
          talk_on(descriptor);
        }
      }
      look_at_all();
    }
  }

 private:
  using kind = drain_connection::kind;
  struct door {
    kind what;
    bool is_tls;
    int descriptor = -1;
    uint16_t port = 0;
  };

  const door* door_of(int descriptor) const noexcept {
    for (const door& each : m_doors) {
      if (each.descriptor == descriptor) return &each;
    }
    return nullptr;
  }

  static int listen_on_loopback(uint16_t& port) {
    const int descriptor = ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    auto* generic = reinterpret_cast<sockaddr*>(&address);
    ::setsockopt(descriptor, SOL_SOCKET, SO_RCVBUF, &receive_buffer_bytes, sizeof receive_buffer_bytes);
    if (::bind(descriptor, generic, size) != 0 || ::listen(descriptor, 512) != 0) return -1;
    if (::getsockname(descriptor, generic, &size) != 0) return -1;
    port = ntohs(address.sin_port);
    return descriptor;
  }

  void watch(int descriptor) {
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.fd = descriptor;
    ::epoll_ctl(m_poll, EPOLL_CTL_ADD, descriptor, &event);
  }

  void talk_on(int descriptor) {
    const auto found = m_connections.find(descriptor);
    if (found == m_connections.end()) return;
    if (!found->second->read(m_buffer)) {
      m_connections.erase(found);
    } else if (found->second->is_counting()) {
      ::epoll_ctl(m_poll, EPOLL_CTL_DEL, descriptor, nullptr);
    }
  }

  void look_at_all() {
    for (auto each = m_connections.begin(); each != m_connections.end();) {
      const bool is_over = each->second->is_counting() && !each->second->read(m_buffer);
      each = is_over ? m_connections.erase(each) : std::next(each);
    }
  }

  void accept_on(const door& entered) {
    const int descriptor = ::accept4(entered.descriptor, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (descriptor < 0) return;
    auto& made = m_connections[descriptor];
    ssl_ptr ssl(entered.is_tls ? SSL_new(m_context.get()) : nullptr);
    made = std::make_unique<drain_connection>(descriptor, entered.what, std::move(ssl), m_chunk_size, m_totals);
    if (!made->is_counting()) watch(descriptor);
  }

  /// Any input asks for the counts; its end ends the program.
  bool answer() {
    char asked[64];
    if (::read(STDIN_FILENO, asked, sizeof asked) <= 0) return false;
    std::printf("%" PRIu64 " %u %u\n", m_totals.bytes, m_totals.connections, m_totals.publishing);
    std::fflush(stdout);
    return true;
  }

  const uint32_t m_chunk_size;
  ssl_ctx_ptr m_context;
  std::vector<uint8_t> m_buffer = std::vector<uint8_t>(256 * 1024);
  int m_poll = -1;
  door m_doors[4] = {{kind::rtmp, false}, {kind::raw, false}, {kind::rtmp, true}, {kind::raw, true}};
  drain_totals m_totals;
  std::map<int, std::unique_ptr<drain_connection>> m_connections;
};

}  // namespace
}  // namespace campush::bench

int main(int argument_count, char** arguments) {
  std::signal(SIGINT, SIG_IGN);
  std::signal(SIGPIPE, SIG_IGN);
  const unsigned long chunk_size = argument_count > 1 ? std::strtoul(arguments[1], nullptr, 10) : 0;
  if (chunk_size == 0 || chunk_size > 0xffffff) {
    std::fprintf(stderr, "usage: push_bench_drain CHUNK_SIZE (push_bench starts it)\n");
    return 2;
  }
  campush::bench::drain receiver(static_cast<uint32_t>(chunk_size));
  if (!receiver.open()) {
    std::perror("push_bench_drain");
    return 1;
  }
  receiver.run();
  return 0;
}

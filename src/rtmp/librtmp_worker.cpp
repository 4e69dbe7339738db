#include "rtmp/librtmp_worker.h"

#include <librtmp/rtmp.h>
#include <pthread.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <utility>

#include "util/log.h"

namespace campush {

static_assert(librtmp_packet::headroom >= RTMP_MAX_HEADER_SIZE, "the library writes its header before the body");

namespace {

/// A server that takes nothing is noticed by the session much earlier; this only bounds the thread's life.
constexpr duration send_timeout = std::chrono::seconds(30);
constexpr duration receive_reserve = std::chrono::seconds(5);

void set_timeout(int fd, int option, duration span) noexcept {
  const auto us = std::chrono::duration_cast<std::chrono::microseconds>(span).count();
  timeval value{};
  value.tv_sec = us / 1'000'000;
  value.tv_usec = us % 1'000'000;
  static_cast<void>(::setsockopt(fd, SOL_SOCKET, option, &value, sizeof value));
}

void block_signals() noexcept {
  // The library sends without MSG_NOSIGNAL, and signals of the process are for another thread.
  sigset_t all;
  sigfillset(&all);
  static_cast<void>(pthread_sigmask(SIG_BLOCK, &all, nullptr));
}

}  // namespace

librtmp_packet librtmp_packet::make(const message_header& header, byte_view head, byte_view body) {
  librtmp_packet packet;
  packet.header = header;
  packet.storage.reserve(headroom + head.size() + body.size());
  packet.storage.resize(headroom);
  packet.storage.insert(packet.storage.end(), head.begin(), head.end());
  packet.storage.insert(packet.storage.end(), body.begin(), body.end());
  return packet;
}

/// The RTMP object and what must be undone with it.
class librtmp_worker::library {
 public:
  library(const librtmp_calls& calls, int fd, bool is_encrypted) : m_calls(calls), m_object(calls.alloc()), m_fd(fd) {
    if (m_object == nullptr) return;
    m_calls.init(m_object);
    m_object->m_sb.sb_socket = fd;
    m_object->Link.protocol = is_encrypted ? RTMP_PROTOCOL_RTMPE : RTMP_PROTOCOL_RTMP;
    m_calls.enable_write(m_object);
    // Acknowledgements are the dialogue's.
    m_object->m_bSendCounter = 0;
  }
  ~library() {
    if (m_object == nullptr) {
      ::close(m_fd);
      return;
    }
    if (m_incoming_key != nullptr) m_object->Link.rc4keyIn = m_incoming_key;
    // Anything above 0 would make it unpublish by itself.
    m_object->m_stream_id = 0;
    m_calls.close(m_object);
    m_calls.free(m_object);
  }
  library(const library&) = delete;
  library& operator=(const library&) = delete;

  /// RTMP_Connect1 sends a packet behind the handshake: ours is Set Chunk Size, which also begins chunk stream 2 with a type 0
  /// header, as strict servers want it.
  bool shake_hands(uint32_t chunk_size) {
    if (m_object == nullptr) return false;
    const std::array<uint8_t, 4> size = {static_cast<uint8_t>(chunk_size >> 24), static_cast<uint8_t>(chunk_size >> 16),
                                         static_cast<uint8_t>(chunk_size >> 8), static_cast<uint8_t>(chunk_size)};
    librtmp_packet announced = librtmp_packet::make({message_type::set_chunk_size, chunk_stream::control, 0, 0}, {},
                                                    {size.data(), size.size()});
    RTMPPacket packet = packet_of(announced);
    if (m_calls.connect1(m_object, &packet) == 0) return false;
    m_object->m_outChunkSize = static_cast<int>(chunk_size);
    return true;
  }

  /// Debian's library is built with nettle, whose state is table and indexes. Taken away from the library, which is to read no
  /// more.
  std::optional<arcfour> take_incoming_cipher() noexcept {
    std::optional<arcfour> cipher(std::in_place);
    if (m_object->Link.rc4keyIn == nullptr || !cipher->adopt(static_cast<const uint8_t*>(m_object->Link.rc4keyIn))) {
      return std::nullopt;
    }
    m_incoming_key = std::exchange(m_object->Link.rc4keyIn, nullptr);
    return cipher;
  }

  bool send(librtmp_packet& given) {
    RTMPPacket packet = packet_of(given);
    return m_calls.send_packet(m_object, &packet, 0) != 0;
  }

 private:
  /// LARGE is the one header that the library does not compress into forms that servers disagree on.
  static RTMPPacket packet_of(librtmp_packet& given) noexcept {
    RTMPPacket packet{};
    packet.m_headerType = RTMP_PACKET_SIZE_LARGE;
    packet.m_packetType = static_cast<uint8_t>(given.header.type);
    packet.m_nChannel = static_cast<int>(given.header.chunk_stream_id);
    packet.m_nTimeStamp = given.header.timestamp_ms;
    packet.m_nInfoField2 = static_cast<int32_t>(given.header.message_stream_id);
    packet.m_nBodySize = static_cast<uint32_t>(given.payload_bytes());
    packet.m_body = reinterpret_cast<char*>(given.storage.data() + librtmp_packet::headroom);
    return packet;
  }

  const librtmp_calls& m_calls;
  RTMP* const m_object;
  const int m_fd;
  void* m_incoming_key = nullptr;
};

librtmp_worker::librtmp_worker(const librtmp_calls& calls, int fd, const librtmp_worker_options& options,
                               loop_wakeup& news)
    : m_calls(calls), m_fd(fd), m_options(options), m_news(news), m_thread([this] { run(); }) {}

librtmp_worker::~librtmp_worker() {
  close_soon();
  m_thread.join();
}

void librtmp_worker::push(librtmp_packet packet) {
  {
    const std::lock_guard<std::mutex> lock(m_mutex);
    m_packets.push_back(std::move(packet));
  }
  m_has_work.notify_one();
}

void librtmp_worker::close_soon() noexcept {
  {
    const std::lock_guard<std::mutex> lock(m_mutex);
    m_is_closing = true;
  }
  m_has_work.notify_one();
}

bool librtmp_worker::pop(librtmp_packet& packet) {
  std::unique_lock<std::mutex> lock(m_mutex);
  m_has_work.wait(lock, [this] { return m_is_closing || !m_packets.empty(); });
  if (m_is_closing) return false;
  packet = std::move(m_packets.front());
  m_packets.pop_front();
  return true;
}

void librtmp_worker::reach(stage next) noexcept {
  m_stage.store(next, std::memory_order_release);
  m_news.signal();
}

void librtmp_worker::run() noexcept {
  block_signals();
  static_cast<void>(pthread_setname_np(pthread_self(), "librtmp"));
  set_timeout(m_fd, SO_RCVTIMEO, m_options.handshake_timeout + receive_reserve);
  set_timeout(m_fd, SO_SNDTIMEO, send_timeout);
  try {
    library spoken(m_calls, m_fd, m_options.is_encrypted);
    talk(spoken);
  } catch (const std::exception& failure) {
    log_error(log_module::rtmp, "librtmp's thread ends: {}", failure.what());
  }
  reach(stage::ended);
}

void librtmp_worker::talk(library& spoken) {
  if (!spoken.shake_hands(m_options.chunk_size)) return;
  if (m_options.is_encrypted) {
    m_incoming = spoken.take_incoming_cipher();
    if (!m_incoming) {
      log_error(log_module::rtmp, "this librtmp keeps its RTMPE key in a form that is not known here");
      return;
    }
  }
  reach(stage::talking);
  librtmp_packet packet;
  while (pop(packet)) {
    if (!spoken.send(packet)) return;
  }
}

}  // namespace campush

#include <openssl/crypto.h>

#include <cstdlib>

#include "fakes/allocation_count.h"
#include "unit/net/raw_tls_server.h"
#include "unit/net/tls_world.h"

namespace campush::test {
namespace {

using namespace std::chrono_literals;

/// OpenSSL 3.0 takes and gives back three WPACKET_SUB of 40 bytes for each record, and with RELEASE_BUFFERS the record's buffer.
constexpr size_t small_bytes = 64;
uint64_t openssl_calls = 0, openssl_buffers = 0;

void count(size_t size) noexcept {
  ++openssl_calls;
  if (size > small_bytes) ++openssl_buffers;
}
void* count_malloc(size_t size, const char*, int) {
  count(size);
  return std::malloc(size);
}
void* count_realloc(void* memory, size_t size, const char*, int) {
  count(size);
  return std::realloc(memory, size);
}
void just_free(void* memory, const char*, int) {
  std::free(memory);
}
// Possible only before OpenSSL's first allocation.
const bool is_counting = CRYPTO_set_mem_functions(count_malloc, count_realloc, just_free) == 1;

class tls_allocation_test : public tls_world {
 protected:
  struct cost {
    uint64_t own = 0, openssl = 0, buffers = 0, frames = 0, records = 0;
  };

  /// 25 pictures and 50 sounds a second, each with its header, as native_publisher writes them; every 50th is a keyframe.
  cost send(std::chrono::seconds span) {
    cost spent;
    for (const time_point end = m_world.now() + span; m_world.now() < end; run(40ms)) {
      const size_t size = ++m_pictures % 50 == 1 ? 150'000 : 5'000 + m_pictures * 7919 % 25'000;
      const byte_view parts[] = {byte_view(m_body).subview(0, 12), byte_view(m_body).subview(0, size),
                                 byte_view(m_body).subview(0, 12), byte_view(m_body).subview(0, 400),
                                 byte_view(m_body).subview(0, 12), byte_view(m_body).subview(0, 400)};
      const cost before{allocation_count(), openssl_calls, openssl_buffers, 0, m_wire.records};
      EXPECT_EQ(m_client.stream->write_some(parts, 6).bytes, size + 836);
      m_client.stream->sample();
      spent.own += allocation_count() - before.own;
      spent.openssl += openssl_calls - before.openssl;
      spent.buffers += openssl_buffers - before.buffers;
      spent.records += m_wire.records - before.records;
      ++spent.frames;
    }
    return spent;
  }

  std::vector<uint8_t> m_body = std::vector<uint8_t>(200'000, 0xa7);
  size_t m_pictures = 0;
};

TEST_F(tls_allocation_test, counts_what_openssl_takes) {
  ASSERT_TRUE(is_counting);
  const uint64_t before = openssl_calls;
  OPENSSL_free(OPENSSL_malloc(1));
  EXPECT_EQ(openssl_calls, before + 1);
}

TEST_F(tls_allocation_test, a_frame_costs_none_of_ours_and_one_buffer_of_openssl_a_record) {
  m_net.send_buffer_bytes = m_net.receive_buffer_bytes = 1024 * 1024;
  m_server.keep_bytes = false;
  listen();
  connect_well();
  send(10s);
  const cost spent = send(60s);
  EXPECT_EQ(spent.frames, 1500U);
  EXPECT_EQ(spent.own, 0U);
  EXPECT_LE(spent.buffers, spent.records);
  EXPECT_LE(spent.openssl, 4 * spent.records);
}

TEST_F(tls_allocation_test, an_event_of_the_loop_costs_none_of_ours) {
  m_server.keep_bytes = false;
  listen();
  connect_well();
  send(10s);
  const uint64_t before = allocation_count();
  send(10s);
  // What the transport does not take at once, keyframes mostly, is held and goes out by itself.
  EXPECT_EQ(allocation_count() - before, 0U);
}

/// Several cameras' connections whose servers take less than is sent, so that each holds sealed bytes most of the time.
class tls_congestion_cost : public tls_allocation_test {
 protected:
  static constexpr size_t cameras = 5;

  void SetUp() override {
    m_net.send_buffer_bytes = m_net.receive_buffer_bytes = 64 * 1024;
    listen();
    m_acceptor.reset();
    const auto accept = [this](auto stream) {
      m_servers.push_back(std::make_unique<stream_recorder>(std::move(stream)));
      m_servers.back()->keep_bytes = false;
    };
    m_acceptor = m_listener->listen(m_address, accept).value();
    for (size_t i = 0; i < cameras; ++i) {
      connect();
      ASSERT_TRUE(m_client.stream) << refusal();
      m_clients.push_back(std::make_unique<stream_recorder>(std::move(m_client.stream)));
    }
  }
  /// 25 frames of 10 to 70 kB a second on each; what is not taken is dropped. Returns how many writes were not taken whole.
  size_t push(std::chrono::seconds span) {
    size_t refused = 0;
    for (const time_point end = m_world.now() + span; m_world.now() < end; run(40ms)) {
      for (const auto& client : m_clients) {
        const size_t size = 10'000 + ++m_pictures * 7919 % 60'000;
        const byte_view parts[] = {byte_view(m_body).subview(0, 12), byte_view(m_body).subview(0, size)};
        if (client->stream->write_some(parts, 2).bytes < size + 12) ++refused;
      }
    }
    return refused;
  }

  std::vector<std::unique_ptr<stream_recorder>> m_clients, m_servers;
};

TEST_F(tls_congestion_cost, is_no_allocation_a_frame_however_many_hold_bytes_together) {
  m_host.rate_bytes_per_s = 600'000;
  push(10s);
  const uint64_t before = allocation_count();
  EXPECT_GT(push(120s), 5'000U) << "of 15 000 that many found no room";
  EXPECT_EQ(allocation_count() - before, 0U);
  for (const auto& client : m_clients) EXPECT_FALSE(client->failure);
}

TEST_F(tls_allocation_test, answers_behind_held_bytes_that_leave_slowly_take_the_place_of_what_has_left) {
  m_net.send_buffer_bytes = m_net.receive_buffer_bytes = 8 * 1024;
  const ssl_ctx_ptr context = raw_server_context(m_ca.issue(spec("server")), m_folder, TLS1_3_VERSION);
  std::optional<raw_server> server;
  listen_plain([&](auto stream) { server.emplace(context.get(), std::move(stream)); });
  connect();
  ASSERT_TRUE(m_client.stream) << refusal();
  m_wire.unparsed.reserve(100'000);
  m_host.rate_bytes_per_s = 4000;
  server->is_silent = true;
  const byte_view part(m_body.data(), 60'000);
  m_client.stream->write_some(&part, 1);
  const auto ask = [&](size_t times) {
    for (size_t i = 0; i < times; ++i) {
      SSL_key_update(server->ssl(), SSL_KEY_UPDATE_REQUESTED);
      SSL_do_handshake(server->ssl());
    }
    server->send();
    run(100ms);
  };
  ask(1);
  const uint64_t before = allocation_count();
  // Each answer has 27 bytes: in a minute four times as many come as a buffer holds, while a little more leaves.
  for (int i = 0; i < 600; ++i) ask(14);
  EXPECT_FALSE(m_client.failure);
  EXPECT_GT(*m_client.stream->sample().unsent_bytes, 8U * 1024) << "it held something all the time";
  EXPECT_EQ(allocation_count() - before, 0U);
}

}  // namespace
}  // namespace campush::test

#include <openssl/crypto.h>

#include <cstdlib>

#include "fakes/allocation_count.h"
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

}  // namespace
}  // namespace campush::test

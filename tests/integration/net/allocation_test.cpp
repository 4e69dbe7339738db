#include <gtest/gtest.h>

#include "fakes/allocation_count.h"
#include "fakes/stream_recorder.h"
#include "net/asio_event_loop.h"
#include "net/tcp_network.h"

namespace campush {
namespace {

using namespace std::chrono_literals;

template <class Predicate>
bool run_until(asio_event_loop& loop, Predicate is_done) {
  while (!is_done()) {
    if (!loop.run_one_for(10s)) return false;
  }
  return true;
}

TEST(asio_event_loop, arms_ten_thousand_times_without_allocating) {
  asio_event_loop loop;
  int fired = 0;
  std::unique_ptr<loop_timer> tick;
  tick = loop.make_timer([&] {
    if (++fired < 10'000) tick->arm_after(0s);
  });
  const auto watchdog = loop.make_timer([] { FAIL(); });
  tick->arm_after(0s);
  watchdog->arm_after(1h);
  ASSERT_TRUE(run_until(loop, [&] { return fired == 100; }));  // the timer heap has its size
  const uint64_t before = allocation_count();
  while (fired < 10'000) {
    watchdog->arm_after(1h + std::chrono::seconds(fired % 2));  // for later and for earlier
    if (!loop.run_one_for(10s)) break;
  }
  EXPECT_EQ(fired, 10'000);
  EXPECT_EQ(allocation_count() - before, 0U);
}

TEST(asio_event_loop, signals_ten_thousand_times_without_allocating) {
  asio_event_loop loop;
  int heard = 0;
  const auto wakeup = loop.make_wakeup([&] { ++heard; });
  wakeup->signal();
  ASSERT_TRUE(run_until(loop, [&] { return heard == 1; }));
  const uint64_t before = allocation_count();
  for (int i = 2; i <= 10'000; ++i) {
    wakeup->signal();
    while (heard < i && loop.run_one_for(10s)) {
    }
  }
  EXPECT_EQ(heard, 10'000);
  EXPECT_EQ(allocation_count() - before, 0U);
}

TEST(tcp_stream, writes_reads_and_waits_without_allocating) {
  asio_event_loop loop;
  tcp_network net(loop);
  stream_recorder server;
  stream_recorder client;
  server.keep_bytes = false;
  const auto acceptor =
      net.listen(parse_endpoint("127.0.0.1", 0).value(), [&](auto stream) { server.attach(std::move(stream)); })
          .value();
  const auto connect = net.connect(acceptor->local(), {}, [&](auto stream) { client.attach(std::move(*stream)); });
  ASSERT_TRUE(run_until(loop, [&] { return client.stream && server.stream; }));
  const std::string frame(50'000, 'x');
  const auto exchange = [&] {
    const uint64_t expected = server.received_bytes + client.write(frame).bytes;
    const int writable = client.writable_events;
    client.stream->request_writable();
    return run_until(loop, [&] { return server.received_bytes == expected && client.writable_events > writable; });
  };
  ASSERT_TRUE(exchange());
  static_cast<void>(client.stream->sample());
  const uint64_t before = allocation_count();
  for (int i = 0; i < 1000; ++i) ASSERT_TRUE(exchange());
  static_cast<void>(client.stream->sample());
  EXPECT_EQ(allocation_count() - before, 0U);
}

}  // namespace
}  // namespace campush

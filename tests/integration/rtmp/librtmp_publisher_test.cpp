#include "integration/rtmp/librtmp_bench.h"
#include "server/rtmp_server.h"

namespace campush {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

/// Of a loaded machine. Who waited for librtmp's thread, in a send that nobody takes, would wait for 30 s.
constexpr duration longest_stall = seconds(10);

struct taken_tags final : rtmp_server_listener {
  std::vector<size_t> sizes;
  std::vector<uint32_t> times;
  size_t damaged = 0;
  void on_tag(const rtmp_stream_stats&, const received_tag& tag) override {
    sizes.push_back(tag.payload.size());
    times.push_back(tag.timestamp_ms);
    for (size_t i = 5; i < tag.payload.size(); ++i) damaged += tag.payload[i] != static_cast<uint8_t>((i - 5) * 7);
  }
};

struct server_bench : test::librtmp_bench {
  taken_tags taken;
  std::unique_ptr<rtmp_server> server;
  std::string url;

  server_bench() {
    rtmp_server_options options;
    options.listen = *parse_endpoint("127.0.0.1", 0);
    server = std::make_unique<rtmp_server>(loop, network, options, &taken);
    const result<endpoint> address = server->start();
    EXPECT_TRUE(address.has_value());
    url = "rtmp://127.0.0.1:" + std::to_string(address->port) + "/live/secretkey?token=a/b";
  }
  void publish() {
    start(url);
    ASSERT_TRUE(wait_for([this] { return heard.is_published || heard.has_failed; }));
    ASSERT_TRUE(heard.is_published) << heard.text;
  }
  void set_faults(const rtmp_server_faults& faults) { server->set_faults(faults); }
};

TEST(librtmp_publisher, goes_through_its_phases_and_publishes) {
  server_bench bench;
  bench.publish();
  EXPECT_EQ(bench.heard.phases, "tcp handshake connect publish");
  ASSERT_EQ(bench.server->live_streams(), 1u);
  EXPECT_EQ(bench.server->streams().front().name, "secretkey");
  EXPECT_NE(bench.subject->remote().port, 0);
}

TEST(librtmp_publisher, holds_publish_until_it_is_told) {
  constexpr milliseconds patience(3000);
  server_bench bench;
  bench.make(bench.url, patience);
  bench.heard.publishes = false;
  bench.subject->start();
  ASSERT_TRUE(bench.wait_for([&] { return bench.heard.is_ready; }));
  bench.wait_for([] { return false; }, patience + milliseconds(200));
  EXPECT_FALSE(bench.heard.has_failed) << bench.heard.text;
  EXPECT_EQ(bench.server->live_streams(), 0u);
  bench.subject->publish();
  EXPECT_TRUE(bench.wait_for([&] { return bench.heard.is_published; }));
}

TEST(librtmp_publisher, delivers_tags_whole_and_in_order) {
  server_bench bench;
  bench.publish();
  std::vector<outgoing_tag> tags;
  const std::vector<size_t> sizes = {1, 122, 123, 59'994, 59'995, 59'996, 60'001, 120'000, 1'000'000};
  for (uint32_t i = 0; i < 60; ++i) tags.push_back(bench.picture(sizes[i % sizes.size()], 0xfffff0 + i));
  size_t next = 0;
  ASSERT_TRUE(bench.wait_for([&] {
    next += bench.subject->write(tags.data() + next, tags.size() - next, video_dialect::enhanced);
    return next == tags.size() && bench.subject->is_drained() && bench.taken.sizes.size() == tags.size();
  })) << next
      << " of " << tags.size() << " taken, " << bench.taken.sizes.size() << " arrived, "
      << bench.subject->pending_bytes() << " pending: " << bench.heard.text;
  EXPECT_EQ(bench.taken.damaged, 0u);
  for (uint32_t i = 0; i < tags.size(); ++i) {
    EXPECT_EQ(bench.taken.sizes[i], sizes[i % sizes.size()] + 5);
    EXPECT_EQ(bench.taken.times[i], 0xfffff0 + i);
  }
  EXPECT_EQ(bench.subject->pending_bytes(), 0u);
  EXPECT_GT(bench.heard.writable_calls, 0u);
}

TEST(librtmp_publisher, takes_little_from_the_queue_while_the_server_does_not_read) {
  server_bench bench;
  rtmp_server_faults faults;
  faults.stop_reading_after_bytes = 20'000;
  bench.set_faults(faults);
  bench.publish();
  const outgoing_tag tag = bench.picture(30'000, 40);
  time_point last_taken = bench.loop.now();
  EXPECT_TRUE(bench.wait_for([&] {
    if (bench.subject->write(&tag, 1, video_dialect::enhanced) > 0) last_taken = bench.loop.now();
    return bench.loop.now() - last_taken > milliseconds(700);
  }));
  EXPECT_FALSE(bench.subject->is_drained());
  EXPECT_GE(bench.subject->pending_bytes(), 1u);
  EXPECT_LT(bench.subject->pending_bytes(), librtmp_pipe::max_in_flight + 31'000);
  const stream_counters counters = bench.subject->sample();
  EXPECT_GE(counters.unsent_bytes.value_or(0), bench.subject->pending_bytes());
  EXPECT_LE(*counters.unacked_bytes, counters.bytes_written);
}

TEST(librtmp_publisher, unpublishes_when_it_is_stopped) {
  server_bench bench;
  bench.publish();
  bench.subject->stop(seconds(2));
  ASSERT_TRUE(bench.wait_until_failed());
  EXPECT_EQ(bench.heard.reason, disconnect_reason::user_request);
  EXPECT_EQ(bench.heard.text, "unpublished");
  EXPECT_EQ(bench.server->live_streams(), 0u);
}

TEST(librtmp_publisher, stop_keeps_its_deadline_behind_a_full_pipe) {
  server_bench bench;
  rtmp_server_faults faults;
  faults.stop_reading_after_bytes = 20'000;
  bench.set_faults(faults);
  bench.publish();
  const outgoing_tag tag = bench.picture(500'000, 40);
  for (int i = 0; i < 100; ++i) {
    bench.subject->write(&tag, 1, video_dialect::enhanced);
    bench.loop.run_one_for(milliseconds(2));
  }
  const time_point begin = bench.loop.now();
  bench.subject->stop(milliseconds(300));
  ASSERT_TRUE(bench.wait_until_failed());
  EXPECT_EQ(bench.heard.reason, disconnect_reason::user_request);
  EXPECT_LT(bench.loop.now() - begin, longest_stall);
}

TEST(librtmp_publisher, destroying_it_blocks_nobody_and_its_thread_is_joined) {
  server_bench bench;
  rtmp_server_faults faults;
  faults.stop_reading_after_bytes = 20'000;
  bench.set_faults(faults);
  bench.publish();
  const outgoing_tag tag = bench.picture(500'000, 40);
  for (int i = 0; i < 100; ++i) {
    bench.subject->write(&tag, 1, video_dialect::enhanced);
    bench.loop.run_one_for(milliseconds(2));
  }
  EXPECT_EQ(bench.factory.crew().size(), 1u);
  const time_point begin = bench.loop.now();
  bench.subject.reset();
  EXPECT_LT(bench.loop.now() - begin, longest_stall);
  EXPECT_TRUE(bench.wait_for([&] { return bench.factory.crew().size() == 0; }));
}

TEST(librtmp_publisher, may_be_destroyed_in_any_phase) {
  server_bench bench;
  for (int turn = 0; turn < 40; ++turn) {
    bench.start(bench.url);
    for (int step = 0; step < turn; ++step) bench.loop.run_one_for(milliseconds(1));
    bench.subject.reset();
  }
  EXPECT_TRUE(bench.wait_for([&] { return bench.factory.crew().size() == 0; }));
}

struct refusal {
  const char* name;
  rtmp_server_faults faults;
  disconnect_reason reason;
  milliseconds patience = seconds(30);
};

rtmp_server_faults with(bool rtmp_server_faults::*fault) {
  rtmp_server_faults faults;
  faults.*fault = true;
  return faults;
}

TEST(librtmp_publisher, says_why_a_server_refuses) {
  const refusal table[] = {
      {"bad name", with(&rtmp_server_faults::bad_name), disconnect_reason::name_in_use},
      {"connect denied", with(&rtmp_server_faults::deny_connect), disconnect_reason::denied},
      {"publish denied", with(&rtmp_server_faults::deny_publish), disconnect_reason::denied},
      {"silent", with(&rtmp_server_faults::silent_after_accept), disconnect_reason::handshake_timeout,
       milliseconds(400)},
      {"silent later", with(&rtmp_server_faults::silent_after_connect), disconnect_reason::handshake_timeout,
       milliseconds(400)},
      {"garbage", with(&rtmp_server_faults::garbage_after_handshake), disconnect_reason::protocol_violation},
      {"nobody", with(&rtmp_server_faults::refuse_connections), disconnect_reason::connect_refused},
  };
  server_bench bench;
  for (const refusal& row : table) {
    SCOPED_TRACE(row.name);
    bench.set_faults(row.faults);
    bench.start(bench.url, row.patience);
    ASSERT_TRUE(bench.wait_until_failed());
    EXPECT_EQ(bench.heard.reason, row.reason) << reason_name(bench.heard.reason) << ": " << bench.heard.text;
    EXPECT_EQ(bench.heard.text.find("secretkey"), std::string::npos);
    EXPECT_FALSE(bench.heard.is_published);
  }
}

TEST(librtmp_publisher, a_publisher_that_is_kicked_or_cut_off_says_so) {
  server_bench bench;
  bench.publish();
  EXPECT_EQ(bench.server->unpublish("live", ""), 1u);
  ASSERT_TRUE(bench.wait_until_failed());
  EXPECT_EQ(bench.heard.reason, disconnect_reason::closed_by_server);

  bench.publish();
  bench.server->kill_all_connections();
  ASSERT_TRUE(bench.wait_until_failed());
  EXPECT_TRUE(bench.heard.reason == disconnect_reason::closed_by_server ||
              bench.heard.reason == disconnect_reason::connection_reset)
      << reason_name(bench.heard.reason);
}

}  // namespace
}  // namespace campush

#include "rtmp/publisher_switch.h"

#include <gtest/gtest.h>

#include "fakes/scripted_publisher.h"
#include "net/asio_event_loop.h"
#include "net/memory_network.h"
#include "net/simulated_loop.h"

namespace campush {
namespace {

struct silent_session final : publisher_events {
  disconnect_reason reason = disconnect_reason::none;
  std::string text;
  void on_phase(connect_phase) override {}
  void on_ready_to_publish() override {}
  void on_published() override {}
  void on_writable() override {}
  void on_failed(disconnect_reason why, std::string_view words) override {
    reason = why;
    text = words;
  }
};

struct counting_factory final : publisher_factory {
  scripted_publisher_factory scripted;
  size_t made = 0;
  explicit counting_factory(event_loop& loop) : scripted(loop) {}
  std::unique_ptr<publisher> make(const publish_target& target, publisher_events& events) override {
    ++made;
    return scripted.make(target, events);
  }
};

struct switch_bench {
  simulation world;
  simulated_loop simulated{world};
  memory_network network{world};
  memory_resolver names{network};
  asio_event_loop loop;
  connector ways{loop, network, names};
  counting_factory native{simulated};
  publisher_switch subject{native, loop, ways};
  silent_session heard;

  std::unique_ptr<publisher> make(const char* url, publish_backend backend = publish_backend::native) {
    publish_target target;
    target.url = *stream_url::parse(url);
    target.backend = backend;
    return subject.make(target, heard);
  }
};

TEST(publisher_switch, gives_rtmp_and_rtmps_to_the_native_backend) {
  switch_bench bench;
  EXPECT_NE(bench.make("rtmp://server/live/key"), nullptr);
  EXPECT_NE(bench.make("rtmps://server/live/key"), nullptr);
  EXPECT_EQ(bench.native.made, 2u);
}

TEST(publisher_switch, gives_what_only_librtmp_speaks_to_it) {
  switch_bench bench;
  for (const char* url :
       {"rtmpt://server/live/key", "rtmpe://server/live/key", "rtmpte://server/live/key", "rtmpts://server/live/key"}) {
    EXPECT_NE(bench.make(url), nullptr) << url;
  }
  EXPECT_NE(bench.make("rtmp://server/live/key", publish_backend::librtmp), nullptr);
  EXPECT_NE(bench.make("rtmps://server/live/key", publish_backend::librtmp), nullptr);
  EXPECT_EQ(bench.native.made, 0u);
}

#ifdef CAMPUSH_WITH_LIBRTMP
TEST(publisher_switch, knows_that_librtmp_is_in_this_build) {
  EXPECT_TRUE(has_librtmp());
}
#else
TEST(publisher_switch, says_what_is_missing_in_a_build_without_librtmp) {
  EXPECT_FALSE(has_librtmp());
  switch_bench bench;
  const auto tunnel = bench.make("rtmpt://server/live/secretkey");
  tunnel->start();
  EXPECT_EQ(bench.heard.reason, disconnect_reason::none) << "never from inside a call";
  bench.loop.run_one_for(std::chrono::seconds(1));
  EXPECT_EQ(bench.heard.reason, disconnect_reason::bad_url);
  EXPECT_EQ(bench.heard.text, "rtmpt:// needs librtmp, and this build has none (CMake option CAMPUSH_WITH_LIBRTMP)");
  const auto chosen = bench.make("rtmp://server/live/secretkey", publish_backend::librtmp);
  chosen->start();
  bench.loop.run_one_for(std::chrono::seconds(1));
  EXPECT_EQ(bench.heard.text,
            "\"backend\": \"librtmp\" needs librtmp, and this build has none (CMake option CAMPUSH_WITH_LIBRTMP)");
}
#endif

}  // namespace
}  // namespace campush

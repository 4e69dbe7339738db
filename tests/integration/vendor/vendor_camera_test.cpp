#include "device/camera_manager.h"
#include "vendor_rig.h"

namespace campush {

namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

/// Counts what every stream hears; frames come on capture threads.
class counting_observer final : public stream_observer {
 public:
  void on_frame(const media_frame& frame) override {
    (frame.track() == track_kind::audio ? sounds : frames).fetch_add(1);
  }
  void on_source_event(const source_event& event) override {
    if (event.kind == source_event_kind::failed) failures.fetch_add(1);
  }
  std::atomic<unsigned> frames{0}, sounds{0}, failures{0};
};

struct vendor_camera : testing::Test {
  camera_config camera(uint32_t id, const std::string& lie) {
    camera_config config;
    config.camera_id = id;
    config.streams.push_back(liar_config(R"({"period_ms":5,"lie":")" + lie + R"("})", id));
    return config;
  }
  stream_attachment attachment() {
    return {[this](const camera_config& config, const stream_config&,
                   const std::shared_ptr<stream_control>&) -> stream_observer& { return observers[config.camera_id]; },
            [](const camera_config&, const stream_config&) {}};
  }
  bool wait_for(const std::function<bool()>& is_true) {
    for (int tries = 0; tries < 2000 && !is_true(); ++tries) ::poll(nullptr, 0, 5);
    return is_true();
  }

  liar plugin;
  system_clock time;
  std::shared_ptr<hal_library_cache> plugins = std::make_shared<hal_library_cache>();
  counting_observer observers[4];
  camera_manager cameras{
      4, time,
      [this](const camera_config&, const stream_config& config, const clock& clock_of_source) {
        return result<std::unique_ptr<media_source>>(std::make_unique<vendor_source>(config, clock_of_source, plugins));
      },
      attachment()};
};

TEST_F(vendor_camera, goes_on_beside_one_whose_encoder_never_returns) {
  ASSERT_TRUE(cameras.start(camera(0, "get_blocks")));
  ASSERT_TRUE(cameras.start(camera(1, "")));
  ASSERT_TRUE(wait_for([&] { return observers[0].failures >= 2; }))
      << "the block, and that it is still there after 1 s";
  const unsigned seen = observers[1].frames;
  EXPECT_TRUE(wait_for([&] { return observers[1].frames > seen + 20; }));
  EXPECT_EQ(observers[1].failures, 0u);
  plugin.set("");
  plugin.unblock();
  for (int tries = 0; tries < 1000 && plugin.count("close") < 1; ++tries) ::poll(nullptr, 0, 5);
  cameras.stop_all();
}

constexpr const char* blocking_lies[] = {"get_blocks_at_once", "stop_blocks", "start_blocks", "close_blocks"};

TEST_F(vendor_camera, stops_within_a_second_when_every_call_blocks) {
  for (uint32_t id = 0; id < 4; ++id) ASSERT_TRUE(cameras.start(camera(id, blocking_lies[id])));
  ASSERT_TRUE(plugin.wait_until_blocked(2));
  ASSERT_TRUE(wait_for([&] { return observers[1].frames > 0 && observers[3].frames > 0; }));
  const time_point begin = time.now();
  cameras.stop_all();
  EXPECT_LT(time.now() - begin, seconds(1));
  ASSERT_TRUE(plugin.wait_until_blocked(4));
  plugin.set("");
  plugin.unblock();
  EXPECT_TRUE(wait_for([&] { return plugin.count("close") == 4; }));
}

/// With sound, as the agent makes them.
struct vendor_camera_with_sound : vendor_camera {
  camera_manager whole{4, time, default_source_factory(), attachment()};
};

TEST_F(vendor_camera_with_sound, stops_within_a_second_when_every_call_blocks) {
  for (uint32_t id = 0; id < 4; ++id) {
    camera_config config = camera(id, blocking_lies[id]);
    config.streams[0].audio.channel = id;
    ASSERT_TRUE(whole.start(config));
  }
  // Camera 2 does not come to its sound.
  ASSERT_TRUE(plugin.wait_until_blocked(3));
  ASSERT_TRUE(wait_for([&] { return observers[1].sounds > 0 && observers[3].sounds > 0; }));
  const time_point begin = time.now();
  whole.stop_all();
  EXPECT_LT(time.now() - begin, seconds(1));
  ASSERT_TRUE(plugin.wait_until_blocked(7));
  plugin.set("");
  plugin.unblock();
  EXPECT_TRUE(wait_for([&] { return plugin.count("close") == 7; }));
}

TEST_F(vendor_camera_with_sound, gives_each_camera_the_audio_channel_that_it_names) {
  for (uint32_t id = 0; id < 4; ++id) {
    camera_config config = camera(id, "");
    config.streams[0].audio.channel = id;
    ASSERT_TRUE(whole.start(config));
  }
  for (const counting_observer& each : observers) EXPECT_TRUE(wait_for([&] { return each.sounds > 10; }));
  EXPECT_EQ(plugin.count("open"), 8u);
}

TEST_F(vendor_camera_with_sound, shares_an_audio_channel_among_cameras) {
  for (uint32_t id = 0; id < 4; ++id) {
    camera_config config = camera(id, id % 2 == 0 ? "" : "honest");
    config.streams[0].source.device = std::to_string(id);
    if (id == 2) config.streams[0].audio.type = "vendor";
    ASSERT_TRUE(whole.start(config));
  }
  for (const counting_observer& each : observers) EXPECT_TRUE(wait_for([&] { return each.sounds > 10; }));
  EXPECT_EQ(plugin.count("open"), 5u) << "four times pictures, once sound";
}

}  // namespace

}  // namespace campush

#include "device/camera_manager.h"
#include "vendor_rig.h"

namespace campush {

namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

/// Counts what every stream hears; frames come on capture threads.
class counting_observer final : public stream_observer {
 public:
  void on_frame(const media_frame&) override { frames.fetch_add(1); }
  void on_source_event(const source_event& event) override {
    if (event.kind == source_event_kind::failed) failures.fetch_add(1);
  }
  std::atomic<unsigned> frames{0}, failures{0};
};

struct vendor_camera : testing::Test {
  camera_config camera(uint32_t id, const std::string& lie) {
    camera_config config;
    config.camera_id = id;
    config.streams.push_back(liar_config(R"({"period_ms":5,"lie":")" + lie + R"("})", id));
    return config;
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
      4,
      time,
      [this](const camera_config&, const stream_config& config, const clock& clock_of_source) {
        return result<std::unique_ptr<media_source>>(std::make_unique<vendor_source>(config, clock_of_source, plugins));
      },
      {[this](const camera_config& config, const stream_config&,
              const std::shared_ptr<stream_control>&) -> stream_observer& { return observers[config.camera_id]; },
       [](const camera_config&, const stream_config&) {}}};
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

TEST_F(vendor_camera, stops_within_a_second_when_every_call_blocks) {
  const char* const lies[] = {"get_blocks_at_once", "stop_blocks", "start_blocks", "close_blocks"};
  for (uint32_t id = 0; id < 4; ++id) ASSERT_TRUE(cameras.start(camera(id, lies[id])));
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

}  // namespace

}  // namespace campush

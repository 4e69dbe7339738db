#include "fakes/allocation_count.h"
#include "vendor_rig.h"

namespace campush {

namespace {

class counting_sink final : public frame_sink {
 public:
  void on_frame(const media_frame&) override { ++frames; }
  unsigned frames = 0;
};

/// Of the source and its worker together, while `count` pictures come.
uint64_t allocations_of(media_source& source, unsigned count) {
  const system_clock time;
  counting_sink sink;
  const uint64_t before = allocation_count();
  while (sink.frames < count) {
    pollfd watched{source.poll_descriptor(), POLLIN, 0};
    ::poll(&watched, 1, 100);
    if (!source.step(time.now(), sink)) return UINT64_MAX;
  }
  return allocation_count() - before;
}

TEST(vendor_source, allocates_nothing_per_picture) {
  const system_clock time;
  stream_config config;
  config.source.library = CAMPUSH_FILE_HAL;
  config.source.options = R"({"h264":")" CAMPUSH_TEST_DATA R"(/gate.h264"})";
  config.encoder.frame_rate = 100;
  vendor_source source(config, time, std::make_shared<hal_library_cache>());
  ASSERT_TRUE(source.open());
  allocations_of(source, 20);
  EXPECT_EQ(allocations_of(source, 150), 0u);
}

TEST(vendor_source, is_measured_by_a_counter_that_counts) {
  const uint64_t before = allocation_count();
  ::operator delete(::operator new(1));
  EXPECT_EQ(allocation_count(), before + 1);
}

}  // namespace

}  // namespace campush

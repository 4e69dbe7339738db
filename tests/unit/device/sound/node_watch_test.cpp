#include "device/sound/node_watch.h"

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

namespace campush {
namespace {

bool is_readable(const node_watch& watch) {
  pollfd watched{watch.descriptor(), POLLIN, 0};
  return watch.descriptor() >= 0 && ::poll(&watched, 1, 0) > 0;
}

class node_watch_folder : public ::testing::Test {
 protected:
  node_watch_folder() {
    std::string made = ::testing::TempDir() + "node_watch_XXXXXX";
    root = ::mkdtemp(made.data());
  }
  ~node_watch_folder() override { std::filesystem::remove_all(root); }
  void make_node(const std::string& name) const { std::ofstream(root + "/" + name) << "x"; }

  std::string root;
};

TEST_F(node_watch_folder, tells_of_a_node_that_appears_and_forgets_on_request) {
  node_watch watch(root);
  watch.start();
  EXPECT_FALSE(is_readable(watch));
  make_node("pcmC0D0c");
  EXPECT_TRUE(is_readable(watch));
  watch.forget();
  EXPECT_FALSE(is_readable(watch));
  make_node("pcmC1D0c");
  EXPECT_TRUE(is_readable(watch));
}

TEST_F(node_watch_folder, tells_of_a_node_that_may_be_opened_now) {
  make_node("pcmC0D0c");
  node_watch watch(root);
  watch.start();
  ASSERT_EQ(::chmod((root + "/pcmC0D0c").c_str(), 0600), 0);
  EXPECT_TRUE(is_readable(watch));
}

TEST_F(node_watch_folder, watches_the_parent_of_a_folder_that_is_not_there_yet) {
  node_watch watch(root + "/snd");
  watch.start();
  ASSERT_GE(watch.descriptor(), 0);
  std::filesystem::create_directory(root + "/snd");
  EXPECT_TRUE(is_readable(watch));
  watch.forget();
  make_node("snd/pcmC0D0c");
  EXPECT_TRUE(is_readable(watch)) << "the folder itself is watched by now";
}

TEST_F(node_watch_folder, has_no_descriptor_when_stopped) {
  node_watch watch(root);
  EXPECT_EQ(watch.descriptor(), -1);
  watch.start();
  EXPECT_GE(watch.descriptor(), 0);
  watch.stop();
  EXPECT_EQ(watch.descriptor(), -1);
}

}  // namespace
}  // namespace campush

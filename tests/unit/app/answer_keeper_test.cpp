#include "app/answer_keeper.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>

#include "net/simulated_loop.h"

namespace campush {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

struct keeper_bench {
  simulation world;
  simulated_loop loop{world};
  std::string folder;
  server_capabilities refusing;

  keeper_bench() {
    std::string name = (std::filesystem::temp_directory_path() / "campush-keeper-XXXXXX").string();
    folder = ::mkdtemp(name.data());
    refusing.has_video_list = true;
  }
  ~keeper_bench() { std::filesystem::remove_all(folder); }
  std::string path() const { return folder + "/servers.json"; }
  bool is_written() const { return std::filesystem::exists(path()); }
  auto now() const { return world.time().wall_now(); }
};

TEST(answer_keeper, writes_a_second_after_the_last_change_and_reads_it_again) {
  keeper_bench bench;
  {
    answer_keeper keeper(bench.loop, bench.path());
    for (const char* server : {"a", "b", "c"}) {
      keeper.answers().remember(server, bench.refusing, bench.now());
      bench.world.run_for(milliseconds(600));
      EXPECT_FALSE(bench.is_written()) << server;
    }
    bench.world.run_for(seconds(1));
    EXPECT_TRUE(bench.is_written());
  }
  answer_keeper again(bench.loop, bench.path());
  EXPECT_EQ(again.answers().size(), 3u);
  EXPECT_EQ(again.answers().find("b", bench.now()), bench.refusing);
}

TEST(answer_keeper, writes_at_once_when_told_and_only_what_changed) {
  keeper_bench bench;
  answer_keeper keeper(bench.loop, bench.path());
  keeper.save_now();
  EXPECT_FALSE(bench.is_written());
  keeper.answers().remember("a", bench.refusing, bench.now());
  bench.world.run_for(milliseconds(1));
  keeper.save_now();
  EXPECT_TRUE(bench.is_written());
  std::filesystem::remove(bench.path());
  keeper.save_now();
  bench.world.run_for(seconds(5));
  EXPECT_FALSE(bench.is_written());
}

TEST(answer_keeper, lives_without_a_place_and_with_one_that_cannot_be_written) {
  keeper_bench bench;
  for (const std::string& path : {std::string(), bench.folder + "/no/such/folder/servers.json"}) {
    answer_keeper keeper(bench.loop, path);
    keeper.answers().remember("a", bench.refusing, bench.now());
    bench.world.run_for(seconds(3));
    EXPECT_EQ(keeper.answers().size(), 1u);
  }
}

TEST(answer_keeper, tries_again_where_it_could_not_write) {
  keeper_bench bench;
  const std::string folder = bench.folder + "/later";
  answer_keeper keeper(bench.loop, folder + "/servers.json");
  keeper.answers().remember("a", bench.refusing, bench.now());
  bench.world.run_for(seconds(3));
  std::filesystem::create_directory(folder);
  bench.world.run_for(seconds(50));
  EXPECT_FALSE(std::filesystem::exists(folder + "/servers.json"));
  bench.world.run_for(seconds(10));
  EXPECT_TRUE(std::filesystem::exists(folder + "/servers.json"));
}

TEST(answer_keeper, begins_empty_over_a_damaged_file) {
  keeper_bench bench;
  std::ofstream(bench.path()) << "{\"version\":1,\"serv";
  answer_keeper keeper(bench.loop, bench.path());
  EXPECT_EQ(keeper.answers().size(), 0u);
  keeper.answers().remember("a", bench.refusing, bench.now());
  bench.world.run_for(seconds(3));
  EXPECT_EQ(answer_keeper(bench.loop, bench.path()).answers().size(), 1u);
}

}  // namespace
}  // namespace campush

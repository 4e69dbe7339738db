#include "rtmp/capability_store.h"

#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

#include "rtmp/stream_url.h"

namespace campush {
namespace {

using std::chrono::hours;
using std::chrono::seconds;

const capability_store::wall_time today{seconds(1'800'000'000)};

server_capabilities listed() {
  server_capabilities answer;
  answer.has_video_list = answer.takes_hevc = true;
  return answer;
}
server_capabilities refusing() {
  server_capabilities answer;
  answer.has_video_list = true;
  return answer;
}

class folder {
 public:
  folder() {
    std::string name = (std::filesystem::temp_directory_path() / "campush-store-XXXXXX").string();
    m_path = ::mkdtemp(name.data());
  }
  ~folder() { std::filesystem::remove_all(m_path); }
  std::string file() const { return m_path + "/servers.json"; }
  size_t files() const {
    size_t count = 0;
    for (const auto& entry : std::filesystem::directory_iterator(m_path)) count += entry.exists() ? 1 : 0;
    return count;
  }
  void write(const std::string& text) const { std::ofstream(file(), std::ios::binary) << text; }
  std::string read() const {
    std::ifstream in(file(), std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }

 private:
  std::string m_path;
};

TEST(server_key, names_scheme_host_port_and_app_and_no_secret) {
  const struct {
    const char* name;
    const char* url;
    const char* key;
  } rows[] = {
      {"default port", "rtmp://a/live/k", "rtmp://a:1935/live"},
      {"tls", "rtmps://a/live/k", "rtmps://a:443/live"},
      {"user and query", "rtmp://u:p@a:1936/live/k?token=1", "rtmp://a:1936/live"},
      {"query of the app", "rtmp://a/live?auth=1/k", "rtmp://a:1935/live"},
      {"instance", "rtmp://a/live/inst/k", "rtmp://a:1935/live/inst"},
      {"ipv6", "rtmp://[::1]/live/k", "rtmp://[::1]:1935/live"},
  };
  for (const auto& row : rows) {
    const auto url = stream_url::parse(row.url);
    ASSERT_TRUE(url.has_value()) << row.name;
    EXPECT_EQ(server_key(*url), row.key) << row.name;
  }
}

TEST(capability_store, remembers_for_seven_days_and_not_from_the_future) {
  capability_store store;
  store.remember("a", listed(), today);
  EXPECT_EQ(store.find("a", today), listed());
  EXPECT_EQ(store.find("a", today + hours(7 * 24) - seconds(1)), listed());
  EXPECT_EQ(store.find("a", today + hours(7 * 24)), std::nullopt);
  EXPECT_EQ(store.find("a", today - seconds(1)), std::nullopt);
  EXPECT_EQ(store.find("b", today), std::nullopt);
}

TEST(capability_store, forgets_one_server_when_told) {
  capability_store store;
  store.remember("a", listed(), today);
  store.remember("b", refusing(), today);
  store.forget("a");
  EXPECT_EQ(store.find("a", today), std::nullopt);
  EXPECT_EQ(store.find("b", today), refusing());
}

TEST(capability_store, the_oldest_goes_when_it_is_full) {
  capability_store store;
  for (size_t i = 0; i <= capability_store::max_entries; ++i) {
    store.remember("s" + std::to_string(i), listed(), today + seconds(i));
  }
  EXPECT_EQ(store.size(), capability_store::max_entries);
  EXPECT_EQ(store.find("s0", today + hours(1)), std::nullopt);
  EXPECT_EQ(store.find("s1", today + hours(1)), listed());
}

TEST(capability_store, reads_what_it_has_written_however_full_it_is) {
  for (const size_t longest : {capability_store::max_name_bytes, capability_store::max_name_bytes + 1, size_t{1000}}) {
    const folder place;
    capability_store store;
    store.remember("rtmp://a:1935/live", listed(), today);
    for (size_t i = 1; i < capability_store::max_entries; ++i) {
      std::string name = "rtmp://h/" + std::to_string(i);
      name.resize(longest, '"');
      store.remember(name, listed(), today);
      EXPECT_TRUE(store.find(name, today).has_value()) << "until the program ends";
    }
    ASSERT_TRUE(store.save(place.file()).has_value());
    capability_store again;
    ASSERT_TRUE(again.load(place.file()).has_value());
    const bool is_written = longest <= capability_store::max_name_bytes;
    EXPECT_EQ(again.size(), is_written ? capability_store::max_entries : 1u) << longest;
    EXPECT_EQ(again.find("rtmp://a:1935/live", today), listed()) << longest;
  }
}

TEST(capability_store, tells_of_changes_only) {
  int changes = 0;
  capability_store store([&changes] { ++changes; });
  store.remember("a", listed(), today);
  EXPECT_EQ(changes, 1);
  store.remember("a", listed(), today + hours(23));
  EXPECT_EQ(changes, 1) << "a reconnect is no reason to write";
  store.remember("a", listed(), today + hours(24));
  EXPECT_EQ(changes, 2) << "but the entry must not expire under a server that says it every day";
  store.remember("a", refusing(), today + hours(24));
  EXPECT_EQ(changes, 3);
  store.forget("b");
  EXPECT_EQ(changes, 3);
  store.forget("a");
  EXPECT_EQ(changes, 4);
}

TEST(capability_store, comes_back_from_its_file) {
  const folder place;
  capability_store store;
  server_capabilities all = listed();
  all.has_reconnect = all.refuses_properties = true;
  store.remember("rtmp://a:1935/li\"ve", all, today);
  store.remember("rtmp://b:1935/live", refusing(), today - hours(48));
  ASSERT_TRUE(store.save(place.file()).has_value());
  ASSERT_TRUE(store.save(place.file()).has_value()) << "over the file of before";
  EXPECT_EQ(place.files(), 1u) << "no temporary file stays";
  struct stat entry {};
  ASSERT_EQ(::stat(place.file().c_str(), &entry), 0);
  EXPECT_EQ(entry.st_mode & 0777u, 0600u);

  capability_store again;
  ASSERT_TRUE(again.load(place.file()).has_value());
  EXPECT_EQ(again.size(), 2u);
  EXPECT_EQ(again.find("rtmp://a:1935/li\"ve", today), all);
  EXPECT_EQ(again.find("rtmp://b:1935/live", today), refusing());
  EXPECT_EQ(again.find("rtmp://b:1935/live", today + hours(5 * 24)), std::nullopt) << "age survives, too";
}

TEST(capability_store, ignores_a_file_that_it_did_not_write_and_replaces_it) {
  const std::string good =
      R"({"version":1,"servers":[{"server":"a","learned_at":1800000000,"has_video_list":true,"takes_hevc":true,)"
      R"("has_reconnect":false,"refuses_properties":false}]})";
  const struct {
    const char* name;
    std::string text;
    size_t size;
  } rows[] = {
      {"good", good, 1},
      {"empty", "", 0},
      {"cut", good.substr(0, good.size() / 2), 0},
      {"zeros", std::string(200, '\0'), 0},
      {"other version", R"({"version":2,"servers":[]})", 0},
      {"no version", R"({"servers":[]})", 0},
      {"a list", "[]", 0},
      {"no servers", R"({"version":1})", 0},
      {"servers of another kind", R"({"version":1,"servers":7})", 0},
      {"an entry of another kind", R"({"version":1,"servers":[7]})", 0},
      {"a flag missing", R"({"version":1,"servers":[{"server":"a","learned_at":1800000000}]})", 0},
      {"no year that a clock can hold",
       R"({"version":1,"servers":[{"server":"a","learned_at":9223372036854775807,"has_video_list":true,)"
       R"("takes_hevc":true,"has_reconnect":false,"refuses_properties":false}]})",
       0},
      {"a damaged entry behind a good one", good.substr(0, good.size() - 2) + R"(,{"server":"b"}]})", 1},
      {"a damaged entry before a good one", R"({"version":1,"servers":[null,)" + good.substr(good.find("[{") + 1), 1},
      {"too big", std::string(capability_store::max_file_bytes + 1, ' '), 0},
      {"too deep", std::string(100000, '['), 0},
  };
  for (const auto& row : rows) {
    const folder place;
    place.write(row.text);
    capability_store store;
    EXPECT_TRUE(store.load(place.file()).has_value()) << row.name;
    EXPECT_EQ(store.size(), row.size) << row.name;
    EXPECT_TRUE(store.save(place.file()).has_value()) << row.name;
    EXPECT_TRUE(capability_store().load(place.file()).has_value()) << row.name;
    EXPECT_EQ(place.read().substr(0, 13), R"({"version":1,)") << row.name;
  }
}

TEST(capability_store, says_why_a_file_cannot_be_read_or_written) {
  const folder place;
  capability_store store;
  EXPECT_EQ(store.load(place.file()).error().code, error_code::not_found);
  EXPECT_EQ(store.save(place.file() + "/no/such/folder").error().code, error_code::not_found);
  std::filesystem::create_directory(place.file());
  EXPECT_FALSE(store.save(place.file()).has_value());
  EXPECT_FALSE(store.load(place.file()).has_value());
}

}  // namespace
}  // namespace campush

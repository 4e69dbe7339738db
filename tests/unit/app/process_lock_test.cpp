#include "app/process_lock.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <filesystem>
#include <fstream>

namespace campush {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

struct process_lock_test : ::testing::Test {
  process_lock_test() {
    std::string pattern = ::testing::TempDir() + "campush-lock-XXXXXX";
    folder = ::mkdtemp(pattern.data());
  }
  ~process_lock_test() override { std::filesystem::remove_all(folder); }
  std::string folder;
};

TEST_F(process_lock_test, second_holder_is_told_the_pid) {
  const auto first = process_lock::acquire(folder);
  ASSERT_TRUE(first) << first.error().message;
  const auto second = process_lock::acquire(folder);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, error_code::busy);
  EXPECT_THAT(second.error().message, StartsWith("already running, pid " + std::to_string(::getpid())));
}

TEST_F(process_lock_test, is_free_again_after_its_holder) {
  { ASSERT_TRUE(process_lock::acquire(folder)); }
  EXPECT_TRUE(process_lock::acquire(folder));
}

TEST_F(process_lock_test, a_leftover_file_of_a_dead_process_does_not_lock) {
  std::ofstream(folder + "/campush.lock") << "999999\n";
  EXPECT_TRUE(process_lock::acquire(folder));
}

TEST_F(process_lock_test, finds_no_agent_where_another_program_has_the_pid) {
  ::setenv("TMPDIR", folder.c_str(), 1);
  EXPECT_EQ(find_running_agent(folder), std::nullopt);
  EXPECT_FALSE(std::filesystem::exists(folder + "/campush.lock"));
  const auto held = process_lock::acquire(folder);
  EXPECT_EQ(find_running_agent(folder), std::nullopt) << "this program is not called campush";
  std::ofstream(folder + "/campush.lock") << "../../etc\n";
  EXPECT_EQ(find_running_agent(folder), std::nullopt);
  ::unsetenv("TMPDIR");
}

TEST_F(process_lock_test, finds_the_agent_in_the_folder_that_it_took_instead) {
  struct row {
    const char* name;
    const char* variable;
    const char* cleared;
  };
  std::array<char, 16> own_name{};
  ASSERT_EQ(::prctl(PR_GET_NAME, own_name.data()), 0);
  ASSERT_EQ(::prctl(PR_SET_NAME, "campush"), 0);
  for (const row& each :
       {row{"state home", "XDG_STATE_HOME", "TMPDIR"}, row{"temporary", "TMPDIR", "XDG_STATE_HOME"}}) {
    ::unsetenv(each.cleared);
    ::setenv(each.variable, folder.c_str(), 1);
    const auto chosen = choose_state_folder("/proc/campush");
    ASSERT_TRUE(chosen) << each.name;
    {
      const auto held = process_lock::acquire(chosen->path);
      EXPECT_EQ(find_running_agent("/proc/campush"), std::to_string(::getpid())) << each.name;
    }
    ::unsetenv(each.variable);
  }
  ::prctl(PR_SET_NAME, own_name.data());
}

TEST_F(process_lock_test, does_not_follow_a_link) {
  ASSERT_EQ(::symlink("/etc/passwd", (folder + "/campush.lock").c_str()), 0);
  EXPECT_FALSE(process_lock::acquire(folder));
}

TEST_F(process_lock_test, a_missing_folder_is_made) {
  const auto chosen = choose_state_folder(folder + "/a/b");
  ASSERT_TRUE(chosen);
  EXPECT_EQ(chosen->path, folder + "/a/b");
  EXPECT_EQ(chosen->warning, "");
  EXPECT_TRUE(std::filesystem::is_directory(folder + "/a/b"));
}

TEST_F(process_lock_test, a_link_to_a_folder_is_one) {
  std::filesystem::create_directory(folder + "/real");
  std::filesystem::create_symlink(folder + "/real", folder + "/link");
  const auto chosen = choose_state_folder(folder + "/link");
  ASSERT_TRUE(chosen);
  EXPECT_EQ(chosen->path, folder + "/link");
  EXPECT_EQ(chosen->warning, "");
}

TEST_F(process_lock_test, takes_no_folder_in_the_temporary_one_that_somebody_else_may_write_to) {
  struct row {
    const char* name;
    void (*prepare)(const std::string& path);
  };
  const row rows[] = {{"open to all",
                       [](const std::string& path) {
                         ::mkdir(path.c_str(), 0700);
                         ::chmod(path.c_str(), 0777);
                       }},
                      {"of another user",
                       [](const std::string& path) {
                         ::mkdir(path.c_str(), 0700);
                         if (::chown(path.c_str(), 12345, 12345) != 0) ::chmod(path.c_str(), 0777);
                       }},
                      {"a link", [](const std::string& path) { std::filesystem::create_symlink("/tmp", path); }}};
  ::unsetenv("XDG_STATE_HOME");
  ::setenv("TMPDIR", folder.c_str(), 1);
  for (const row& each : rows) {
    const std::string path = folder + "/campush-" + std::to_string(::geteuid());
    each.prepare(path);
    EXPECT_FALSE(choose_state_folder("/proc/campush")) << each.name;
    std::filesystem::remove(path);
  }
  ::unsetenv("TMPDIR");
}

TEST_F(process_lock_test, a_folder_that_cannot_be_written_is_replaced_with_one_warning) {
  ::setenv("XDG_STATE_HOME", folder.c_str(), 1);
  const auto chosen = choose_state_folder("/proc/campush");
  ::unsetenv("XDG_STATE_HOME");
  ASSERT_TRUE(chosen);
  EXPECT_EQ(chosen->path, folder + "/campush");
  EXPECT_THAT(chosen->warning, HasSubstr("/proc/campush cannot be written, using " + folder));
}

TEST_F(process_lock_test, falls_back_to_the_temporary_folder_of_the_user) {
  ::unsetenv("XDG_STATE_HOME");
  ::setenv("TMPDIR", folder.c_str(), 1);
  const auto chosen = choose_state_folder("/proc/campush");
  ::unsetenv("TMPDIR");
  ASSERT_TRUE(chosen);
  EXPECT_EQ(chosen->path, folder + "/campush-" + std::to_string(::geteuid()));
}

TEST_F(process_lock_test, says_so_when_nothing_can_be_written) {
  ::unsetenv("XDG_STATE_HOME");
  ::setenv("TMPDIR", "/proc", 1);
  const auto chosen = choose_state_folder("/proc/campush");
  ::unsetenv("TMPDIR");
  ASSERT_FALSE(chosen);
  EXPECT_THAT(chosen.error().message, HasSubstr("/proc/campush"));
}

}  // namespace
}  // namespace campush

#include "util/log_console_sink.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <string>

namespace campush {
namespace {

class log_console_sink_test : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_EQ(::pipe(m_ends.data()), 0);
    // The reader of a test must not wait; the writer's end stays as a supervisor would give it to us.
    ::fcntl(m_ends[0], F_SETFL, O_NONBLOCK);
  }
  void TearDown() override {
    ::close(m_ends[0]);
    if (m_ends[1] >= 0) ::close(m_ends[1]);
  }
  int writer() const { return m_ends[1]; }
  std::string read_all() const {
    std::string out;
    std::array<char, 4096> block{};
    for (ssize_t size = 0; (size = ::read(m_ends[0], block.data(), block.size())) > 0;) {
      out.append(block.data(), static_cast<size_t>(size));
    }
    return out;
  }
  static void log(log_console_sink& sink, const std::string& text) {
    sink.log(spdlog::details::log_msg("campush", spdlog::level::info, text));
  }
  std::array<int, 2> m_ends{-1, -1};
};

TEST_F(log_console_sink_test, writes_lines_as_they_come) {
  log_console_sink sink(writer());
  sink.set_pattern("%^%l%$ %v");
  log(sink, "one");
  log(sink, "two");
  EXPECT_EQ(read_all(), "info one\ninfo two\n");
}

TEST_F(log_console_sink_test, gives_a_line_up_when_nobody_reads_and_comes_back_when_somebody_does) {
  log_console_sink sink(writer());
  sink.set_pattern("%v");
  const std::string line(1000, 'x');
  size_t written = 0;
  const auto fill = [&] {
    for (; written < 1000; ++written) log(sink, line);
  };
  EXPECT_THROW(fill(), spdlog::spdlog_ex);
  EXPECT_GT(written, 3u);
  EXPECT_THROW(log(sink, "lost"), spdlog::spdlog_ex);
  EXPECT_EQ(read_all().find("lost"), std::string::npos);
  log(sink, "back");
  EXPECT_EQ(read_all(), "back\n");
}

TEST_F(log_console_sink_test, writes_a_text_longer_than_a_pipe_guarantees) {
  const std::string text(10'000, 'y');
  ASSERT_TRUE(write_without_waiting(writer(), std::string_view(text)));
  EXPECT_EQ(read_all(), text);
}

TEST_F(log_console_sink_test, refuses_a_descriptor_that_is_closed) {
  const int closed = writer();
  ::close(closed);
  m_ends[1] = -1;
  const bool is_written = write_without_waiting(closed, "text");
  EXPECT_FALSE(is_written);
}

}  // namespace
}  // namespace campush

#include "server/http_server.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <functional>
#include <string>

#include "net/asio_event_loop.h"
#include "net/socket_address.h"

namespace campush {
namespace {

using namespace std::chrono_literals;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::StartsWith;

/// Counts what it is asked, and does something of the test's own when it is.
struct asked_agent final : agent_control {
  const clock& time() const override { return now; }
  agent_summary summary() const override {
    ++asked;
    if (on_asked) on_asked();
    return {};
  }
  std::vector<session_status> sessions() const override { return {}; }
  session_totals totals() const override { return {}; }
  std::vector<stream_status> streams() const override { return {}; }
  std::vector<camera_summary> cameras() const override { return {}; }
  result<void> retry(const session_id&) override { return {}; }

  system_clock now;
  mutable int asked = 0;
  std::function<void()> on_asked;
};

/// A client that says what it likes.
class raw_client {
 public:
  explicit raw_client(const endpoint& server) : m_fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    const socket_address address(server);
    EXPECT_EQ(::connect(m_fd, address.get(), address.size), 0);
  }
  ~raw_client() { ::close(m_fd); }
  raw_client(const raw_client&) = delete;
  raw_client& operator=(const raw_client&) = delete;

  void say(const std::string& text) const {
    EXPECT_EQ(::send(m_fd, text.data(), text.size(), MSG_NOSIGNAL), static_cast<ssize_t>(text.size()));
  }
  /// What has come so far; `is_over` once the server has closed.
  void hear() {
    char bytes[4096];
    const ssize_t count = ::recv(m_fd, bytes, sizeof bytes, MSG_DONTWAIT);
    if (count > 0) heard.append(bytes, static_cast<size_t>(count));
    if (count == 0 || (count < 0 && errno != EAGAIN)) is_over = true;
  }
  std::string heard;
  bool is_over = false;

 private:
  const int m_fd;
};

struct http_server_test : ::testing::Test {
  http_server_test() {
    http_options options;
    options.listen = "127.0.0.1:0";
    EXPECT_TRUE(server.start(options, false));
  }
  void run_until_over(raw_client& client) {
    for (const time_point end = loop.now() + 15s; !client.is_over && loop.now() < end; client.hear()) {
      loop.run_one_for(10ms);
    }
    EXPECT_TRUE(client.is_over);
  }
  asio_event_loop loop;
  asked_agent agent;
  api surface{agent, secret_text()};
  http_server server{loop, surface};
};

const std::string ask_health = "GET /health HTTP/1.1\r\nHost: a\r\n\r\n";
const std::string ask_health_and_close = "GET /health HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";

TEST_F(http_server_test, answers_requests_one_after_the_other) {
  raw_client client(server.local());
  client.say(ask_health + ask_health + ask_health_and_close);
  run_until_over(client);
  EXPECT_THAT(client.heard, StartsWith("HTTP/1.1 200 OK\r\n"));
  EXPECT_EQ(agent.asked, 3);
}

TEST_F(http_server_test, answers_head_without_a_body) {
  raw_client client(server.local());
  client.say("HEAD /health HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
  run_until_over(client);
  EXPECT_THAT(client.heard, EndsWith("\r\n\r\n"));
  EXPECT_THAT(client.heard, HasSubstr("Content-Length: "));
}

TEST_F(http_server_test, asks_the_api_nothing_more_once_it_is_stopped) {
  raw_client client(server.local());
  agent.on_asked = [this] { loop.post([this] { server.stop(); }); };
  // The second request is there already while the first is answered.
  client.say(ask_health + ask_health);
  run_until_over(client);
  for (int i = 0; i < 20; ++i) loop.run_one_for(1ms);
  EXPECT_EQ(agent.asked, 1);
}

TEST_F(http_server_test, drops_who_asks_too_much) {
  struct row {
    const char* name;
    std::string request;
  };
  const row rows[] = {{"header", "GET / HTTP/1.1\r\nX: " + std::string(9000, 'x') + "\r\n\r\n"},
                      {"body", "POST / HTTP/1.1\r\nContent-Length: 99999\r\n\r\n" + std::string(2000, 'x')},
                      {"noise", std::string(100, '\xff') + "\r\n\r\n"}};
  for (const row& each : rows) {
    SCOPED_TRACE(each.name);
    raw_client client(server.local());
    client.say(each.request);
    run_until_over(client);
    EXPECT_EQ(agent.asked, 0);
  }
}

}  // namespace
}  // namespace campush

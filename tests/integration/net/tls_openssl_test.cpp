#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fakes/stream_recorder.h"
#include "fakes/test_certificates.h"
#include "net/asio_event_loop.h"
#include "net/tcp_network.h"
#include "net/tls_client.h"
#include "net/tls_listener.h"

extern char** environ;

namespace campush::test {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

/// `openssl s_server` or `s_client` as a child: what it prints is read from a pipe, which also holds it back when nobody reads.
class openssl_program {
 public:
  explicit openssl_program(std::vector<std::string> arguments) {
    int input[2], output[2];
    if (::pipe2(input, O_CLOEXEC) != 0 || ::pipe2(output, O_CLOEXEC) != 0) return;
    posix_spawn_file_actions_t actions;
    ::posix_spawn_file_actions_init(&actions);
    ::posix_spawn_file_actions_adddup2(&actions, input[0], STDIN_FILENO);
    ::posix_spawn_file_actions_adddup2(&actions, output[1], STDOUT_FILENO);
    ::posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
    arguments.insert(arguments.begin(), "openssl");
    std::vector<char*> argv;
    for (auto& argument : arguments) argv.push_back(argument.data());
    argv.push_back(nullptr);
    if (::posix_spawnp(&m_pid, "openssl", &actions, nullptr, argv.data(), environ) != 0) m_pid = -1;
    ::posix_spawn_file_actions_destroy(&actions);
    ::close(input[0]);
    ::close(output[1]);
    m_input = input[1];
    m_output = output[0];
  }
  ~openssl_program() {
    if (m_pid > 0) {
      ::kill(m_pid, SIGKILL);
      ::waitpid(m_pid, nullptr, 0);
    }
    ::close(m_input);
    ::close(m_output);
  }

  /// Waits at most 10 s for something to print; false if nothing comes.
  bool read_more() {
    pollfd waiting{m_output, POLLIN, 0};
    return ::poll(&waiting, 1, 10'000) > 0 && read_now();
  }
  /// What it has printed by now.
  bool read_now() {
    pollfd waiting{m_output, POLLIN, 0};
    if (::poll(&waiting, 1, 0) <= 0) return false;
    char buffer[64 * 1024];
    const ssize_t size = ::read(m_output, buffer, sizeof buffer);
    if (size <= 0) return false;
    printed.append(buffer, static_cast<size_t>(size));
    return true;
  }
  void type(const std::string& text) const {
    if (::write(m_input, text.data(), text.size()) < 0) ADD_FAILURE() << "the child does not read";
  }

  std::string printed;

 private:
  pid_t m_pid = -1;
  int m_input = -1, m_output = -1;
};

class tls_openssl_test : public ::testing::Test {
 protected:
  tls_openssl_test() {
    m_options.ca_file = m_folder.write("ca.pem", m_ca.pem());
    const test_certificate leaf = m_ca.issue(spec("localhost"));
    m_certificate = m_folder.write("server.pem", leaf.pem());
    m_key = m_folder.write("server.key", leaf.key_pem());
  }

  static certificate_spec spec(const std::string& name, bool is_ca = false) {
    certificate_spec made;
    made.common_name = name;
    if (!is_ca) made.dns_names = {name};
    made.is_ca = is_ca;
    made.not_before = std::chrono::system_clock::now() - 24h;
    made.not_after = std::chrono::system_clock::now() + 24h;
    return made;
  }
  /// s_server takes no port 0 that it would tell when it is quiet: a port that was free a moment ago.
  void serve(const std::vector<std::string>& further) {
    m_port = m_net.listen(parse_endpoint("127.0.0.1", 0).value(), [](auto) {}).value()->local().port;
    std::vector<std::string> arguments = {
        "s_server", "-accept", "127.0.0.1:" + std::to_string(m_port), "-cert", m_certificate, "-key", m_key};
    arguments.insert(arguments.end(), further.begin(), further.end());
    m_program.emplace(arguments);
  }
  template <class Predicate>
  bool run_until(Predicate is_done, duration limit = 20s) {
    const time_point end = m_loop.now() + limit;
    while (!is_done()) {
      if (m_loop.now() >= end) return false;
      m_loop.run_one_for(5ms);
      m_loop.run_one_for(0ms);
    }
    return true;
  }
  void connect() {
    if (!m_tls) m_tls = tls_client::make(m_loop, m_options).value();
    m_client.stream.reset();
    m_failure.reset();
    m_client.is_closed = false;
    connect_transport();
    ASSERT_TRUE(run_until([this] { return m_client.stream || m_failure; }));
  }
  /// Again and again while s_server has not begun to listen.
  void connect_transport() {
    m_tcp = m_net.connect(parse_endpoint("127.0.0.1", m_port).value(), {}, [this](auto transport) {
      if (!transport) return m_retry->arm_after(20ms);
      m_operation = m_tls->connect(std::move(*transport), "localhost", m_port, [this](auto outcome) {
        if (outcome) {
          m_client.attach(std::move(*outcome));
        } else {
          m_failure = outcome.error();
        }
      });
    });
  }
  /// Writes all of it, reading what the server prints only while `is_reading`.
  bool write_all(const std::string& text, bool is_reading = true) {
    for (size_t at = 0; at < text.size();) {
      // Odd sizes: heads and pieces of bodies.
      const byte_view parts[] = {
          byte_view::of_text(std::string_view(text).substr(at, 12)),
          byte_view::of_text(std::string_view(text).substr(std::min(text.size(), at + 12), 31'003))};
      const io_outcome outcome = m_client.stream->write_some(parts, 2);
      if (outcome.status == io_status::failed || outcome.status == io_status::closed) return false;
      at += outcome.bytes;
      if (outcome.status != io_status::would_block) continue;
      const int events = m_client.writable_events;
      m_client.stream->request_writable();
      const bool goes_on = run_until(
          [&] {
            if (is_reading) m_program->read_now();
            return m_client.writable_events > events;
          },
          is_reading ? duration(20s) : duration(500ms));
      if (!goes_on) return false;
    }
    return true;
  }

  asio_event_loop m_loop;
  tcp_network m_net{m_loop};
  temporary_folder m_folder;
  const test_certificate m_ca = test_certificate::self_signed(spec("Test CA", true));
  tls_options m_options;
  std::string m_certificate, m_key;
  std::optional<openssl_program> m_program;
  uint16_t m_port = 0;
  std::shared_ptr<tls_client> m_tls;
  stream_recorder m_client;
  std::optional<error> m_failure;
  std::unique_ptr<pending_operation> m_tcp, m_operation;
  const std::unique_ptr<loop_timer> m_retry = m_loop.make_timer([this] { connect_transport(); });
};

std::string pattern(size_t size) {
  std::string text(size, '\0');
  uint32_t seed = 1;
  for (char& byte : text) byte = static_cast<char>((seed = seed * 1664525 + 1013904223) >> 24);
  return text;
}

class tls_versions : public tls_openssl_test, public ::testing::WithParamInterface<const char*> {};

TEST_P(tls_versions, carry_10_mb_to_s_server_byte_for_byte) {
  serve({"-quiet", GetParam(), "-naccept", "1"});
  connect();
  ASSERT_FALSE(m_failure) << m_failure->message;
  const std::string text = pattern(10'000'000);
  ASSERT_TRUE(write_all(text));
  m_client.stream->shutdown_write();
  run_until([&] { return m_program->read_now(), m_program->printed.size() >= text.size(); });
  EXPECT_EQ(m_program->printed.size(), text.size());
  EXPECT_TRUE(m_program->printed == text);
  EXPECT_EQ(m_client.stream->sample().bytes_written, text.size());
}

TEST_P(tls_versions, wait_for_a_server_that_does_not_read_and_go_on) {
  serve({"-quiet", GetParam(), "-naccept", "1"});
  connect();
  ASSERT_FALSE(m_failure) << m_failure->message;
  const std::string text = pattern(20'000'000);
  EXPECT_FALSE(write_all(text, false)) << "nobody reads 20 MB";
  const stream_counters held = m_client.stream->sample();
  EXPECT_GT(*held.unacked_bytes, 0U);
  EXPECT_LT(held.bytes_written, text.size());
  const std::string rest = text.substr(held.bytes_written);
  ASSERT_TRUE(write_all(rest));
  run_until([&] { return m_program->read_now(), m_program->printed.size() >= text.size(); });
  EXPECT_TRUE(m_program->printed == text);
}

TEST_P(tls_versions, resume_with_the_ticket_of_s_server) {
  serve({"-quiet", GetParam()});
  connect();
  ASSERT_FALSE(m_failure) << m_failure->message;
  EXPECT_THAT(m_client.stream->security(), Not(HasSubstr("resumed")));
  m_program->type("hello\n");
  ASSERT_TRUE(run_until([&] { return m_client.received == "hello\n"; }));
  connect();
  ASSERT_FALSE(m_failure) << m_failure->message;
  EXPECT_THAT(m_client.stream->security(), HasSubstr(", resumed"));
  ASSERT_TRUE(write_all("still good"));
  EXPECT_TRUE(run_until([&] { return m_program->read_now(), m_program->printed == "still good"; }));
}

INSTANTIATE_TEST_SUITE_P(both, tls_versions, ::testing::Values("-tls1_2", "-tls1_3"),
                         [](const auto& one) { return std::string(one.param).substr(1); });

TEST_F(tls_openssl_test, refuses_a_server_of_old_versions) {
  serve({"-quiet", "-tls1_1", "-cipher", "DEFAULT@SECLEVEL=0"});
  connect();
  ASSERT_TRUE(m_failure);
  EXPECT_EQ(m_failure->code, error_code::tls_failed);
  EXPECT_THAT(m_failure->message, HasSubstr("TLSv1.2 is the lowest allowed"));
}

TEST_F(tls_openssl_test, refuses_a_server_below_min_version) {
  serve({"-quiet", "-tls1_2"});
  m_options.min_version = tls_version::v1_3;
  connect();
  ASSERT_TRUE(m_failure);
  EXPECT_EQ(m_failure->code, error_code::tls_failed);
  EXPECT_THAT(m_failure->message, HasSubstr("TLSv1.3 is the lowest allowed"));
}

TEST_F(tls_openssl_test, is_told_in_tls_1_2_that_a_client_certificate_is_wanted) {
  serve({"-quiet", "-tls1_2", "-Verify", "1", "-verify_return_error", "-CAfile", m_options.ca_file});
  connect();
  ASSERT_TRUE(m_failure);
  EXPECT_EQ(m_failure->code, error_code::tls_failed);
  EXPECT_THAT(m_failure->message, HasSubstr("alert 40"));
  EXPECT_THAT(m_failure->message, HasSubstr("wants a client certificate"));
}

TEST_F(tls_openssl_test, refuses_renegotiation) {
  serve({"-tls1_2"});
  connect();
  ASSERT_FALSE(m_failure) << m_failure->message;
  ASSERT_TRUE(
      run_until([&] { return m_program->read_now(), m_program->printed.find("CIPHER is") != std::string::npos; }));
  m_program->type("r\n");
  // s_server answers our no_renegotiation with a fatal alert; had we agreed, the connection would go on.
  EXPECT_TRUE(run_until([&] { return m_client.is_closed || m_client.failure; }));
}

TEST_F(tls_openssl_test, answers_s_client_as_a_listener) {
  tls_server_options options;
  options.certificate_file = m_certificate;
  options.key_file = m_key;
  const auto listener = tls_listener::make(m_loop, m_net, options).value();
  stream_recorder server;
  const auto acceptor =
      listener->listen(parse_endpoint("127.0.0.1", 0).value(), [&](auto stream) { server.attach(std::move(stream)); })
          .value();
  openssl_program peer({"s_client", "-quiet", "-verify_return_error", "-CAfile", m_options.ca_file, "-servername",
                        "localhost", "-connect", acceptor->local().to_string()});
  peer.type("hello listener\n");
  ASSERT_TRUE(run_until([&] { return server.received == "hello listener\n"; }));
  server.write("hello client\n");
  EXPECT_TRUE(run_until([&] { return peer.read_now(), peer.printed == "hello client\n"; }));
}

}  // namespace
}  // namespace campush::test

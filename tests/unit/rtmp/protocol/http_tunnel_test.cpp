#include "rtmp/protocol/http_tunnel.h"

#include <gtest/gtest.h>

namespace campush {
namespace {

std::string take_output(http_tunnel& tunnel) {
  std::string text(tunnel.pending_output().as_text());
  tunnel.consume_output(text.size());
  return text;
}

std::string answer(std::string_view body) {
  return "HTTP/1.1 200 OK\r\nContent-Type: application/x-fcs\r\nContent-Length: " + std::to_string(body.size()) +
         "\r\n\r\n" + std::string(body);
}

struct tunnel_bench {
  http_tunnel tunnel{"camera.example:80"};
  std::vector<uint8_t> payload;

  result<void> receive(std::string_view bytes) { return tunnel.receive(byte_view::of_text(bytes), payload); }
  std::string said() const { return std::string(payload.begin(), payload.end()); }
  void open() {
    tunnel.start();
    take_output(tunnel);
    ASSERT_TRUE(receive(answer("Ab3-_\n")).has_value());
    ASSERT_TRUE(tunnel.is_open());
  }
};

TEST(http_tunnel, opens_a_session_with_one_post) {
  tunnel_bench bench;
  bench.tunnel.start();
  const std::string request = take_output(bench.tunnel);
  EXPECT_EQ(request.find("POST /open/1 HTTP/1.1\r\nHost: camera.example:80\r\n"), 0u);
  EXPECT_NE(request.find("Content-Type: application/x-fcs\r\nContent-Length: 1\r\n\r\n"), std::string::npos);
  EXPECT_EQ(request.back(), '\0');
  EXPECT_FALSE(bench.tunnel.is_open());
  ASSERT_TRUE(bench.receive(answer("Ab3-_\n")).has_value());
  EXPECT_TRUE(bench.tunnel.is_open());
  EXPECT_EQ(bench.said(), "");
}

TEST(http_tunnel, sends_what_waits_in_one_request_and_waits_for_its_answer) {
  tunnel_bench bench;
  bench.open();
  bench.tunnel.send(byte_view::of_text("first"));
  bench.tunnel.send(byte_view::of_text("second"));
  bench.tunnel.send(byte_view::of_text("third"));
  const std::string request = take_output(bench.tunnel);
  EXPECT_EQ(request.find("POST /send/Ab3-_/0 HTTP/1.1\r\n"), 0u);
  EXPECT_EQ(request.substr(request.find("\r\n\r\n") + 4), "first");
  EXPECT_EQ(bench.tunnel.waiting_bytes(), 11u);
  ASSERT_TRUE(bench.receive(answer(std::string_view("\x01reply", 6))).has_value());
  EXPECT_EQ(bench.said(), "reply");
  const std::string next = take_output(bench.tunnel);
  EXPECT_EQ(next.find("POST /send/Ab3-_/1 HTTP/1.1\r\n"), 0u);
  EXPECT_EQ(next.substr(next.find("\r\n\r\n") + 4), "secondthird");
  EXPECT_EQ(bench.tunnel.waiting_bytes(), 0u);
}

TEST(http_tunnel, holds_what_is_sent_before_it_is_open) {
  tunnel_bench bench;
  bench.tunnel.start();
  bench.tunnel.send(byte_view::of_text("early"));
  EXPECT_EQ(bench.tunnel.waiting_bytes(), 5u);
  EXPECT_EQ(take_output(bench.tunnel).find("early"), std::string::npos);
  ASSERT_TRUE(bench.receive(answer("id")).has_value());
  EXPECT_NE(take_output(bench.tunnel).find("early"), std::string::npos);
}

TEST(http_tunnel, counts_a_body_that_is_half_sent) {
  tunnel_bench bench;
  bench.open();
  bench.tunnel.send(byte_view::of_text("0123456789"));
  const size_t size = bench.tunnel.pending_output().size();
  bench.tunnel.consume_output(size - 4);
  EXPECT_EQ(bench.tunnel.waiting_bytes(), 4u);
  bench.tunnel.consume_output(4);
  EXPECT_EQ(bench.tunnel.waiting_bytes(), 0u);
}

TEST(http_tunnel, cuts_long_waits_into_requests) {
  tunnel_bench bench;
  bench.open();
  const std::string long_text(http_tunnel::max_request_body + 100, 'x');
  bench.tunnel.send(byte_view::of_text(long_text));
  EXPECT_NE(take_output(bench.tunnel).find("Content-Length: 65536\r\n"), std::string::npos);
  ASSERT_TRUE(bench.receive(answer(std::string_view("\0", 1))).has_value());
  EXPECT_NE(take_output(bench.tunnel).find("Content-Length: 100\r\n"), std::string::npos);
}

TEST(http_tunnel, asks_when_it_is_idle_and_only_then) {
  tunnel_bench bench;
  bench.tunnel.poll();
  EXPECT_EQ(take_output(bench.tunnel), "");
  bench.open();
  EXPECT_TRUE(bench.tunnel.is_idle());
  bench.tunnel.poll();
  EXPECT_EQ(take_output(bench.tunnel).find("POST /idle/Ab3-_/0 HTTP/1.1\r\n"), 0u);
  EXPECT_FALSE(bench.tunnel.is_idle());
  bench.tunnel.poll();
  EXPECT_EQ(take_output(bench.tunnel), "");
  ASSERT_TRUE(bench.receive(answer(std::string_view("\x05news", 5))).has_value());
  EXPECT_EQ(bench.said(), "news");
  EXPECT_TRUE(bench.tunnel.is_idle());
}

TEST(http_tunnel, reads_an_answer_in_any_cut) {
  const std::string bytes = "HTTP/1.0 200 Fine\r\nx: y\r\nCONTENT-LENGTH:\t6 \r\n\r\n" + std::string("\x09hello", 6);
  for (size_t cut = 1; cut < bytes.size(); ++cut) {
    tunnel_bench bench;
    bench.open();
    bench.tunnel.poll();
    take_output(bench.tunnel);
    ASSERT_TRUE(bench.receive(bytes.substr(0, cut)).has_value());
    ASSERT_TRUE(bench.receive(bytes.substr(cut)).has_value());
    EXPECT_EQ(bench.said(), "hello");
    EXPECT_TRUE(bench.tunnel.is_idle());
  }
}

TEST(http_tunnel, closes_its_session_and_says_no_more) {
  tunnel_bench bench;
  bench.open();
  bench.tunnel.close();
  EXPECT_EQ(take_output(bench.tunnel).find("POST /close/Ab3-_/0 HTTP/1.1\r\n"), 0u);
  bench.tunnel.send(byte_view::of_text("late"));
  EXPECT_EQ(take_output(bench.tunnel), "");
}

const std::string go_on = "HTTP/1.1 100 Continue\r\n\r\n",
                  early_hints = "HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n";

TEST(http_tunnel, passes_over_interim_answers) {
  tunnel_bench bench;
  bench.tunnel.start();
  take_output(bench.tunnel);
  ASSERT_TRUE(bench.receive(go_on + early_hints + answer("id")).has_value());
  ASSERT_TRUE(bench.tunnel.is_open());
  for (int request = 0; request < 3; ++request) {
    bench.tunnel.send(byte_view::of_text("picture"));
    bench.tunnel.consume_output(10);
    ASSERT_TRUE(bench.receive(go_on).has_value()) << "it may come before the whole request was sent";
    EXPECT_FALSE(bench.tunnel.is_idle());
    take_output(bench.tunnel);
    ASSERT_TRUE(bench.receive(go_on + early_hints + go_on + answer("\x01")).has_value()) << "each request has its own";
    EXPECT_TRUE(bench.tunnel.is_idle());
  }
  EXPECT_EQ(bench.said(), "");
}

struct bad_answer {
  const char* name;
  bool is_open;
  std::string bytes;
  error_code code;
};

TEST(http_tunnel, refuses_answers_that_make_no_sense) {
  const std::string ok = "HTTP/1.1 200 OK\r\n";
  const bad_answer table[] = {
      {"not HTTP", false, "RTMP is what I speak\r\n\r\n", error_code::protocol_violation},
      {"status without number", false, "HTTP/1.1 abc OK\r\n\r\n", error_code::protocol_violation},
      {"not found", false, "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", error_code::access_denied},
      {"a session that is gone", true, "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n",
       error_code::access_denied},
      {"no length", true, ok + "\r\n", error_code::protocol_violation},
      {"negative length", true, ok + "Content-Length: -1\r\n\r\n", error_code::protocol_violation},
      {"length that is no number", true, ok + "Content-Length: 5x\r\n\r\n", error_code::protocol_violation},
      {"length over all numbers", true, ok + "Content-Length: 99999999999999999999999\r\n\r\n",
       error_code::protocol_violation},
      {"chunked", true, ok + "Transfer-Encoding: chunked\r\n\r\n", error_code::protocol_violation},
      {"long body", true, ok + "Content-Length: 1048577\r\n\r\n", error_code::too_big},
      {"endless headers", true, ok + std::string(9000, 'x'), error_code::too_big},
      {"empty name", false, answer(""), error_code::protocol_violation},
      {"blank name", false, answer("\n"), error_code::protocol_violation},
      {"name with a path", false, answer("../admin"), error_code::protocol_violation},
      {"name with a line", false, answer("a\r\nHost: b"), error_code::protocol_violation},
      {"endless name", false, answer(std::string(200, 'n')), error_code::too_big},
      {"interim answers without end", true, go_on + go_on + early_hints + go_on + go_on + answer("\x01"),
       error_code::protocol_violation},
      {"another protocol", true, "HTTP/1.1 101 Switching Protocols\r\n\r\n", error_code::access_denied},
      {"an interim answer that nobody asked for", true, answer("\x01") + go_on, error_code::protocol_violation},
      {"one answer too many", true, answer("\x01") + answer("\x01"), error_code::protocol_violation},
  };
  for (const bad_answer& row : table) {
    SCOPED_TRACE(row.name);
    tunnel_bench bench;
    if (row.is_open) {
      bench.open();
      bench.tunnel.poll();
    } else {
      bench.tunnel.start();
    }
    take_output(bench.tunnel);
    const result<void> read = bench.receive(row.bytes);
    ASSERT_FALSE(read.has_value());
    EXPECT_EQ(read.error().code, row.code) << read.error().message;
  }
}

TEST(http_tunnel, refuses_an_answer_before_its_request_was_sent) {
  tunnel_bench bench;
  bench.open();
  bench.tunnel.send(byte_view::of_text("picture"));
  bench.tunnel.consume_output(10);
  EXPECT_FALSE(bench.receive(answer("\x01")).has_value());
}

}  // namespace
}  // namespace campush

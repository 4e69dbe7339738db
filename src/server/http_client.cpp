#include "server/http_client.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http.hpp>

#include "server/http_address.h"

namespace campush {

namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;

constexpr uint64_t max_body_bytes = 4u << 20;

error to_error(const beast::error_code& failure, const endpoint& server) {
  const std::string context = "http://" + server.to_string();
  if (failure == beast::error::timeout) return {error_code::timed_out, context + ": no answer in time"};
  if (failure == http::error::body_limit) return {error_code::too_big, context + ": the answer is too long"};
  if (failure.category() == asio::error::get_system_category()) return error_from_errno(failure.value(), context);
  return {error_code::malformed, context + ": " + failure.message()};
}

/// The steps of one request, each started by the one before.
struct exchange {
  exchange(asio::io_context& context, const endpoint& address) : stream(context), server(address) {
    parser.body_limit(max_body_bytes);
  }

  void start(duration timeout) {
    stream.expires_after(timeout);
    stream.async_connect(to_asio_endpoint(server), [this](beast::error_code failure) {
      if (keep(failure)) write();
    });
  }
  void write() {
    http::async_write(stream, request, [this](beast::error_code failure, size_t) {
      if (keep(failure)) read();
    });
  }
  void read() {
    http::async_read(stream, buffer, parser, [this](beast::error_code failure, size_t) { keep(failure); });
  }
  bool keep(beast::error_code failure) {
    outcome = failure;
    return !failure;
  }

  beast::tcp_stream stream;
  const endpoint server;
  beast::flat_buffer buffer;
  http::request<http::empty_body> request;
  http::response_parser<http::string_body> parser;
  beast::error_code outcome;
};

result<http_answer> ask(http::verb method, const endpoint& server, const std::string& target, const secret_text& token,
                        duration timeout) {
  asio::io_context context(1);
  exchange steps(context, server);
  steps.request.version(11);
  steps.request.method(method);
  steps.request.target(target);
  steps.request.set(http::field::host, server.to_string());
  steps.request.keep_alive(false);
  steps.request.prepare_payload();
  if (!token.empty()) steps.request.set(http::field::authorization, "Bearer " + token.reveal());
  steps.start(timeout);
  context.run();
  if (steps.outcome) return tl::unexpected(to_error(steps.outcome, server));
  return http_answer{steps.parser.get().result_int(), std::move(steps.parser.get().body())};
}

}  // namespace

result<http_answer> http_get(const endpoint& server, const std::string& target, const secret_text& token,
                             duration timeout) {
  return ask(http::verb::get, server, target, token, timeout);
}

result<http_answer> http_post(const endpoint& server, const std::string& target, const secret_text& token,
                              duration timeout) {
  return ask(http::verb::post, server, target, token, timeout);
}

}  // namespace campush

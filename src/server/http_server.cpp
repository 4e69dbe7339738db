#include "server/http_server.h"

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http.hpp>
#include <fstream>

#include "net/asio_access.h"
#include "net/asio_event_loop.h"
#include "server/http_address.h"
#include "util/log.h"

namespace campush {

namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using tcp = asio::ip::tcp;

constexpr size_t max_connections = 32;
constexpr uint32_t max_header_bytes = 8 * 1024;
constexpr uint64_t max_body_bytes = 1024;
constexpr auto request_timeout = std::chrono::seconds(10);
constexpr auto bind_retry = std::chrono::seconds(30);
constexpr size_t min_token = 8, max_token = 256;

using response = http::response<http::string_body>;

response make_response(api& surface, const http::request<http::string_body>& request) {
  const auto view = [](beast::string_view text) { return std::string_view(text.data(), text.size()); };
  const api_reply reply =
      surface.handle({view(request.method_string()), view(request.target()), view(request[http::field::authorization]),
                      view(request[http::field::origin])});
  response out{static_cast<http::status>(reply.status), request.version()};
  out.set(http::field::content_type, reply.content_type);
  out.set(http::field::cache_control, "no-store");
  if (!reply.allow.empty()) out.set(http::field::allow, reply.allow);
  if (reply.status == 401) out.set(http::field::www_authenticate, "Bearer");
  out.keep_alive(request.keep_alive());
  out.body() = reply.body;
  out.prepare_payload();
  return out;
}

/// One client: reads a request, answers, again; it keeps itself alive through its pending operation.
/// A handler that was under way when close() came may still run, with success: it must not touch the api, which may be gone.
class connection : public std::enable_shared_from_this<connection> {
 public:
  connection(tcp::socket socket, api& surface, std::shared_ptr<size_t> count)
      : m_stream(std::move(socket)), m_api(surface), m_count(std::move(count)) {
    ++*m_count;
  }
  ~connection() { --*m_count; }
  connection(const connection&) = delete;
  connection& operator=(const connection&) = delete;

  void read() {
    if (m_is_closed) return;
    m_parser.emplace();
    m_parser->header_limit(max_header_bytes);
    m_parser->body_limit(max_body_bytes);
    m_stream.expires_after(request_timeout);
    http::async_read(m_stream, m_buffer, *m_parser, [self = shared_from_this()](beast::error_code failure, size_t) {
      failure ? self->close() : self->answer();
    });
  }
  void close() noexcept {
    m_is_closed = true;
    beast::error_code ignored;
    m_stream.socket().shutdown(tcp::socket::shutdown_both, ignored);
    m_stream.close();
  }

 private:
  void answer() {
    if (m_is_closed) return;
    const bool is_head = m_parser->get().method() == http::verb::head;
    m_response = make_response(m_api, m_parser->get());
    m_serializer.emplace(m_response);
    m_serializer->split(is_head);
    const auto done = [self = shared_from_this()](beast::error_code failure, size_t) {
      failure || !self->m_response.keep_alive() ? self->close() : self->read();
    };
    is_head ? http::async_write_header(m_stream, *m_serializer, done)
            : http::async_write(m_stream, *m_serializer, done);
  }

  beast::tcp_stream m_stream;
  api& m_api;
  std::shared_ptr<size_t> m_count;
  bool m_is_closed = false;
  beast::flat_buffer m_buffer{max_header_bytes + max_body_bytes};
  std::optional<http::request_parser<http::string_body>> m_parser;
  response m_response;
  std::optional<http::response_serializer<http::string_body>> m_serializer;
};

}  // namespace

struct http_server::state : std::enable_shared_from_this<http_server::state> {
  state(asio::io_context& context, api& served) : acceptor(context), retry_timer(context), surface(served) {}

  void bind() {
    boost::system::error_code failure;
    const tcp::endpoint local = to_asio_endpoint(address);
    acceptor.open(local.protocol(), failure);
    if (!failure) acceptor.set_option(tcp::acceptor::reuse_address(true), failure);
    if (!failure) acceptor.bind(local, failure);
    if (!failure) acceptor.listen(16, failure);
    if (!failure) {
      log_info(log_module::server, "HTTP on {}", bound().to_string());
      has_warned = false;
      accept();
      return;
    }
    acceptor.close();
    if (!has_warned) {
      log_warn(log_module::server, "HTTP on {}: {}; the push goes on, the address is tried again every {} s",
               address.to_string(), failure.message(), bind_retry.count());
    }
    has_warned = true;
    wait_and([](state& self) { self.bind(); }, bind_retry);
  }

  void wait_and(void (*next)(state&), std::chrono::seconds delay) {
    retry_timer.expires_after(delay);
    retry_timer.async_wait([weak = weak_from_this(), next](boost::system::error_code failure) {
      const auto self = weak.lock();
      if (!failure && self && !self->is_stopped) next(*self);
    });
  }

  void accept() {
    acceptor.async_accept([weak = weak_from_this()](boost::system::error_code failure, tcp::socket socket) {
      const auto self = weak.lock();
      if (!self || self->is_stopped) return;
      self->on_accept(failure, std::move(socket));
    });
  }

  void on_accept(boost::system::error_code failure, tcp::socket socket) {
    if (failure) {
      // Out of descriptors: accepting at once again would spin.
      wait_and([](state& self) { self.accept(); }, std::chrono::seconds(1));
      return;
    }
    if (*count < max_connections) {
      auto client = std::make_shared<connection>(std::move(socket), surface, count);
      clients.push_back(client);
      client->read();
    }
    clients.erase(std::remove_if(clients.begin(), clients.end(), [](const auto& weak) { return weak.expired(); }),
                  clients.end());
    accept();
  }

  endpoint bound() const {
    endpoint local = address;
    boost::system::error_code failure;
    const tcp::endpoint actual = acceptor.local_endpoint(failure);
    if (!failure) local.port = actual.port();
    return local;
  }

  void stop() noexcept {
    is_stopped = true;
    boost::system::error_code ignored;
    acceptor.close(ignored);
    retry_timer.cancel();
    for (const auto& weak : clients) {
      if (const auto client = weak.lock()) client->close();
    }
    clients.clear();
  }

  tcp::acceptor acceptor;
  asio::steady_timer retry_timer;
  api& surface;
  endpoint address;
  std::shared_ptr<size_t> count = std::make_shared<size_t>(0);
  std::vector<std::weak_ptr<connection>> clients;
  bool has_warned = false;
  bool is_stopped = false;
};

http_server::http_server(asio_event_loop& loop, api& surface)
    : m_state(std::make_shared<state>(asio_access::context_of(loop), surface)) {}

http_server::~http_server() {
  stop();
}

result<void> http_server::start(const http_options& options, bool has_token) {
  const auto address = parse_listen_address(options.listen);
  if (!address) return tl::unexpected(wrap(address.error(), "http.listen"));
  if (!to_asio_endpoint(*address).address().is_loopback() && !has_token) {
    return fail(error_code::invalid_argument, "http.listen: " + address->to_string() +
                                                  " is not loopback: set http.token_file, or listen on 127.0.0.1");
  }
  m_state->address = *address;
  m_state->is_stopped = false;
  m_state->bind();
  return {};
}

void http_server::stop() noexcept {
  m_state->stop();
}

bool http_server::is_listening() const noexcept {
  return m_state->acceptor.is_open();
}

endpoint http_server::local() const noexcept {
  return m_state->bound();
}

result<secret_text> read_token(const std::string& path) {
  if (path.empty()) return secret_text();
  std::ifstream file(path);
  if (!file) return tl::unexpected(error_from_errno(errno, "http.token_file " + path));
  std::string line;
  std::getline(file, line);
  while (!line.empty() && (line.back() == '\r' || line.back() == ' ')) line.pop_back();
  if (line.size() < min_token || line.size() > max_token) {
    return fail(error_code::invalid_argument, "http.token_file " + path + ": the first line has " +
                                                  std::to_string(line.size()) + " characters, allowed: 8 to 256");
  }
  return secret_text(std::move(line));
}

}  // namespace campush

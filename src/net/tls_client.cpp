#include "net/tls_client.h"

#include <fmt/format.h>
#include <malloc.h>
#include <openssl/err.h>
#include <sys/stat.h>

#include <algorithm>

#include "net/endpoint.h"
#include "net/tls_handshake.h"
#include "net/tls_link.h"
#include "net/tls_trust.h"

namespace campush {

namespace {

constexpr size_t max_idle_clients = 16;
constexpr duration trim_delay = std::chrono::seconds(3);

/// A handshake needs some 40 KiB for a moment. Where many sessions connect together, as after a start, glibc would keep the sum for good.
void give_back_memory() noexcept {
#ifdef __GLIBC__
  ::malloc_trim(0);
#endif
}

/// Fails on the loop, as every connect does.
class refused_connect final : public pending_operation {
 public:
  refused_connect(event_loop& loop, error failure, tls_client::connect_callback done)
      : m_failure(std::move(failure)), m_done(std::move(done)), m_timer(loop.make_timer([this] {
          const auto finished = std::move(m_done);
          finished(tl::unexpected<error>(m_failure));
        })) {
    m_timer->arm_after(duration(0));
  }

 private:
  const error m_failure;
  tls_client::connect_callback m_done;
  const std::unique_ptr<loop_timer> m_timer;
};

class openssl_client final : public tls_client {
 public:
  openssl_client(event_loop& loop, ssl_ctx_ptr context, std::shared_ptr<tls_rules> rules)
      : m_loop(loop),
        m_context(std::move(context)),
        m_rules(std::move(rules)),
        m_trim(loop.make_timer([] { give_back_memory(); })) {}

  std::unique_ptr<pending_operation> connect(std::unique_ptr<byte_stream> transport, const std::string& host,
                                             uint16_t port, connect_callback done) override {
    // Without the checks that need a date, no date can be wrong.
    if (!m_rules->is_insecure) {
      if (auto right = check_wall_clock(m_loop.time()); !right) {
        return std::make_unique<refused_connect>(m_loop, right.error(), std::move(done));
      }
    }
    auto ssl = make_ssl(host, port);
    if (!ssl) return std::make_unique<refused_connect>(m_loop, ssl.error(), std::move(done));
    auto peer = std::make_unique<tls_peer>(tls_peer{m_rules, host, server_name(host, port), {}});
    if (!m_room) m_room = std::make_shared<tls_room>(m_loop);
    auto link = std::make_unique<tls_link>(std::move(*ssl), m_room, std::move(peer), std::move(transport));
    m_trim->arm_after(trim_delay);
    return std::make_unique<tls_handshake>(m_loop, std::move(link), std::move(done));
  }

 private:
  static std::string server_name(const std::string& host, uint16_t port) { return fmt::format("{}:{}", host, port); }

  result<ssl_ptr> make_ssl(const std::string& host, uint16_t port) {
    ERR_clear_error();
    ssl_ptr ssl(SSL_new(m_context.get()));
    if (!ssl) return fail(error_code::tls_failed, "OpenSSL cannot make a connection");
    SSL_set_connect_state(ssl.get());
    if (!set_name(ssl.get(), host)) {
      return fail(error_code::invalid_argument, "the host name cannot stand in a certificate");
    }
    if (const auto ticket = m_rules->tickets.take(server_name(host, port), m_loop.time().wall_now())) {
      SSL_set_session(ssl.get(), ticket.get());
    }
    return ssl;
  }

  /// The name that is asked for and checked. A name may end with a dot, an address with the interface it is local to.
  static bool set_name(SSL* ssl, const std::string& host) {
    X509_VERIFY_PARAM* rules = SSL_get0_param(ssl);
    if (const auto address = parse_endpoint(host, 0)) {
      const size_t size = address->address_family == endpoint::family::ipv4 ? 4 : 16;
      return X509_VERIFY_PARAM_set1_ip(rules, address->address.data(), size) == 1;
    }
    std::string name = host;
    while (!name.empty() && name.back() == '.') name.pop_back();
    if (name.empty() || name.size() > TLSEXT_MAXLEN_host_name) return false;
    X509_VERIFY_PARAM_set_hostflags(rules, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    return X509_VERIFY_PARAM_set1_host(rules, name.data(), name.size()) == 1 &&
           SSL_ctrl(ssl, SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name, name.data()) == 1;
  }

  event_loop& m_loop;
  const ssl_ctx_ptr m_context;
  const std::shared_ptr<tls_rules> m_rules;
  std::shared_ptr<tls_room> m_room;
  const std::unique_ptr<loop_timer> m_trim;  ///< some time after the last handshake began
};

/// Paths, sizes and times of what a client was made of: its own files, or what the system trusts.
std::string files_of(const tls_options& options) {
  std::vector<std::string> paths{options.ca_file, options.ca_path, options.client_cert, options.client_key};
  if (options.ca_file.empty() && options.ca_path.empty() && !options.insecure) {
    const std::vector<std::string> of_system = system_trust_paths();
    paths.insert(paths.end(), of_system.begin(), of_system.end());
  }
  std::string text;
  for (const std::string& path : paths) {
    struct stat found {};
    if (path.empty() || ::stat(path.c_str(), &found) != 0) continue;
    text += fmt::format("{} {} {} {}.{:09}\n", path, found.st_ino, found.st_size, found.st_mtim.tv_sec,
                        found.st_mtim.tv_nsec);
  }
  return text;
}

}  // namespace

result<std::shared_ptr<tls_client>> tls_client::make(event_loop& loop, const tls_options& options,
                                                     const certificate_listener& listener) {
  auto rules = std::make_shared<tls_rules>();
  rules->listener = listener;
  rules->time = &loop.time();
  auto context = make_client_context(options, *rules);
  if (!context) return tl::unexpected<error>(wrap(context.error(), "tls"));
  return std::make_shared<openssl_client>(loop, std::move(*context), std::move(rules));
}

result<std::shared_ptr<tls_client>> tls_clients::get(const tls_options& options) {
  std::string files = files_of(options);
  const auto known = m_clients.find(options);
  if (known != m_clients.end() && known->second.files == files) return known->second.client;
  auto made = tls_client::make(m_loop, options, m_listener);
  if (!made) return made;
  for (auto it = m_clients.begin(); it != m_clients.end() && m_clients.size() >= max_idle_clients;) {
    it = it->second.client.use_count() == 1 ? m_clients.erase(it) : std::next(it);
  }
  m_clients[options] = {*made, std::move(files)};
  return made;
}

}  // namespace campush

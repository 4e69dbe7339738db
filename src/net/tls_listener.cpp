#include "net/tls_listener.h"

#include <openssl/err.h>

#include <list>

#include "net/tls_handshake.h"
#include "net/tls_link.h"
#include "net/tls_trust.h"
#include "util/log.h"

namespace campush {

namespace {

constexpr size_t max_handshakes = 256;
constexpr duration handshake_limit = std::chrono::seconds(10);

struct server_side {
  event_loop& loop;
  ssl_ctx_ptr context;
  std::shared_ptr<tls_room> room;
};

/// The handshakes under way of one listener. Finished ones are taken away by a timer: they end inside their own callbacks.
class tls_acceptor final : public stream_acceptor {
 public:
  tls_acceptor(std::shared_ptr<const server_side> side, network::accept_callback accepted)
      : m_side(std::move(side)),
        m_accepted(std::make_shared<network::accept_callback>(std::move(accepted))),
        m_sweep(m_side->loop.make_timer([this] { sweep(); })) {}

  void listen(std::unique_ptr<stream_acceptor> inner) { m_inner = std::move(inner); }
  endpoint local() const override { return m_inner->local(); }

  void begin(std::unique_ptr<byte_stream> transport) {
    if (m_handshakes.size() >= max_handshakes) {
      log_debug(log_module::net, "TLS with {}: too many handshakes at a time", transport->remote().to_string());
      return;
    }
    ssl_ptr ssl(SSL_new(m_side->context.get()));
    if (!ssl) return;
    SSL_set_accept_state(ssl.get());
    m_handshakes.emplace_back();
    const auto entry = std::prev(m_handshakes.end());
    entry->due = m_side->loop.now() + handshake_limit;
    entry->peer = transport->remote();
    auto link = std::make_unique<tls_link>(std::move(ssl), m_side->room, nullptr, std::move(transport));
    entry->operation = std::make_unique<tls_handshake>(
        m_side->loop, std::move(link), [this, entry](auto outcome) { on_done(*entry, std::move(outcome)); });
    if (!m_sweep->is_armed()) m_sweep->arm_at(entry->due);
  }

 private:
  struct waiting {
    std::unique_ptr<tls_handshake> operation;
    time_point due;
    endpoint peer;
    bool is_done = false;
  };

  void on_done(waiting& finished, result<std::unique_ptr<byte_stream>> outcome) {
    finished.is_done = true;
    m_sweep->arm_after(duration(0));
    if (!outcome) {
      log_debug(log_module::net, "TLS with {}: {}", finished.peer.to_string(), outcome.error().message);
      return;
    }
    const auto accepted = m_accepted;  // it may destroy this acceptor
    (*accepted)(std::move(*outcome));
  }

  void sweep() {
    const time_point now = m_side->loop.now();
    m_handshakes.remove_if([now](const waiting& each) {
      if (!each.is_done && each.due <= now) {
        log_debug(log_module::net, "TLS with {}: no end of the handshake within 10 s", each.peer.to_string());
      }
      return each.is_done || each.due <= now;
    });
    if (!m_handshakes.empty()) m_sweep->arm_at(m_handshakes.front().due);
  }

  const std::shared_ptr<const server_side> m_side;
  const std::shared_ptr<network::accept_callback> m_accepted;
  std::list<waiting> m_handshakes;
  const std::unique_ptr<loop_timer> m_sweep;
  std::unique_ptr<stream_acceptor> m_inner;
};

class openssl_listener final : public tls_listener {
 public:
  openssl_listener(std::shared_ptr<const server_side> side, network& inner) : m_side(std::move(side)), m_inner(inner) {}

  std::unique_ptr<pending_operation> connect(const endpoint& remote, const connect_options& options,
                                             connect_callback done) override {
    return m_inner.connect(remote, options, std::move(done));
  }
  result<std::unique_ptr<stream_acceptor>> listen(const endpoint& local, accept_callback accepted) override {
    auto acceptor = std::make_unique<tls_acceptor>(m_side, std::move(accepted));
    auto inner = m_inner.listen(local, [raw = acceptor.get()](auto transport) { raw->begin(std::move(transport)); });
    if (!inner) return inner;
    acceptor->listen(std::move(*inner));
    return acceptor;
  }

 private:
  const std::shared_ptr<const server_side> m_side;
  network& m_inner;
};

result<void> want_client_certificates(SSL_CTX* context, const std::string& ca_file) {
  if (auto readable = check_readable(ca_file, "client_ca_file"); !readable) return readable;
  if (SSL_CTX_load_verify_file(context, ca_file.c_str()) != 1) {
    ERR_clear_error();
    return fail(error_code::malformed, "client_ca_file " + ca_file + ": no certificate in PEM form");
  }
  SSL_CTX_set_client_CA_list(context, SSL_load_client_CA_file(ca_file.c_str()));
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
  return {};
}

}  // namespace

result<std::unique_ptr<tls_listener>> tls_listener::make(event_loop& loop, network& inner,
                                                         const tls_server_options& options) {
  ssl_ctx_ptr context(SSL_CTX_new(TLS_server_method()));
  if (!context) return fail(error_code::tls_failed, "OpenSSL cannot make a context");
  set_common_rules(context.get());
  SSL_CTX_set_min_proto_version(context.get(), TLS1_2_VERSION);
  // Without it OpenSSL resumes no session of a client that showed a certificate.
  const uint8_t name[] = "campush";
  SSL_CTX_set_session_id_context(context.get(), name, sizeof name - 1);
  if (auto loaded = load_identity(context.get(), options.certificate_file, options.key_file); !loaded) {
    return tl::unexpected<error>(wrap(loaded.error(), "tls"));
  }
  if (!options.client_ca_file.empty()) {
    auto wanted = want_client_certificates(context.get(), options.client_ca_file);
    if (!wanted) return tl::unexpected<error>(wrap(wanted.error(), "tls"));
  }
  auto side =
      std::make_shared<const server_side>(server_side{loop, std::move(context), std::make_shared<tls_room>(loop)});
  return std::make_unique<openssl_listener>(std::move(side), inner);
}

}  // namespace campush

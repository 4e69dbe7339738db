#pragma once

#include <openssl/bio.h>

#include <algorithm>
#include <memory>
#include <string>

#include "fakes/test_certificates.h"
#include "net/byte_stream.h"
#include "net/openssl_handles.h"

namespace campush::test {

/// Up to TLS `version`, with that certificate.
inline ssl_ctx_ptr raw_server_context(const test_certificate& leaf, const temporary_folder& folder, int version) {
  ssl_ctx_ptr made(SSL_CTX_new(TLS_server_method()));
  SSL_CTX_set_max_proto_version(made.get(), version);
  SSL_CTX_use_certificate_file(made.get(), folder.write("server.pem", leaf.pem()).c_str(), SSL_FILETYPE_PEM);
  SSL_CTX_use_PrivateKey_file(made.get(), folder.write("server.key", leaf.key_pem()).c_str(), SSL_FILETYPE_PEM);
  return made;
}

/// The server's side by OpenSSL itself, with memory on both ends: it can be told to do what no decent server does. Allocates
/// nothing of its own while it only answers.
class raw_server final : public byte_stream_events {
 public:
  raw_server(SSL_CTX* context, std::unique_ptr<byte_stream> stream)
      : m_ssl(SSL_new(context)), m_stream(std::move(stream)) {
    SSL_set_bio(m_ssl.get(), BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
    SSL_set_accept_state(m_ssl.get());
    m_stream->set_events(this);
  }

  SSL* ssl() noexcept { return m_ssl.get(); }
  byte_stream& stream() noexcept { return *m_stream; }
  void send(size_t most = SIZE_MAX) {
    char* bytes = nullptr;
    const long size = BIO_get_mem_data(SSL_get_wbio(m_ssl.get()), &bytes);
    const byte_view waiting(reinterpret_cast<const uint8_t*>(bytes), std::min(most, static_cast<size_t>(size)));
    const io_outcome outcome = m_stream->write_some(&waiting, 1);
    uint8_t taken[4096];
    for (size_t left = outcome.bytes; left > 0; left -= std::min(left, sizeof taken)) {
      BIO_read(SSL_get_wbio(m_ssl.get()), taken, static_cast<int>(std::min(left, sizeof taken)));
    }
  }
  void say(const std::string& text) {
    SSL_write(m_ssl.get(), text.data(), static_cast<int>(text.size()));
    send();
  }

  void on_readable() override {
    uint8_t bytes[16 * 1024];
    while (is_reading) {
      const io_outcome outcome = m_stream->read_some(bytes, sizeof bytes);
      BIO_write(SSL_get_rbio(m_ssl.get()), bytes, static_cast<int>(outcome.bytes));
      if (outcome.status != io_status::ok) break;
    }
    if (is_silent) return;
    char plain[16 * 1024];
    while (const int size = SSL_read(m_ssl.get(), plain, sizeof plain)) {
      if (size < 0) break;
      received.append(plain, static_cast<size_t>(size));
    }
    send();
  }
  void on_writable() override {}

  std::string received;
  bool is_reading = true, is_silent = false;

 private:
  const ssl_ptr m_ssl;
  const std::unique_ptr<byte_stream> m_stream;
};

}  // namespace campush::test

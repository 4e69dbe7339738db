#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "fakes/stream_recorder.h"
#include "fakes/test_certificates.h"
#include "net/memory_network.h"
#include "net/simulated_loop.h"
#include "net/tls_client.h"
#include "net/tls_listener.h"

namespace campush::test {

/// Counts what a side hands to its transport: calls, bytes, and the TLS records among them.
struct wire_count {
  uint64_t writes = 0, bytes = 0, records = 0, application_records = 0, largest_record = 0;
  std::string unparsed;

  void add(const byte_view* parts, size_t count, size_t taken) {
    ++writes;
    bytes += taken;
    for (size_t i = 0; i < count && taken > 0; ++i) {
      const byte_view part = parts[i].subview(0, taken);
      unparsed.append(part.as_text());
      taken -= part.size();
    }
    constexpr size_t head = 5;
    while (unparsed.size() >= head) {
      const auto byte = [this](size_t at) { return static_cast<uint8_t>(unparsed[at]); };
      const size_t size = static_cast<size_t>(byte(3) << 8 | byte(4));
      if (unparsed.size() < head + size) return;
      ++records;
      if (byte(0) == 23) ++application_records;
      largest_record = std::max<uint64_t>(largest_record, size);
      unparsed.erase(0, head + size);
    }
  }
};

/// A transport that is watched, or that takes only so many bytes at a time.
class tapped_stream final : public byte_stream {
 public:
  tapped_stream(std::unique_ptr<byte_stream> inner, wire_count& count, size_t limit)
      : m_inner(std::move(inner)), m_count(count), m_limit(limit) {}
  void set_events(byte_stream_events* events) override { m_inner->set_events(events); }
  io_outcome read_some(uint8_t* data, size_t size) override { return m_inner->read_some(data, size); }
  io_outcome write_some(const byte_view* parts, size_t count) override {
    byte_view fewer[2];
    size_t left = m_limit;
    for (size_t i = 0; i < count && i < 2; ++i) {
      fewer[i] = parts[i].subview(0, left);
      left -= fewer[i].size();
    }
    const io_outcome outcome = m_inner->write_some(fewer, 2);
    m_count.add(fewer, 2, outcome.bytes);
    return outcome;
  }
  void request_writable() override { m_inner->request_writable(); }
  void shutdown_write() noexcept override { m_inner->shutdown_write(); }
  void close() noexcept override { m_inner->close(); }
  stream_counters sample() const override { return m_inner->sample(); }
  endpoint local() const override { return m_inner->local(); }
  endpoint remote() const override { return m_inner->remote(); }

 private:
  const std::unique_ptr<byte_stream> m_inner;
  wire_count& m_count;
  const size_t m_limit;
};

/// A camera and a TLS server in one simulation. CA and the server's certificate are good for a year around now.
class tls_world : public ::testing::Test {
 protected:
  tls_world() {
    // Certificates and the gate live in the time of the build, so the simulation does, too.
    const auto real = std::chrono::system_clock::now();
    m_world.step_wall(std::chrono::duration_cast<std::chrono::seconds>(real - m_world.time().wall_now()));
    m_ca_file = m_folder.write("ca.pem", m_ca.pem());
    m_options.ca_file = m_ca_file;
  }

  wall_time now() const { return m_world.time().wall_now(); }
  certificate_spec spec(std::string name) const {
    certificate_spec made;
    made.common_name = name;
    made.dns_names = {std::move(name)};
    made.not_before = std::chrono::system_clock::now() - std::chrono::hours(24 * 180);
    made.not_after = std::chrono::system_clock::now() + std::chrono::hours(24 * 180);
    return made;
  }
  certificate_spec ca_spec(std::string name) const {
    certificate_spec made = spec(std::move(name));
    made.dns_names.clear();
    made.is_ca = true;
    return made;
  }

  void listen(const test_certificate& leaf, const std::string& chain = {}) {
    m_server_options.certificate_file = m_folder.write("server.pem", leaf.pem() + chain);
    m_server_options.key_file = m_folder.write("server.key", leaf.key_pem());
    m_acceptor.reset();
    m_listener = tls_listener::make(m_loop, m_server_net, m_server_options).value();
    m_acceptor = m_listener->listen(m_address, [this](auto stream) { m_server.attach(std::move(stream)); }).value();
  }
  void listen() { listen(m_ca.issue(spec("server"))); }
  /// Whoever connects is handed to `accepted` without TLS.
  void listen_plain(network::accept_callback accepted) {
    m_acceptor = m_net.listen(m_address, std::move(accepted)).value();
  }

  /// One connection, to its end: m_client.stream or m_failure.
  void connect(std::string host = "server") {
    if (!m_tls) m_tls = tls_client::make(m_loop, m_options).value();
    m_client.stream.reset();
    m_failure.reset();
    m_tcp = m_net.connect(m_address, {}, [this, host = std::move(host)](auto transport) {
      auto tapped = std::make_unique<tapped_stream>(std::move(transport.value()), m_wire, m_write_limit);
      m_operation = m_tls->connect(std::move(tapped), host, m_address.port, [this](auto outcome) {
        if (outcome) {
          m_client.attach(std::move(*outcome));
        } else {
          m_failure = outcome.error();
        }
      });
    });
    m_world.run_for(std::chrono::seconds(1));
  }
  void connect_well() {
    connect();
    ASSERT_FALSE(m_failure) << m_failure->message;
    ASSERT_TRUE(m_client.stream && m_server.stream);
  }
  std::string refusal() const { return m_failure ? m_failure->message : "connected"; }
  void run(duration span = std::chrono::seconds(1)) { m_world.run_for(span); }

  simulation m_world;
  simulated_loop m_loop{m_world};
  memory_network m_net{m_world};
  memory_host& m_host = m_net.add_host("server", {"10.0.0.1"});
  network& m_server_net = m_net;
  const endpoint m_address = parse_endpoint("10.0.0.1", 443).value();
  temporary_folder m_folder;
  const test_certificate m_ca = test_certificate::self_signed(ca_spec("Test CA"));
  std::string m_ca_file;
  tls_options m_options;
  tls_server_options m_server_options;
  wire_count m_wire;
  size_t m_write_limit = SIZE_MAX;
  std::unique_ptr<tls_listener> m_listener;
  std::unique_ptr<stream_acceptor> m_acceptor;
  std::shared_ptr<tls_client> m_tls;
  stream_recorder m_client, m_server;
  std::optional<error> m_failure;
  std::unique_ptr<pending_operation> m_tcp, m_operation;
};

}  // namespace campush::test

#include "app/check_report.h"

#include <gtest/gtest.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

#include "net/openssl_handles.h"
#include "net/tls_refusal.h"

namespace campush {
namespace {

constexpr check_step all_steps[] = {check_step::dns,       check_step::tcp,     check_step::clock,  check_step::tls,
                                    check_step::handshake, check_step::connect, check_step::publish};

url_report report_of(check_outcome tcp) {
  url_report report;
  report.stream_name = "main";
  report.destination = "default";
  report.url = "rtmp://host/live/key";
  report.at(check_step::dns) = {check_outcome::ok, std::chrono::microseconds(1600), "192.0.2.7 (IPv4)", "", ""};
  report.at(check_step::tcp) = {tcp, std::chrono::milliseconds(12), "refused", "connect_refused", "Look at the port."};
  return report;
}

std::string sentence(int verify_error, X509* certificate) {
  return explain_refused_certificate({verify_error, 0, certificate, "host", {}});
}

}  // namespace

TEST(check_remedies, exist_for_every_step_and_reason) {
  for (const check_step step : all_steps) {
    for (int reason = 0; reason <= static_cast<int>(disconnect_reason::internal_error); ++reason) {
      EXPECT_GT(remedy_for(step, reason_name(static_cast<disconnect_reason>(reason))).size(), 20u) << step_name(step);
    }
  }
}

TEST(check_remedies, tell_the_reasons_of_a_step_apart) {
  EXPECT_NE(remedy_for(check_step::tcp, "connect_refused"), remedy_for(check_step::tcp, "connect_timeout"));
  EXPECT_NE(remedy_for(check_step::dns, "no_such_name"), remedy_for(check_step::dns, "name_service_silent"));
  EXPECT_NE(remedy_for(check_step::publish, "denied"), remedy_for(check_step::publish, "name_in_use"));
  EXPECT_NE(remedy_for(check_step::connect, "denied"), remedy_for(check_step::publish, "denied"));
  EXPECT_NE(remedy_for(check_step::tls, "handshake_failure"), remedy_for(check_step::tls, "client_certificate"));
  EXPECT_NE(remedy_for(check_step::tls, "handshake_failure"), remedy_for(check_step::tls, "tls_failed"));
}

TEST(check_remedies, know_every_sentence_of_a_tls_refusal) {
  const std::unique_ptr<X509, openssl_deleter<X509_free>> certificate(X509_new());
  const struct {
    std::string sentence;
    const char* kind;
  } cases[] = {
      {sentence(X509_V_ERR_CERT_HAS_EXPIRED, certificate.get()), "expired"},
      {sentence(X509_V_ERR_CERT_NOT_YET_VALID, certificate.get()), "not_yet_valid"},
      {sentence(X509_V_ERR_HOSTNAME_MISMATCH, certificate.get()), "name_mismatch"},
      {sentence(X509_V_ERR_IP_ADDRESS_MISMATCH, certificate.get()), "name_mismatch"},
      {sentence(X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY, certificate.get()), "unknown_issuer"},
      {sentence(X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT, certificate.get()), "unknown_issuer"},
      {sentence(X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN, certificate.get()), "unknown_issuer"},
      {sentence(X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN, certificate.get()) + "; no CA certificates are installed in /x",
       "no_cas"},
      {sentence(X509_V_ERR_CERT_REVOKED, certificate.get()), "tls_failed"},
      {explain_pin_mismatch({"pin"}), "pin_mismatch"},
      {explain_tls_error(ERR_PACK(ERR_LIB_SSL, 0, SSL_R_UNSUPPORTED_PROTOCOL), tls_version::v1_3), "version"},
      {explain_tls_error(ERR_PACK(ERR_LIB_SSL, 0, SSL_R_WRONG_VERSION_NUMBER), tls_version::v1_2), "not_tls"},
      {explain_tls_error(ERR_PACK(ERR_LIB_SSL, 0, SSL_AD_REASON_OFFSET + SSL_AD_CERTIFICATE_REQUIRED),
                         tls_version::v1_2),
       "client_certificate"},
      {explain_tls_error(ERR_PACK(ERR_LIB_SSL, 0, SSL_AD_REASON_OFFSET + SSL_AD_UNKNOWN_CA), tls_version::v1_2),
       "client_certificate"},
      {explain_tls_error(ERR_PACK(ERR_LIB_SSL, 0, SSL_AD_REASON_OFFSET + SSL_AD_HANDSHAKE_FAILURE), tls_version::v1_2),
       "handshake_failure"},
      {explain_tls_error(ERR_PACK(ERR_LIB_SSL, 0, SSL_AD_REASON_OFFSET + SSL_AD_INTERNAL_ERROR), tls_version::v1_2),
       "alert"},
  };
  for (const auto& c : cases) {
    EXPECT_EQ(failure_kind(check_step::tls, disconnect_reason::tls_failed, c.sentence), c.kind) << c.sentence;
  }
}

TEST(check_remedies, take_the_reason_where_the_text_tells_no_more) {
  EXPECT_EQ(failure_kind(check_step::tcp, disconnect_reason::unreachable, "connect: no route"), "unreachable");
  EXPECT_EQ(failure_kind(check_step::tcp, disconnect_reason::unreachable, "connect: no interface wwan0"),
            "bind_failed");
  EXPECT_EQ(failure_kind(check_step::connect, disconnect_reason::denied, "the certificate expired on paper"), "denied");
}

TEST(check_report, prints_steps_times_and_the_remedy) {
  const std::string text = report_text({report_of(check_outcome::failed), report_of(check_outcome::ok)});
  EXPECT_EQ(text.find("cam0_stream0/default primary rtmp://host/live/key\n"
                      "  dns        ok           2 ms  192.0.2.7 (IPv4)\n"
                      "  tcp        failed      12 ms  refused\n"
                      "             remedy: Look at the port.\n"
                      "  clock      skipped\n"),
            0u)
      << text;
  EXPECT_NE(text.find("\n1 of 2 addresses can be pushed to\n"), std::string::npos) << text;
}

TEST(check_report, gives_programs_the_same) {
  url_report report = report_of(check_outcome::failed);
  report.order = 2;
  const std::string text = report_json({report});
  EXPECT_EQ(text.find("[{\"camera_id\":0,\"stream_id\":0,\"stream\":\"main\",\"destination\":\"default\",\"order\":2,"
                      "\"url\":\"rtmp://host/live/key\",\"ok\":false,\"steps\":["
                      "{\"step\":\"dns\",\"outcome\":\"ok\",\"ms\":1.6,\"detail\":\"192.0.2.7 (IPv4)\"},"
                      "{\"step\":\"tcp\",\"outcome\":\"failed\",\"ms\":12.0,\"detail\":\"refused\","
                      "\"reason\":\"connect_refused\",\"remedy\":\"Look at the port.\"},"
                      "{\"step\":\"clock\",\"outcome\":\"skipped\",\"ms\":null,\"detail\":\"\"},"),
            0u)
      << text;
}

}  // namespace campush

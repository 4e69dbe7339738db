#include <openssl/pem.h>
#include <openssl/x509.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <memory>

#include "config_text.h"

namespace campush {

namespace {

constexpr const char* pin_base64 = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=";
constexpr const char* pin_hex = "E3B0C44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

std::string with_keys(const std::string& keys, const std::string& top = "{}") {
  return with_rtmp("{\"urls\": [\"rtmps://a/live/k\"]" + (keys.empty() ? "" : ", " + keys) + "}", top);
}

session_config session_of(const std::string& text) {
  const system_config config = loaded(text);
  EXPECT_EQ(config.sessions.size(), 1u);
  return config.sessions.empty() ? session_config{} : config.sessions[0];
}

/// What stands behind the place of a mistake.
std::string complaint(const std::string& text) {
  const std::string line = problem_of(text);
  const size_t pointer = line.find(": /");
  return pointer == std::string::npos ? line : line.substr(pointer + 2);
}

/// A folder with key pairs in PEM, gone with the test.
class key_folder {
 public:
  key_folder() : m_path(std::filesystem::temp_directory_path() / ("campush_keys_" + std::to_string(::getpid()))) {
    std::filesystem::create_directories(m_path);
    write_pair("one");
    write_pair("two");
    std::ofstream(m_path / "junk") << "not PEM\n";
    std::ofstream(m_path / "secret") << "s3cret\n";
    std::filesystem::create_directories(m_path / "hashed");
    std::filesystem::copy_file(m_path / "one.crt", m_path / "hashed" / "01234567.0");
  }
  ~key_folder() { std::filesystem::remove_all(m_path); }
  std::string operator/(const char* name) const { return (m_path / name).string(); }

 private:
  template <class Write>
  void write(const std::string& name, Write put) const {
    const std::unique_ptr<BIO, int (*)(BIO*)> file(BIO_new_file((m_path / name).c_str(), "w"), BIO_free);
    EXPECT_EQ(put(file.get()), 1);
  }
  void write_pair(const std::string& name) const {
    const std::unique_ptr<EVP_PKEY, void (*)(EVP_PKEY*)> key(EVP_EC_gen("P-256"), EVP_PKEY_free);
    const std::unique_ptr<X509, void (*)(X509*)> certificate(X509_new(), X509_free);
    X509_set_pubkey(certificate.get(), key.get());
    X509_gmtime_adj(X509_getm_notBefore(certificate.get()), 0);
    X509_gmtime_adj(X509_getm_notAfter(certificate.get()), 3600);
    EXPECT_NE(X509_sign(certificate.get(), key.get(), EVP_sha256()), 0);
    write(name + ".crt", [&](BIO* to) { return PEM_write_bio_X509(to, certificate.get()); });
    write(name + ".key",
          [&](BIO* to) { return PEM_write_bio_PrivateKey(to, key.get(), nullptr, nullptr, 0, nullptr, nullptr); });
  }

  std::filesystem::path m_path;
};

}  // namespace

TEST(loader_link, takes_one_pin_or_a_list_in_base64_or_hex) {
  const std::string base64 = pin_base64, hex = pin_hex;
  EXPECT_EQ(session_of(with_keys("\"tls\": {\"pin_sha256\": \"" + base64 + "\"}")).tls.pin_sha256,
            std::vector<std::string>{base64});
  EXPECT_EQ(session_of(with_keys("\"tls\": {\"pin_sha256\": [\"" + hex + "\", \"" + base64 + "\"]}")).tls.pin_sha256,
            (std::vector<std::string>{hex, base64}));
}

TEST(loader_link, lays_tls_key_by_key_and_resolves_its_paths) {
  const session_config session =
      session_of(with_keys(R"("tls": {"client_cert": "c.pem", "ca_path": "/abs", "min_version": "1.2"})",
                           R"({"tls": {"ca_file": "ca.pem", "client_key": "../k.pem", "min_version": "1.3"}})"));
  EXPECT_EQ(session.tls.ca_file, CAMPUSH_TEST_DATA "/config/ca.pem");
  EXPECT_EQ(session.tls.ca_path, "/abs");
  EXPECT_EQ(session.tls.client_cert, CAMPUSH_TEST_DATA "/config/c.pem");
  EXPECT_EQ(session.tls.client_key, CAMPUSH_TEST_DATA "/k.pem");
  EXPECT_EQ(session.tls.min_version, tls_version::v1_2);
}

TEST(loader_link, lets_a_stream_switch_an_inherited_signature_off) {
  const char* top = R"({"sign": {"type": "aliyun", "key_file": "key", "ttl_s": 60}})";
  const sign_options inherited = session_of(with_keys("", top)).sign;
  EXPECT_EQ(inherited.type, sign_type::aliyun);
  EXPECT_EQ(inherited.key_file, CAMPUSH_TEST_DATA "/config/key");
  EXPECT_EQ(inherited.ttl, std::chrono::minutes(1));
  EXPECT_EQ(session_of(with_keys(R"("sign": {"type": "none"})", top)).sign.type, sign_type::none);
}

TEST(loader_link, knows_the_bitrate_of_the_encoder) {
  const system_config config = loaded(R"({"rtmp": {"url_template": "rtmp://a/live/{stream_id}"}, "cameras": [
    {"streams": [{"encoder": {"bitrate": 4000}}, {}]}]})");
  ASSERT_EQ(config.sessions.size(), 2u);
  EXPECT_EQ(config.sessions[0].encoder_kbps, 4000u);
  EXPECT_EQ(config.sessions[1].encoder_kbps, 0u);
}

TEST(loader_link, refuses_what_can_never_work_in_one_line) {
  const std::string rtmp = "/cameras/0/streams/0/rtmp/";
  const struct {
    const char* name;
    const char* keys;
    std::string expected;
  } cases[] = {
      {"short pin", R"("tls": {"pin_sha256": "47DEQpj8"})",
       "tls/pin_sha256: found a text of 8 bytes, allowed: a SHA-256 in base64 (44 characters) or hex (64 digits)"},
      {"pin of 33 bytes", R"("tls": {"pin_sha256": "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFXX"})",
       "tls/pin_sha256: found a text of 44 bytes, allowed: a SHA-256 in base64 (44 characters) or hex (64 digits)"},
      {"pin in a list", R"("tls": {"pin_sha256": ["sha256//x"]})",
       "tls/pin_sha256: found a text of 9 bytes, allowed: a SHA-256 in base64 (44 characters) or hex (64 digits)"},
      {"certificate alone", R"("tls": {"client_cert": "c"})",
       "tls/client_cert: needs the key \"client_key\" beside it"},
      {"key alone", R"("tls": {"client_key": "c"})", "tls/client_key: needs the key \"client_cert\" beside it"},
      {"version", R"("tls": {"min_version": "1.1"})", "tls/min_version: found \"1.1\", allowed: \"1.2\", \"1.3\""},
      {"old word", R"("tls": {"verify": false})",
       "tls/verify: unknown key, allowed: ca_file, ca_path, pin_sha256, client_cert, client_key, min_version, "
       "insecure"},
      {"name for an address", R"("bind_address": "eth0")",
       "bind_address: found \"eth0\", allowed: a numeric IPv4 or IPv6 address"},
      {"port with the address", R"("bind_address": "10.0.0.1:80")",
       "bind_address: found \"10.0.0.1:80\", allowed: a numeric IPv4 or IPv6 address"},
      {"zone with IPv4", R"("bind_address": "10.0.0.5%eth0")",
       "bind_address: found \"10.0.0.5%eth0\", allowed: a numeric IPv4 or IPv6 address"},
      {"zone without a name", R"("bind_address": "fe80::1%")",
       "bind_address: found \"fe80::1%\", allowed: a numeric IPv4 or IPv6 address"},
      {"long interface", R"("bind_interface": "a123456789012345")",
       "bind_interface: found \"a123456789012345\", allowed: an interface name of at most 15 characters"},
      {"signature without secret", R"("sign": {"type": "tencent"})", "sign/type: needs the key \"key_file\" beside it"},
      {"unknown CDN", R"("sign": {"type": "akamai", "key_file": "key"})",
       "sign/type: found \"akamai\", allowed: \"none\", \"aliyun\", \"tencent\""},
  };
  for (const auto& c : cases) EXPECT_EQ(complaint(with_keys(c.keys)), rtmp + c.expected) << c.name;
}

TEST(loader_link, takes_addresses_and_interfaces_that_may_come_later) {
  for (const char* address : {"", "10.0.0.1", "2001:db8::1", "fe80::1%wwan7"}) {
    const std::string keys = std::string("\"bind_address\": \"") + address + "\", \"bind_interface\": \"wwan0.7\"";
    EXPECT_EQ(session_of(with_keys(keys)).bind_address, address);
  }
}

TEST(loader_link, takes_user_and_signature_together) {
  const system_config config =
      loaded(with_rtmp(R"({"urls": ["rtmp://u:p@a/live/k"], "sign": {"type": "aliyun", "key_file": "key"}})"));
  EXPECT_EQ(config.sessions.size(), 1u);
  EXPECT_EQ(config.file_problems, std::vector<std::string>{});
}

TEST(loader_link, warns_once_for_each_session_that_trusts_anybody) {
  const system_config config = loaded(with_rtmp(
      R"([{"urls": ["rtmps://a/live/k", "rtmps://b/live/k"]}, {"name": "b", "urls": ["rtmps://c/live/k"]},
          {"name": "c", "urls": ["rtmps://d/live/k"], "tls": {"insecure": false}}])",
      R"({"tls": {"insecure": true}})"));
  EXPECT_EQ(
      config.warnings,
      (std::vector<std::string>{
          "c.json:1:31: /rtmp/tls/insecure: cam0_stream0/default trusts any certificate: whoever is in between can "
          "read and change its stream",
          "c.json:1:31: /rtmp/tls/insecure: cam0_stream0/b trusts any certificate: whoever is in between can read "
          "and change its stream"}));
}

TEST(loader_link, has_tls_and_adaptive_bitrate_in_this_build) {
  const system_config config =
      loaded(with_keys(R"("tls": {"min_version": "1.3"}, "adaptive_bitrate": {"enabled": true, "min_bitrate": 300})"));
  EXPECT_EQ(config.warnings, std::vector<std::string>{});
  EXPECT_EQ(config.sessions.at(0).adaptive_bitrate.floor_kbps, 300u);
}

TEST(loader_link, names_files_that_may_still_come_and_loads) {
  const key_folder keys;
  const struct {
    const char* name;
    std::string keys;
    std::string expected;
  } cases[] = {
      {"all is well",
       "\"tls\": {\"ca_file\": \"" + keys / "one.crt" + "\", \"ca_path\": \"" + keys / "hashed" +
           "\", \"client_cert\": \"" + keys / "one.crt" + "\", \"client_key\": \"" + keys / "one.key" +
           "\"}, \"sign\": {\"type\": \"aliyun\", \"key_file\": \"" + keys / "secret" + "\"}",
       ""},
      {"no CA", R"("tls": {"ca_file": "/nonexistent/ca.pem"})",
       "tls/ca_file: ca_file /nonexistent/ca.pem: No such file or directory"},
      {"no PEM", "\"tls\": {\"ca_file\": \"" + keys / "junk" + "\"}",
       "tls/ca_file: ca_file " + keys / "junk" + ": no certificate in PEM form"},
      {"a device", R"("tls": {"ca_file": "/dev/zero"})", "tls/ca_file: ca_file /dev/zero: neither a file nor a folder"},
      {"names without hashes", "\"tls\": {\"ca_path\": \"" + keys / "." + "\"}", "tls/ca_path: ca_path "},
      {"another's key",
       "\"tls\": {\"client_cert\": \"" + keys / "one.crt" + "\", \"client_key\": \"" + keys / "two.key" + "\"}",
       keys / "two.key" + ": it does not belong to the certificate"},
      {"no secret", R"("sign": {"type": "aliyun", "key_file": "/nonexistent/s"})",
       "sign/key_file: /nonexistent/s: No such file or directory"},
  };
  for (const auto& c : cases) {
    const system_config config = loaded(with_keys(c.keys));
    EXPECT_EQ(config.sessions.size(), 1u) << c.name;
    const std::string lines = config.file_problems.empty() ? "" : config.file_problems[0];
    EXPECT_EQ(config.file_problems.size(), c.expected.empty() ? 0u : 1u) << c.name << lines;
    EXPECT_NE(lines.find(c.expected), std::string::npos) << c.name << ": " << lines;
  }
}

TEST(loader_link, says_once_what_several_sessions_inherit) {
  const system_config config =
      loaded(with_rtmp(R"([{"urls": ["rtmps://a/live/k"]}, {"name": "b", "urls": ["rtmps://c/live/k"]}])",
                       R"({"tls": {"ca_file": "/nonexistent"}})"));
  EXPECT_EQ(
      config.file_problems,
      std::vector<std::string>{"c.json:1:30: /rtmp/tls/ca_file: ca_file /nonexistent: No such file or directory"});
}

}  // namespace campush

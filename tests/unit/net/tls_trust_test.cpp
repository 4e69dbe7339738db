#include "net/tls_trust.h"

#include <filesystem>
#include <fstream>

#include "unit/net/tls_world.h"

namespace campush::test {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;

/// A variable of the environment as long as the object lives.
class set_variable {
 public:
  set_variable(const char* name, const std::string& value) : m_name(name) { ::setenv(name, value.c_str(), 1); }
  ~set_variable() { ::unsetenv(m_name); }
  set_variable(const set_variable&) = delete;
  set_variable& operator=(const set_variable&) = delete;

 private:
  const char* const m_name;
};

/// CAs that come and go while the program runs, as the next connections see them.
class tls_installed_cas : public tls_world {
 protected:
  void SetUp() override {
    listen();
    m_options.ca_file.clear();
    std::filesystem::create_directory(m_cas);
    m_has_changed_at = std::filesystem::last_write_time(m_cas);
  }
  std::string next_connection() {
    m_tls = m_clients.get(m_options).value();
    connect();
    return refusal();
  }
  void install(const std::string& path) {
    std::ofstream(path) << m_ca.pem();
    change();
  }
  void remove(const std::string& path) {
    std::filesystem::remove(path);
    change();
  }
  /// A coarse file system clock could give two moments one time.
  void change() { std::filesystem::last_write_time(m_cas, m_has_changed_at += 1s); }

  tls_clients m_clients{m_loop};
  const std::string m_cas = m_folder.path() + "/cas";
  const std::string m_ca_path = m_cas + "/" + m_ca.hashed_name();
  const std::string m_bundle = m_cas + "/bundle.pem";
  std::filesystem::file_time_type m_has_changed_at;
};

TEST_F(tls_installed_cas, count_at_the_next_connection_when_they_appear_in_the_systems_directory) {
  const set_variable directory("SSL_CERT_DIR", m_cas);
  EXPECT_THAT(next_connection(), HasSubstr("unknown issuer"));
  const auto refusing = m_tls;
  EXPECT_THAT(next_connection(), HasSubstr("unknown issuer"));
  EXPECT_EQ(m_tls, refusing) << "nothing has changed";
  install(m_ca_path);
  EXPECT_EQ(next_connection(), "connected");
  remove(m_ca_path);
  EXPECT_THAT(next_connection(), HasSubstr("unknown issuer"));
}

TEST_F(tls_installed_cas, count_at_the_next_connection_when_the_directory_had_others) {
  const set_variable directory("SSL_CERT_DIR", m_cas);
  const test_certificate other = test_certificate::self_signed(ca_spec("Other CA"));
  std::ofstream(m_cas + "/" + other.hashed_name()) << other.pem();
  change();
  EXPECT_THAT(next_connection(), HasSubstr("unknown issuer"));
  install(m_ca_path);
  EXPECT_EQ(next_connection(), "connected");
}

TEST_F(tls_installed_cas, count_at_the_next_connection_when_the_bundle_appears_or_changes) {
  const set_variable directory("SSL_CERT_DIR", m_cas + "/none");
  const set_variable bundle("SSL_CERT_FILE", m_bundle);
  EXPECT_THAT(next_connection(), HasSubstr("unknown issuer"));
  std::ofstream(m_bundle) << test_certificate::self_signed(ca_spec("Other CA")).pem();
  EXPECT_THAT(next_connection(), HasSubstr("unknown issuer"));
  std::ofstream(m_bundle, std::ios::app) << m_ca.pem();
  EXPECT_EQ(next_connection(), "connected");
}

TEST_F(tls_installed_cas, are_found_in_each_directory_of_a_list) {
  const set_variable directories("SSL_CERT_DIR", m_folder.path() + "/none::" + m_cas);
  EXPECT_THAT(next_connection(), HasSubstr("unknown issuer"));
  install(m_ca_path);
  EXPECT_EQ(next_connection(), "connected");
}

TEST_F(tls_installed_cas, mean_nothing_to_a_client_that_trusts_files_of_its_own) {
  const set_variable directory("SSL_CERT_DIR", m_cas);
  m_options.ca_file = m_ca_file;
  const auto first = m_clients.get(m_options).value();
  install(m_ca_path);
  EXPECT_EQ(m_clients.get(m_options).value(), first);
  m_options.ca_file.clear();
  m_options.insecure = true;
  const auto careless = m_clients.get(m_options).value();
  remove(m_ca_path);
  EXPECT_EQ(m_clients.get(m_options).value(), careless);
}

}  // namespace
}  // namespace campush::test

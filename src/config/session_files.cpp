#include "config/session_files.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <memory>

#include "net/openssl_handles.h"
#include "rtmp/secret_file.h"

namespace campush {

namespace {

constexpr off_t largest_file = 4 << 20;

using certificate_ptr = std::unique_ptr<X509, openssl_deleter<X509_free>>;
using key_ptr = std::unique_ptr<EVP_PKEY, openssl_deleter<EVP_PKEY_free>>;

/// A key that is encrypted must not ask on the terminal of a daemon.
int give_no_password(char*, int, int, void*) {
  return 0;
}

result<bio_ptr> open_file(const std::string& path) {
  struct stat about {};
  if (::stat(path.c_str(), &about) != 0) return tl::unexpected(error_from_errno(errno, path));
  if (!S_ISREG(about.st_mode)) return fail(error_code::invalid_argument, path + ": not a regular file");
  if (about.st_size > largest_file) return fail(error_code::too_big, path + ": over 4 MiB");
  errno = 0;
  bio_ptr file(BIO_new_file(path.c_str(), "r"));
  const int failure = errno;
  ERR_clear_error();
  if (!file) return tl::unexpected(error_from_errno(failure == 0 ? EIO : failure, path));
  return file;
}

result<certificate_ptr> first_certificate(const std::string& path) {
  auto file = open_file(path);
  if (!file) return tl::unexpected(file.error());
  certificate_ptr certificate(PEM_read_bio_X509(file->get(), nullptr, give_no_password, nullptr));
  ERR_clear_error();
  if (!certificate) return fail(error_code::malformed, path + ": holds no certificate in PEM");
  return certificate;
}

result<key_ptr> private_key(const std::string& path) {
  auto file = open_file(path);
  if (!file) return tl::unexpected(file.error());
  key_ptr key(PEM_read_bio_PrivateKey(file->get(), nullptr, give_no_password, nullptr));
  ERR_clear_error();
  if (!key) return fail(error_code::malformed, path + ": holds no private key in PEM, or one that is encrypted");
  return key;
}

result<void> check_folder(const std::string& path) {
  struct stat about {};
  if (::stat(path.c_str(), &about) != 0 || ::access(path.c_str(), R_OK | X_OK) != 0) {
    return tl::unexpected(error_from_errno(errno, path));
  }
  if (!S_ISDIR(about.st_mode)) return fail(error_code::invalid_argument, path + ": not a folder");
  return {};
}

template <class Value>
void note(std::vector<file_problem>& problems, const char* key, const result<Value>& outcome) {
  if (!outcome) problems.push_back({key, outcome.error()});
}

void check_client(const tls_options& tls, std::vector<file_problem>& problems) {
  if (tls.client_cert.empty() || tls.client_key.empty()) return;
  const auto certificate = first_certificate(tls.client_cert);
  const auto key = private_key(tls.client_key);
  note(problems, "tls/client_cert", certificate);
  note(problems, "tls/client_key", key);
  if (!certificate || !key) return;
  const bool is_pair = X509_check_private_key(certificate->get(), key->get()) == 1;
  ERR_clear_error();
  if (is_pair) return;
  problems.push_back(
      {"tls/client_key", {error_code::malformed, tls.client_key + ": is not the key of " + tls.client_cert}});
}

}  // namespace

std::vector<file_problem> find_file_problems(const session_config& config) {
  std::vector<file_problem> problems;
  const tls_options& tls = config.tls;
  if (!tls.ca_file.empty()) note(problems, "tls/ca_file", first_certificate(tls.ca_file));
  if (!tls.ca_path.empty()) note(problems, "tls/ca_path", check_folder(tls.ca_path));
  check_client(tls, problems);
  if (config.sign.type != sign_type::none) {
    note(problems, "sign/key_file", first_line_of_secret_file(config.sign.key_file));
  }
  return problems;
}

}  // namespace campush

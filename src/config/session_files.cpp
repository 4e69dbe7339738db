#include "config/session_files.h"

#include "net/tls_trust.h"
#include "rtmp/secret_file.h"

namespace campush {

namespace {

/// As every connection will do it; `part` holds the files of one key.
void try_tls(std::vector<file_problem>& problems, const char* key, const tls_options& part) {
  tls_rules rules;
  if (const auto context = make_client_context(part, rules); !context) problems.push_back({key, context.error()});
}

}  // namespace

std::vector<file_problem> find_file_problems(const session_config& config) {
  std::vector<file_problem> problems;
  const tls_options& tls = config.tls;
  // Without the system's CAs, which are nobody's key.
  tls_options part;
  part.insecure = true;
  if (!tls.ca_file.empty()) {
    part.ca_file = tls.ca_file;
    try_tls(problems, "tls/ca_file", part);
    part.ca_file.clear();
  }
  if (!tls.ca_path.empty()) {
    part.ca_path = tls.ca_path;
    try_tls(problems, "tls/ca_path", part);
    part.ca_path.clear();
  }
  if (!tls.client_cert.empty()) {
    part.client_cert = tls.client_cert;
    part.client_key = tls.client_key;
    try_tls(problems, "tls/client_cert", part);
  }
  if (config.sign.type == sign_type::none) return problems;
  if (const auto secret = first_line_of_secret_file(config.sign.key_file); !secret) {
    problems.push_back({"sign/key_file", secret.error()});
  }
  return problems;
}

}  // namespace campush

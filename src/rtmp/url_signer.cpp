#include "rtmp/url_signer.h"

#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <cstdio>

#include "rtmp/secret_file.h"

namespace campush {

namespace {

/// What a signature is made of, borrowed for one call.
struct signature_input {
  std::string_view app, stream;  ///< both without query
  const std::string& secret;
  int64_t expiry_s = 0;
  std::string_view random;
};

result<std::string> md5_hex(const secret_text& text) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned int size = 0;
  const std::string& bytes = text.reveal();
  if (EVP_Digest(bytes.data(), bytes.size(), digest.data(), &size, EVP_md5(), nullptr) != 1) {
    return fail(error_code::unsupported, "sign: this OpenSSL has no MD5");
  }
  constexpr const char* digits = "0123456789abcdef";
  std::string hex;
  for (unsigned int i = 0; i < size; ++i) hex.append({digits[digest[i] >> 4], digits[digest[i] & 15]});
  return hex;
}

result<std::string> aliyun_query(const signature_input& in) {
  const std::string fields =
      std::to_string(in.expiry_s) + "-" + std::string(in.random.empty() ? "0" : in.random) + "-0-";
  std::string text = "/";
  text.append(in.app).append("/").append(in.stream).append("-").append(fields).append(in.secret);
  auto hash = md5_hex(secret_text(std::move(text)));
  if (!hash) return hash;
  return "auth_key=" + fields + *hash;
}

result<std::string> tencent_query(const signature_input& in) {
  std::array<char, 24> expiry{};
  std::snprintf(expiry.data(), expiry.size(), "%llX", static_cast<unsigned long long>(in.expiry_s));
  auto hash = md5_hex(secret_text(in.secret + std::string(in.stream) + expiry.data()));
  if (!hash) return hash;
  return "txSecret=" + *hash + "&txTime=" + expiry.data();
}

struct signer {
  sign_type type;
  result<std::string> (*make)(const signature_input& in);
  std::array<std::string_view, 2> names;  ///< parameters that say a query is signed already
};
constexpr signer signers[] = {
    {sign_type::aliyun, aliyun_query, {"auth_key"}},
    {sign_type::tencent, tencent_query, {"txSecret", "txTime"}},
};

bool has_parameter(std::string_view query, std::string_view name) {
  while (!query.empty()) {
    const std::string_view item = query.substr(0, query.find('&'));
    if (item.substr(0, item.find('=')) == name) return true;
    query.remove_prefix(std::min(item.size() + 1, query.size()));
  }
  return false;
}

std::string_view without_query(std::string_view text) {
  return text.substr(0, text.find('?'));
}

std::string joined(const std::string& key, const std::string& signature) {
  if (key.find('?') == std::string::npos) return key + "?" + signature;
  const bool is_open = key.back() == '?' || key.back() == '&';
  return key + (is_open ? "" : "&") + signature;
}

}  // namespace

result<stream_url> sign_url(const stream_url& url, const sign_options& options,
                            std::chrono::system_clock::time_point now, const std::string& random) {
  const auto* found = std::find_if(std::begin(signers), std::end(signers),
                                   [&options](const signer& entry) { return entry.type == options.type; });
  if (found == std::end(signers)) return url;
  const std::string& key = url.key().reveal();
  const std::string_view name = without_query(key);
  const std::string_view query = name.size() < key.size() ? std::string_view(key).substr(name.size() + 1) : "";
  for (const std::string_view parameter : found->names) {
    if (parameter.empty() || !has_parameter(query, parameter)) continue;
    return fail(error_code::invalid_argument, "sign: the address carries " + std::string(parameter) + " already");
  }
  auto line = first_line_of_secret_file(options.key_file);
  if (!line) return tl::unexpected(wrap(std::move(line.error()), "sign.key_file"));
  const secret_text secret(std::move(*line));
  const auto expiry = std::chrono::duration_cast<std::chrono::seconds>(now.time_since_epoch()) + options.ttl;
  const auto signature = found->make({without_query(url.app()), name, secret.reveal(), expiry.count(), random});
  if (!signature) return tl::unexpected(signature.error());
  stream_url made = url;
  made.replace_key(joined(key, *signature));
  return made;
}

}  // namespace campush

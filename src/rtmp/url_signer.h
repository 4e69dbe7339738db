#pragma once

#include <chrono>
#include <string>

#include "rtmp/stream_url.h"

namespace campush {

enum class sign_type : uint8_t { none, aliyun, tencent };

/// A CDN's publishing signature, made anew at each attempt.
struct sign_options {
  sign_type type = sign_type::none;
  std::string key_file;  ///< the CDN's secret, first line, read at each attempt
  std::chrono::seconds ttl{3600};
  friend bool operator==(const sign_options& left, const sign_options& right) {
    return left.type == right.type && left.key_file == right.key_file && left.ttl == right.ttl;
  }
};

/// Adds the signature to the key's query; what stands there already stays untouched and in order.
/// Shape: aliyun: auth_key=EXPIRY-RAND-0-md5("/App/Stream-EXPIRY-RAND-0-SECRET"); tencent: txSecret=md5(SECRET+Stream+HEX), txTime=HEX.
///   `random` is the RAND field (aliyun; 32 hex digits or 0).
/// Errors: not_found or permission_denied (key file), invalid_argument (empty key, a query that is signed already). The text holds no
///   secret.
/// Thread: any-thread. Judge the clock first (check_wall_clock).
/// Source: facts/rtmp 8.2; golden vectors in the test.
[[nodiscard]] result<stream_url> sign_url(const stream_url& url, const sign_options& options,
                                          std::chrono::system_clock::time_point now, const std::string& random);

}  // namespace campush

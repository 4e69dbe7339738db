#pragma once

#include <string>

namespace campush {

/// Where the HTTP server listens and what it asks of callers; section `http` of system_config.json.
/// Shape: `listen` is "HOST:PORT" with a numeric host, IPv6 in brackets; empty: no HTTP. `token_file` is absolute or relative to the
///   working directory (the loader has resolved it); its first line is the bearer token; empty: no token is asked for, which the
///   loader allows on loopback only.
/// Thread: a value type.
struct http_options {
  std::string listen = "127.0.0.1:8080";
  std::string token_file;
  friend bool operator==(const http_options& left, const http_options& right) {
    return left.listen == right.listen && left.token_file == right.token_file;
  }
  friend bool operator!=(const http_options& left, const http_options& right) { return !(left == right); }
};

}  // namespace campush

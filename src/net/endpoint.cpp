#include "net/endpoint.h"

#include <arpa/inet.h>
#include <net/if.h>

#include <charconv>
#include <cstring>

namespace campush {

namespace {

error bad_address(std::string_view address) {
  return {error_code::invalid_argument,
          "\"" + std::string(address.substr(0, 64)) + "\" is not an IPv4 or IPv6 address"};
}

template <class Number>
bool parse_number(std::string_view text, Number& value) noexcept {
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), value);
  return failure == std::errc() && end == text.data() + text.size();
}

bool parse_scope(std::string_view text, uint32_t& scope_id) {
  if (text.empty()) return false;
  if (parse_number(text, scope_id)) return true;
  scope_id = ::if_nametoindex(std::string(text).c_str());
  return scope_id != 0;
}

}  // namespace

std::string endpoint::address_text() const {
  char text[INET6_ADDRSTRLEN] = "?";
  const bool is_ipv6 = address_family == family::ipv6;
  ::inet_ntop(is_ipv6 ? AF_INET6 : AF_INET, address.data(), text, sizeof text);
  return is_ipv6 && scope_id != 0 ? std::string(text) + "%" + std::to_string(scope_id) : text;
}

std::string endpoint::to_string() const {
  const std::string port_text = ":" + std::to_string(port);
  return address_family == family::ipv6 ? "[" + address_text() + "]" + port_text : address_text() + port_text;
}

result<endpoint> parse_endpoint(std::string_view address, uint16_t port) {
  endpoint parsed;
  parsed.port = port;
  const size_t percent = address.find('%');
  const std::string host(address.substr(0, percent));
  // inet_pton reads to the first NUL: what stands after one must not be ignored.
  if (host.size() >= INET6_ADDRSTRLEN || host.find('\0') != std::string::npos) {
    return tl::unexpected<error>(bad_address(address));
  }
  if (percent == std::string_view::npos && ::inet_pton(AF_INET, host.c_str(), parsed.address.data()) == 1)
    return parsed;
  parsed.address_family = endpoint::family::ipv6;
  if (::inet_pton(AF_INET6, host.c_str(), parsed.address.data()) != 1) {
    return tl::unexpected<error>(bad_address(address));
  }
  if (percent != std::string_view::npos && !parse_scope(address.substr(percent + 1), parsed.scope_id)) {
    return fail(error_code::invalid_argument, "no such interface in \"" + std::string(address.substr(0, 64)) + "\"");
  }
  return parsed;
}

result<endpoint> parse_listen_address(std::string_view text) {
  const auto quoted = [](std::string_view part) { return "\"" + std::string(part.substr(0, 64)) + "\""; };
  const size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) {
    return fail(error_code::invalid_argument, quoted(text) + " has no port (HOST:PORT)");
  }
  uint16_t port = 0;
  if (!parse_number(text.substr(colon + 1), port)) {
    return fail(error_code::invalid_argument, quoted(text.substr(colon + 1)) + " is not a port (0 to 65535)");
  }
  std::string_view host = text.substr(0, colon);
  const bool has_brackets = host.size() >= 2 && host.front() == '[' && host.back() == ']';
  if (has_brackets) host = host.substr(1, host.size() - 2);
  auto parsed = parse_endpoint(host, port);
  if (parsed && (parsed->address_family == endpoint::family::ipv6) != has_brackets) {
    return fail(error_code::invalid_argument,
                quoted(text) + ": brackets belong around an IPv6 address, and only there");
  }
  return parsed;
}

}  // namespace campush

#include "rtmp/session_target.h"

#include <unistd.h>

#include <array>

namespace campush {

namespace {

std::string host_name() {
  std::array<char, 256> name{};
  if (gethostname(name.data(), name.size() - 1) != 0) return "localhost";
  return name.data();
}

}  // namespace

url_template::variables url_variables(const session_config& config) {
  const std::string camera_id = std::to_string(config.camera_id);
  return {{"camera_id", camera_id},
          {"stream_id", std::to_string(config.stream_id)},
          {"stream_name", config.stream_name},
          {"camera_name", config.camera_name.empty() ? "cam" + camera_id : config.camera_name},
          {"device_id", config.device_id},
          {"hostname", host_name()}};
}

result<stream_url> expand_url(const url_entry& entry, const url_template::variables& values) {
  auto address = url_template(entry.url).expand_marked(values);
  if (!address) return tl::unexpected<error>(std::move(address.error()));
  std::vector<std::string> secrets = std::move(address->secrets);
  result<stream_url> url;
  if (entry.stream_key) {
    auto key = url_template(*entry.stream_key).expand_marked(values);
    if (!key) return tl::unexpected<error>(wrap(std::move(key.error()), "stream_key"));
    secrets.insert(secrets.end(), key->secrets.begin(), key->secrets.end());
    url = stream_url::parse(address->text, key->text);
  } else {
    url = stream_url::parse(address->text);
  }
  if (url) url->mark_secrets(secrets);
  return url;
}

result<publish_target> make_target(const session_config& config, stream_url url, uint64_t handshake_seed) {
  publish_target target;
  target.url = std::move(url);
  target.backend = config.backend;
  target.chunk_size = config.chunk_size;
  target.resolve_timeout = config.timeouts.resolve;
  target.tcp_timeout = config.timeouts.tcp;
  target.handshake_timeout = config.timeouts.handshake;
  target.handshake_seed = handshake_seed;
  target.tls = config.tls;
  target.link.bind_interface = config.bind_interface;
  if (!config.bind_address.empty()) {
    result<endpoint> address = parse_endpoint(config.bind_address, 0);
    if (!address) return tl::unexpected<error>(wrap(std::move(address.error()), "bind_address"));
    target.link.bind_address = *address;
  }
  return target;
}

uint64_t stable_hash(std::string_view text) noexcept {
  // FNV-1a, then splitmix64's last step: short texts that differ in one letter must differ everywhere.
  uint64_t bits = 0xcbf29ce484222325u;
  for (const char letter : text) bits = (bits ^ static_cast<uint8_t>(letter)) * 0x100000001b3u;
  bits = (bits ^ (bits >> 30)) * 0xbf58476d1ce4e5b9u;
  bits = (bits ^ (bits >> 27)) * 0x94d049bb133111ebu;
  return bits ^ (bits >> 31);
}

}  // namespace campush

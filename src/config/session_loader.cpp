#include <fmt/format.h>

#include <map>

#include "config/addresses.h"
#include "config/key_bindings.h"
#include "config/load_context.h"
#include "config/session_files.h"
#include "net/endpoint.h"
#include "net/tls_trust.h"
#include "rtmp/publisher_switch.h"
#include "rtmp/session_target.h"

namespace campush {

namespace {

std::string instance_name(const session_config& session) {
  return fmt::format("cam{}_stream{}/{}", session.camera_id, session.stream_id, session.destination);
}

/// Sections laid over each other, and where each key of the result came from.
struct layered_rtmp {
  session_draft draft;
  std::map<std::string, std::string, std::less<>> origins;

  void lay(const located& section) {
    // An address that stands nearer to the stream replaces all farther ones: a list inherited from above must not win over it.
    if (section.child("url_template") && !section.child("urls")) draft.config.urls.clear();
    apply_section(draft, *section.value);
    for (const auto& member : section.value->GetObject()) {
      const std::string key(text_of(member.name));
      origins[key] = section.child(key).pointer;
      if (!member.value.IsObject()) continue;
      for (const auto& inner : member.value.GetObject()) {
        const std::string name(text_of(inner.name));
        std::string path = key;
        path.append("/").append(name);
        origins[path] = section.child(key).child(name).pointer;
      }
    }
  }
  std::string origin(std::string_view key) const {
    const auto found = origins.find(key);
    return found == origins.end() ? std::string() : found->second;
  }
};

layered_rtmp layered(const std::vector<located>& sections) {
  layered_rtmp result;
  for (const located& section : sections) {
    if (section) result.lay(section);
  }
  return result;
}

/// Where address number `index` of a session stands, in the order of effective_urls().
std::string address_pointer(const layered_rtmp& rtmp, size_t index) {
  const session_config& config = rtmp.draft.config;
  if (!config.urls.empty()) return child_pointer(rtmp.origin("urls"), index);
  if (config.url_template.empty()) return child_pointer(rtmp.origin("fallback_urls"), index);
  if (index == 0) return rtmp.origin("url_template");
  return child_pointer(rtmp.origin("fallback_urls"), index - 1);
}

std::string template_pointer(const std::string& address, const url_entry& entry, bool is_key) {
  if (!entry.stream_key) return address;
  return child_pointer(address, is_key ? "stream_key" : "url");
}

result<void> check_templates(const load_context& context, const layered_rtmp& rtmp) {
  const std::vector<url_entry> entries = effective_urls(rtmp.draft.config);
  for (size_t i = 0; i < entries.size(); ++i) {
    const std::string pointer = address_pointer(rtmp, i);
    if (auto checked = url_template(entries[i].url).check(); !checked) {
      return context.refuse(template_pointer(pointer, entries[i], false), checked.error().message);
    }
    if (!entries[i].stream_key) continue;
    if (auto checked = url_template(*entries[i].stream_key).check(); !checked) {
      return context.refuse(template_pointer(pointer, entries[i], true), checked.error().message);
    }
  }
  return {};
}

void anchor_templates(session_config& config, const std::string& base_dir) {
  config.url_template = anchor_secret_files(config.url_template, base_dir);
  for (std::string& fallback : config.fallback_urls) fallback = anchor_secret_files(fallback, base_dir);
  for (url_entry& entry : config.urls) {
    entry.url = anchor_secret_files(entry.url, base_dir);
    if (entry.stream_key) entry.stream_key = anchor_secret_files(*entry.stream_key, base_dir);
  }
}

result<void> check_addresses(const load_context& context, const layered_rtmp& rtmp) {
  const session_config& config = rtmp.draft.config;
  const std::vector<url_entry> entries = effective_urls(config);
  const url_template::variables variables = url_variables(config);
  for (size_t i = 0; i < entries.size(); ++i) {
    const std::string pointer = address_pointer(rtmp, i);
    const auto url = expand_url(entries[i], variables);
    if (!url) {
      return context.refuse(pointer, fmt::format("{} ({})", url.error().message, instance_name(config)));
    }
    if (needs_librtmp(url->scheme()) && !has_librtmp()) {
      context.warn(pointer,
                   fmt::format("{} is not in this build (CAMPUSH_WITH_LIBRTMP): {} is reported, not pushed there",
                               scheme_name(url->scheme()), instance_name(config)));
    }
    const address_user user{instance_name(config), pointer};
    const auto [first, is_new] = context.users.emplace(destination_of(*url), user);
    if (is_new) continue;
    if (first->second.instance != user.instance) {
      return context.refuse(pointer, fmt::format("{} pushes to the address of {} ({}): {}", user.instance,
                                                 first->second.instance, first->second.pointer, url->masked()));
    }
    context.warn(pointer, fmt::format("{} has this address twice in its list", user.instance));
  }
  return {};
}

template <class Value>
struct ordered_pair {
  const char* section;
  const char* lower;
  const char* upper;
  Value low, high;
};

result<void> check_order(const load_context& context, const layered_rtmp& rtmp) {
  const queue_limits& queue = rtmp.draft.config.queue;
  const retry_policy& retry = rtmp.draft.config.retry_policy;
  const auto bytes = [](uint64_t value) { return static_cast<int64_t>(value); };
  const ordered_pair<int64_t> pairs[] = {
      {"queue", "warning_bytes", "high_bytes", bytes(queue.warning_bytes), bytes(queue.high_bytes) - 1},
      {"queue", "high_bytes", "critical_bytes", bytes(queue.high_bytes), bytes(queue.critical_bytes) - 1},
      {"queue", "warning_ms", "high_ms", queue.warning_time.count(), queue.high_time.count() - 1},
      {"queue", "high_ms", "flush_ms", queue.high_time.count(), queue.flush_time.count() - 1},
      {"retry", "initial_delay_s", "max_delay_s", retry.initial_delay.count(), retry.max_delay.count()},
  };
  for (const auto& pair : pairs) {
    if (pair.low <= pair.high) continue;
    return context.refuse(rtmp.origin(pair.section),
                          fmt::format("{} is above {}, or equal where it must be below", pair.lower, pair.upper));
  }
  return {};
}

struct needed_key {
  const char* key;
  bool (*is_given)(const session_config& config);
  const char* needed;
  bool (*is_needed_given)(const session_config& config);
};
/// Keys that make no sense alone.
constexpr needed_key needed_keys[] = {
    {"tls/client_cert", [](const session_config& c) { return !c.tls.client_cert.empty(); }, "client_key",
     [](const session_config& c) { return !c.tls.client_key.empty(); }},
    {"tls/client_key", [](const session_config& c) { return !c.tls.client_key.empty(); }, "client_cert",
     [](const session_config& c) { return !c.tls.client_cert.empty(); }},
    {"sign/type", [](const session_config& c) { return c.sign.type != sign_type::none; }, "key_file",
     [](const session_config& c) { return !c.sign.key_file.empty(); }},
};

/// The interface that a zone names may come later.
bool is_bindable(std::string_view address) {
  const size_t percent = address.find('%');
  const auto parsed = parse_endpoint(address.substr(0, percent), 0);
  if (!parsed || percent == std::string_view::npos) return parsed.has_value();
  return parsed->address_family == endpoint::family::ipv6 && percent + 1 < address.size();
}

result<void> check_link(const load_context& context, const layered_rtmp& rtmp) {
  const session_config& config = rtmp.draft.config;
  for (const needed_key& entry : needed_keys) {
    if (!entry.is_given(config) || entry.is_needed_given(config)) continue;
    return context.refuse(rtmp.origin(entry.key), fmt::format("needs the key \"{}\" beside it", entry.needed));
  }
  for (const std::string& pin : config.tls.pin_sha256) {
    if (parse_pin(pin)) continue;
    return context.refuse(
        rtmp.origin("tls/pin_sha256"),
        fmt::format("found a text of {} bytes, allowed: a SHA-256 in base64 (44 characters) or hex (64 digits)",
                    pin.size()));
  }
  const std::string& bound = config.bind_address;
  if (!bound.empty() && !is_bindable(bound)) {
    return context.refuse(rtmp.origin("bind_address"),
                          fmt::format("found \"{}\", allowed: a numeric IPv4 or IPv6 address", printable(bound)));
  }
  return {};
}

void anchor_files(session_config& config, const load_context& context) {
  tls_options& tls = config.tls;
  for (std::string* path : {&tls.ca_file, &tls.ca_path, &tls.client_cert, &tls.client_key, &config.sign.key_file}) {
    *path = context.resolve_path(*path);
  }
}

void note_file_problems(const load_context& context, const layered_rtmp& rtmp) {
  std::string place;
  for (const char* key :
       {"tls/ca_file", "tls/ca_path", "tls/client_cert", "tls/client_key", "sign/type", "sign/key_file"}) {
    place += rtmp.origin(key) + " ";
  }
  if (!context.judged_files.insert(place).second) return;
  for (const file_problem& problem : find_file_problems(rtmp.draft.config)) {
    context.note_file_problem(rtmp.origin(problem.key), problem.cause.message);
  }
}

void report_link(const load_context& context, layered_rtmp& rtmp) {
  session_config& config = rtmp.draft.config;
  const std::string name = instance_name(config);
  if (config.backend == publish_backend::librtmp && !has_librtmp()) {
    context.warn(
        rtmp.origin("backend"),
        fmt::format("backend librtmp is not in this build (CAMPUSH_WITH_LIBRTMP): {} uses the native one", name));
    config.backend = publish_backend::native;
  }
  if (config.tls.insecure) {
    context.warn(rtmp.origin("tls/insecure"),
                 fmt::format("{} trusts any certificate: whoever is in between can read and change its stream", name));
  }
  note_file_problems(context, rtmp);
}

result<void> add_session(const load_context& context, layered_rtmp rtmp, const located& place) {
  session_config& config = rtmp.draft.config;
  if (auto checked = check_order(context, rtmp); !checked) return checked;
  if (auto checked = check_link(context, rtmp); !checked) return checked;
  if (!rtmp.draft.is_enabled) return {};
  if (effective_urls(config).empty()) {
    if (place) return context.refuse(place.pointer, "no address: neither urls nor url_template here or above");
    context.warn(place.pointer, fmt::format("cam{}_stream{} has no rtmp address: it is pushed nowhere",
                                            config.camera_id, config.stream_id));
    return {};
  }
  if (auto checked = check_templates(context, rtmp); !checked) return checked;
  anchor_templates(config, context.base_dir);
  anchor_files(config, context);
  if (auto checked = check_addresses(context, rtmp); !checked) return checked;
  report_link(context, rtmp);
  context.config.sessions.push_back(config);
  return {};
}

std::vector<located> destinations_of(const located& own) {
  if (!own || !own.value->IsArray()) return {own};
  std::vector<located> destinations;
  for (size_t i = 0; i < own.value->Size(); ++i) destinations.push_back(own.child(i));
  return destinations;
}

}  // namespace

result<void> load_sessions(const load_context& context, const camera_config& camera, const stream_config& stream,
                           const std::vector<located>& defaults, const located& own) {
  std::map<std::string, std::string> places;
  for (const located& destination : destinations_of(own)) {
    std::vector<located> sections = defaults;
    sections.push_back(destination);
    layered_rtmp rtmp = layered(sections);
    session_config& config = rtmp.draft.config;
    config.camera_id = camera.camera_id;
    config.camera_name = camera.name;
    config.stream_id = stream.stream_id;
    config.stream_name = stream.name;
    config.encoder_kbps = stream.encoder.bitrate_kbps;
    config.device_id = context.config.system.device_id;
    const auto [first, is_new] = places.emplace(config.destination, destination.pointer);
    if (!is_new) {
      return context.refuse(destination.pointer, fmt::format("the destination name \"{}\" is already used by {}",
                                                             config.destination, first->second));
    }
    if (!camera.enabled) continue;
    if (auto added = add_session(context, std::move(rtmp), destination); !added) return added;
  }
  return {};
}

bool has_address(const std::vector<located>& sections) {
  return !effective_urls(layered(sections).draft.config).empty();
}

bool addresses_tell_streams_apart(const std::vector<located>& sections) {
  for (const url_entry& entry : effective_urls(layered(sections).draft.config)) {
    const std::string text = entry.url + entry.stream_key.value_or("");
    if (text.find("{stream_name}") == std::string::npos && text.find("{stream_id}") == std::string::npos) return false;
  }
  return true;
}

}  // namespace campush

#include "config/key_bindings.h"

#include <algorithm>

#include <cmath>
#include <string_view>

#include "config/json_reader.h"

namespace campush {

namespace {

template <class Target>
struct key_binding {
  std::string_view key;  ///< "retry/jitter" is a key in a section of the section
  void (*set)(Target& target, const json_value& value);
};

template <class Word>
struct named_word {
  std::string_view name;
  Word word;
};

uint32_t number32(const json_value& value) {
  return value.IsUint() ? value.GetUint() : 0;
}
uint64_t number64(const json_value& value) {
  return value.IsUint64() ? value.GetUint64() : 0;
}
double real(const json_value& value) {
  return value.IsNumber() ? value.GetDouble() : 0;
}
bool flag(const json_value& value) {
  return value.IsBool() && value.GetBool();
}
std::string words(const json_value& value) {
  return std::string(text_of(value));
}
std::string unless_auto(const json_value& value) {
  return text_of(value) == "auto" ? std::string() : words(value);
}
std::string json_text(const json_value& value) {
  campush_config_rapidjson::StringBuffer text;
  campush_config_rapidjson::Writer<campush_config_rapidjson::StringBuffer> writer(text);
  value.Accept(writer);
  return text.GetString();
}
std::chrono::seconds seconds(const json_value& value) {
  return std::chrono::seconds(number32(value));
}
std::chrono::milliseconds milliseconds(const json_value& value) {
  return std::chrono::milliseconds(number32(value));
}
std::chrono::milliseconds part_seconds(const json_value& value) {
  return std::chrono::milliseconds(std::llround(real(value) * 1000));
}

template <class Word, size_t Count>
Word choice(const named_word<Word> (&names)[Count], const json_value& value) {
  for (const auto& entry : names) {
    if (entry.name == text_of(value)) return entry.word;
  }
  return names[0].word;
}

std::vector<std::string> texts(const json_value& list) {
  std::vector<std::string> values;
  if (!list.IsArray()) return values;
  for (const json_value& entry : list.GetArray()) values.push_back(words(entry));
  return values;
}

std::vector<std::string> text_or_texts(const json_value& value) {
  return value.IsString() ? std::vector<std::string>{words(value)} : texts(value);
}

std::vector<url_entry> addresses(const json_value& list) {
  std::vector<url_entry> entries;
  if (!list.IsArray()) return entries;
  for (const json_value& entry : list.GetArray()) {
    if (entry.IsString()) {
      entries.emplace_back(words(entry));
      continue;
    }
    const json_value* url = find_member(entry, "url");
    const json_value* key = find_member(entry, "stream_key");
    entries.emplace_back(url == nullptr ? std::string() : words(*url));
    if (key != nullptr) entries.back().stream_key = words(*key);
  }
  return entries;
}

constexpr named_word<log_target> log_target_names[] = {
    {"console", log_target::console}, {"file", log_target::file}, {"syslog", log_target::syslog}};
constexpr named_word<seccomp_mode> seccomp_names[] = {
    {"off", seccomp_mode::off}, {"log", seccomp_mode::log}, {"on", seccomp_mode::on}};
constexpr named_word<publish_backend> backend_names[] = {{"native", publish_backend::native},
                                                         {"librtmp", publish_backend::librtmp}};
constexpr named_word<tls_version> tls_version_names[] = {{"1.2", tls_version::v1_2}, {"1.3", tls_version::v1_3}};
constexpr named_word<sign_type> sign_names[] = {
    {"none", sign_type::none}, {"aliyun", sign_type::aliyun}, {"tencent", sign_type::tencent}};
constexpr named_word<resume_mode> resume_names[] = {{"keyframe", resume_mode::keyframe},
                                                    {"gop_cache", resume_mode::gop_cache}};
constexpr named_word<hevc_mode> hevc_names[] = {{"auto", hevc_mode::automatic},
                                                {"enhanced", hevc_mode::enhanced},
                                                {"legacy12", hevc_mode::legacy12},
                                                {"h264_only", hevc_mode::h264_only}};
constexpr named_word<source_type> source_names[] = {{"file", source_type::file},
                                                    {"v4l2", source_type::v4l2},
                                                    {"test", source_type::test},
                                                    {"vendor", source_type::vendor},
                                                    {"publish", source_type::publish}};
constexpr named_word<codec_id> audio_codec_names[] = {
    {"aac", codec_id::aac}, {"opus", codec_id::opus}, {"g711a", codec_id::g711a}, {"g711u", codec_id::g711u}};

struct encoder_kind {
  codec_id codec;
  rate_control control;
};
constexpr named_word<encoder_kind> encoder_names[] = {
    {"H264_CBR", {codec_id::h264, rate_control::cbr}},   {"H264_VBR", {codec_id::h264, rate_control::vbr}},
    {"H264_AVBR", {codec_id::h264, rate_control::avbr}}, {"H265_CBR", {codec_id::h265, rate_control::cbr}},
    {"H265_VBR", {codec_id::h265, rate_control::vbr}},   {"H265_AVBR", {codec_id::h265, rate_control::avbr}}};

template <log_module Module>
void bind_module_level(system_options& to, const json_value& value) {
  const auto level = parse_log_level(text_of(value));
  if (level) to.log.module_levels[static_cast<size_t>(Module)] = *level;
}

constexpr key_binding<system_options> system_keys[] = {
    {"max_cameras", [](auto& to, const json_value& v) { to.max_cameras = number32(v); }},
    {"uplink_kbps", [](auto& to, const json_value& v) { to.uplink_kbps = number32(v); }},
    {"log_level",
     [](auto& to, const json_value& v) {
       if (const auto level = parse_log_level(text_of(v))) to.log.level = *level;
     }},
    {"log/target", [](auto& to, const json_value& v) { to.log.target = choice(log_target_names, v); }},
    {"log/path", [](auto& to, const json_value& v) { to.log.path = words(v); }},
    {"log/max_bytes", [](auto& to, const json_value& v) { to.log.max_bytes = number64(v); }},
    {"log/max_files", [](auto& to, const json_value& v) { to.log.max_files = number32(v); }},
    {"log/levels/app", bind_module_level<log_module::app>},
    {"log/levels/config", bind_module_level<log_module::config>},
    {"log/levels/device", bind_module_level<log_module::device>},
    {"log/levels/media", bind_module_level<log_module::media>},
    {"log/levels/net", bind_module_level<log_module::net>},
    {"log/levels/rtmp", bind_module_level<log_module::rtmp>},
    {"log/levels/session", bind_module_level<log_module::session>},
    {"log/levels/server", bind_module_level<log_module::server>},
    {"io_threads", [](auto& to, const json_value& v) { to.io_threads = number32(v); }},
    {"device_id", [](auto& to, const json_value& v) { to.device_id = words(v); }},
    {"state_dir", [](auto& to, const json_value& v) { to.state_dir = words(v); }},
    {"start_splay_s", [](auto& to, const json_value& v) { to.fleet.start_splay = part_seconds(v); }},
    {"reconnect_limit/rate_per_s", [](auto& to, const json_value& v) { to.fleet.reconnects_per_s = real(v); }},
    {"reconnect_limit/burst", [](auto& to, const json_value& v) { to.fleet.reconnect_burst = number32(v); }},
    {"seccomp", [](auto& to, const json_value& v) { to.seccomp = choice(seccomp_names, v); }},
};

constexpr key_binding<http_options> http_keys[] = {
    {"listen", [](auto& to, const json_value& v) { to.listen = words(v); }},
    {"token_file", [](auto& to, const json_value& v) { to.token_file = words(v); }},
};

constexpr key_binding<session_draft> rtmp_keys[] = {
    {"name", [](auto& to, const json_value& v) { to.config.destination = words(v); }},
    {"enabled", [](auto& to, const json_value& v) { to.is_enabled = flag(v); }},
    {"url_template", [](auto& to, const json_value& v) { to.config.url_template = words(v); }},
    {"fallback_urls", [](auto& to, const json_value& v) { to.config.fallback_urls = texts(v); }},
    {"urls", [](auto& to, const json_value& v) { to.config.urls = addresses(v); }},
    {"auto_reconnect", [](auto& to, const json_value& v) { to.config.retry_policy.auto_reconnect = flag(v); }},
    {"max_retry_attempts", [](auto& to, const json_value& v) { to.config.retry_policy.max_attempts = number32(v); }},
    {"retry/initial_delay_s",
     [](auto& to, const json_value& v) { to.config.retry_policy.initial_delay = part_seconds(v); }},
    {"retry/max_delay_s", [](auto& to, const json_value& v) { to.config.retry_policy.max_delay = part_seconds(v); }},
    {"retry/jitter", [](auto& to, const json_value& v) { to.config.retry_policy.jitter = real(v); }},
    {"retry/stable_s", [](auto& to, const json_value& v) { to.config.retry_policy.stable = seconds(v); }},
    {"retry/rest_s", [](auto& to, const json_value& v) { to.config.retry_policy.rest = seconds(v); }},
    {"retry/busy_wait_s", [](auto& to, const json_value& v) { to.config.retry_policy.busy_wait = seconds(v); }},
    {"retry/failover_splay_s",
     [](auto& to, const json_value& v) { to.config.retry_policy.failover_splay = part_seconds(v); }},
    {"failback/enabled", [](auto& to, const json_value& v) { to.config.failback.enabled = flag(v); }},
    {"failback/after_s", [](auto& to, const json_value& v) { to.config.failback.after = seconds(v); }},
    {"chunk_size", [](auto& to, const json_value& v) { to.config.chunk_size = number32(v); }},
    {"backend", [](auto& to, const json_value& v) { to.config.backend = choice(backend_names, v); }},
    {"resume", [](auto& to, const json_value& v) { to.config.resume = choice(resume_names, v); }},
    {"hevc_mode", [](auto& to, const json_value& v) { to.config.hevc = choice(hevc_names, v); }},
    {"max_message_bytes", [](auto& to, const json_value& v) { to.config.max_message_bytes = number32(v); }},
    {"max_session_age_s", [](auto& to, const json_value& v) { to.config.max_session_age = seconds(v); }},
    {"queue/warning_bytes", [](auto& to, const json_value& v) { to.config.queue.warning_bytes = number64(v); }},
    {"queue/warning_ms", [](auto& to, const json_value& v) { to.config.queue.warning_time = milliseconds(v); }},
    {"queue/high_bytes", [](auto& to, const json_value& v) { to.config.queue.high_bytes = number64(v); }},
    {"queue/high_ms", [](auto& to, const json_value& v) { to.config.queue.high_time = milliseconds(v); }},
    {"queue/flush_ms", [](auto& to, const json_value& v) { to.config.queue.flush_time = milliseconds(v); }},
    {"queue/critical_bytes", [](auto& to, const json_value& v) { to.config.queue.critical_bytes = number64(v); }},
    {"adaptive_bitrate/enabled", [](auto& to, const json_value& v) { to.config.adaptive_bitrate.enabled = flag(v); }},
    {"adaptive_bitrate/min_bitrate",
     [](auto& to, const json_value& v) { to.config.adaptive_bitrate.floor_kbps = number32(v); }},
    {"secondary", [](auto& to, const json_value& v) { to.config.is_secondary = flag(v); }},
    {"bind_address", [](auto& to, const json_value& v) { to.config.bind_address = words(v); }},
    {"bind_interface", [](auto& to, const json_value& v) { to.config.bind_interface = words(v); }},
    {"tls/ca_file", [](auto& to, const json_value& v) { to.config.tls.ca_file = words(v); }},
    {"tls/ca_path", [](auto& to, const json_value& v) { to.config.tls.ca_path = words(v); }},
    {"tls/pin_sha256", [](auto& to, const json_value& v) { to.config.tls.pin_sha256 = text_or_texts(v); }},
    {"tls/client_cert", [](auto& to, const json_value& v) { to.config.tls.client_cert = words(v); }},
    {"tls/client_key", [](auto& to, const json_value& v) { to.config.tls.client_key = words(v); }},
    {"tls/min_version",
     [](auto& to, const json_value& v) { to.config.tls.min_version = choice(tls_version_names, v); }},
    {"tls/insecure", [](auto& to, const json_value& v) { to.config.tls.insecure = flag(v); }},
    {"sign/type", [](auto& to, const json_value& v) { to.config.sign.type = choice(sign_names, v); }},
    {"sign/key_file", [](auto& to, const json_value& v) { to.config.sign.key_file = words(v); }},
    {"sign/ttl_s", [](auto& to, const json_value& v) { to.config.sign.ttl = seconds(v); }},
};

constexpr key_binding<source_config> source_keys[] = {
    {"type", [](auto& to, const json_value& v) { to.type = choice(source_names, v); }},
    {"device", [](auto& to, const json_value& v) { to.device = words(v); }},
    {"pixel_format", [](auto& to, const json_value& v) { to.pixel_format = unless_auto(v); }},
    {"memory", [](auto& to, const json_value& v) { to.memory = unless_auto(v); }},
    {"dma_heap", [](auto& to, const json_value& v) { to.dma_heap = words(v); }},
    {"width", [](auto& to, const json_value& v) { to.width = number32(v); }},
    {"height", [](auto& to, const json_value& v) { to.height = number32(v); }},
    {"framerate", [](auto& to, const json_value& v) { to.frame_rate = real(v); }},
    {"library", [](auto& to, const json_value& v) { to.library = words(v); }},
    {"channel", [](auto& to, const json_value& v) { to.channel = number32(v); }},
    {"options", [](auto& to, const json_value& v) { to.options = json_text(v); }},
    {"tone_hz", [](auto& to, const json_value& v) { to.tone_hz = number32(v); }},
    {"video", [](auto& to, const json_value& v) { to.video_path = words(v); }},
    {"audio", [](auto& to, const json_value& v) { to.audio_path = words(v); }},
    {"loop", [](auto& to, const json_value& v) { to.is_looped = flag(v); }},
};

constexpr key_binding<audio_config> audio_keys[] = {
    {"enabled", [](auto& to, const json_value& v) { to.enabled = flag(v); }},
    {"type", [](auto& to, const json_value& v) { to.type = words(v); }},
    {"device", [](auto& to, const json_value& v) { to.device = words(v); }},
    {"channel", [](auto& to, const json_value& v) { to.channel = number32(v); }},
    {"codec", [](auto& to, const json_value& v) { to.codec = choice(audio_codec_names, v); }},
    {"sample_rate", [](auto& to, const json_value& v) { to.sample_rate = number32(v); }},
    {"bitrate", [](auto& to, const json_value& v) { to.bitrate_kbps = number32(v); }},
    {"channels", [](auto& to, const json_value& v) { to.channels = number32(v); }},
    {"muted", [](auto& to, const json_value& v) { to.is_muted = flag(v); }},
    {"fill_with_silence", [](auto& to, const json_value& v) { to.fills_with_silence = flag(v); }},
};

constexpr key_binding<encoder_config> encoder_keys[] = {
    {"type",
     [](auto& to, const json_value& v) {
       const encoder_kind kind = choice(encoder_names, v);
       to.codec = kind.codec;
       to.control = kind.control;
     }},
    {"width", [](auto& to, const json_value& v) { to.width = number32(v); }},
    {"height", [](auto& to, const json_value& v) { to.height = number32(v); }},
    {"framerate", [](auto& to, const json_value& v) { to.frame_rate = real(v); }},
    {"bitrate", [](auto& to, const json_value& v) { to.bitrate_kbps = number32(v); }},
    {"gop", [](auto& to, const json_value& v) { to.gop = number32(v); }},
    {"profile", [](auto& to, const json_value& v) { to.profile = words(v); }},
    {"level", [](auto& to, const json_value& v) { to.level = words(v); }},
    {"name", [](auto& to, const json_value& v) { to.name = unless_auto(v); }},
};

/// "log/levels/net": from the section down, a member a step.
const json_value* find_key(const json_value& section, std::string_view key) {
  const json_value* found = &section;
  while (found != nullptr && !key.empty()) {
    const size_t end = std::min(key.find('/'), key.size());
    found = find_member(*found, key.substr(0, end));
    key.remove_prefix(std::min(end + 1, key.size()));
  }
  return found;
}

template <class Target, size_t Count>
void apply(const key_binding<Target> (&table)[Count], Target& target, const json_value& section) {
  for (const auto& binding : table) {
    if (const json_value* value = find_key(section, binding.key)) binding.set(target, *value);
  }
}

template <class Target, size_t Count>
void list_keys(std::vector<std::string>& keys, const std::string& definition,
               const key_binding<Target> (&table)[Count]) {
  for (const auto& binding : table) keys.push_back(definition + "/" + std::string(binding.key));
}

}  // namespace

void apply_section(system_options& target, const json_value& section) {
  apply(system_keys, target, section);
}
void apply_section(http_options& target, const json_value& section) {
  apply(http_keys, target, section);
}
void apply_section(session_draft& target, const json_value& section) {
  apply(rtmp_keys, target, section);
}
void apply_section(source_config& target, const json_value& section) {
  apply(source_keys, target, section);
}
void apply_section(audio_config& target, const json_value& section) {
  apply(audio_keys, target, section);
}
void apply_section(encoder_config& target, const json_value& section) {
  apply(encoder_keys, target, section);
}

std::vector<std::string> bound_keys() {
  std::vector<std::string> keys;
  list_keys(keys, "system", system_keys);
  list_keys(keys, "http", http_keys);
  list_keys(keys, "rtmp", rtmp_keys);
  list_keys(keys, "source", source_keys);
  list_keys(keys, "audio", audio_keys);
  list_keys(keys, "encoder", encoder_keys);
  return keys;
}

}  // namespace campush

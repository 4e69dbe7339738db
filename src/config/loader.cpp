#include "config/loader.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>

#include "config/addresses.h"
#include "config/key_bindings.h"
#include "config/legacy_keys.h"
#include "config/load_context.h"
#include "config/schema_check.h"
#include "net/endpoint.h"

namespace campush {

namespace {

constexpr size_t max_file_bytes = 1u << 20;
constexpr size_t max_warnings = 64;

/// At most one byte more than is allowed, so that a file that grows or never ends is refused, not read.
result<std::string> read_file(const std::string& path) {
  // A FIFO without a writer must not hold the program up.
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (file < 0) return tl::unexpected(error_from_errno(errno, path));
  struct stat about {};
  if (::fstat(file, &about) != 0 || !S_ISREG(about.st_mode)) {
    ::close(file);
    return fail(error_code::io_failed, path + ": not a file");
  }
  std::string text(max_file_bytes + 1, '\0');
  size_t filled = 0;
  ssize_t got = 0;
  do {
    got = ::read(file, text.data() + filled, text.size() - filled);
    if (got > 0) filled += static_cast<size_t>(got);
  } while ((got > 0 && filled < text.size()) || (got < 0 && errno == EINTR));
  const int failure = got < 0 ? errno : 0;
  ::close(file);
  if (failure != 0) return tl::unexpected(error_from_errno(failure, path));
  text.resize(filled);
  text.shrink_to_fit();
  return text;
}

bool is_loopback(const endpoint& address) {
  if (address.address_family == endpoint::family::ipv4) return address.address[0] == 127;
  std::array<uint8_t, 16> loopback{};
  loopback.back() = 1;
  return address.address == loopback;
}

result<void> load_system(const load_context& context) {
  system_options& system = context.config.system;
  const located section = located{"", &context.document.root()}.child("system");
  if (section) {
    if (const located level = section.child("log_level")) {
      const std::string_view word = text_of(*level.value);
      if (!parse_log_level(word)) {
        return context.refuse(
            level.pointer, fmt::format("found \"{}\", allowed: trace, debug, info, warn, error, off", printable(word)));
      }
    }
    apply_section(system, *section.value);
  }
  if (system.log.target == log_target::file && system.log.path.empty()) {
    return context.refuse("/system/log", "the target \"file\" needs the key \"path\"");
  }
  if (system.device_id.empty()) system.device_id = host_name();
  system.log.path = context.resolve_path(system.log.path);
  system.state_dir = context.resolve_path(system.state_dir);
  return {};
}

result<void> load_http(const load_context& context) {
  http_options& http = context.config.http;
  const located section = located{"", &context.document.root()}.child("http");
  if (!section) return {};
  apply_section(http, *section.value);
  http.token_file = context.resolve_path(http.token_file);
  if (!http.token_file.empty() && ::access(http.token_file.c_str(), R_OK) != 0) {
    return context.refuse("/http/token_file", error_from_errno(errno, http.token_file).message);
  }
  if (http.listen.empty()) return {};
  const auto address = parse_listen_address(http.listen);
  if (!address) {
    return context.refuse("/http/listen",
                          fmt::format("found \"{}\", allowed: ADDRESS:PORT with a numeric address, IPv6 in "
                                      "brackets, or an empty text for no HTTP",
                                      printable(http.listen)));
  }
  if (!is_loopback(*address) && http.token_file.empty()) {
    return context.refuse("/http/listen",
                          fmt::format("{} is not loopback: that needs the key \"token_file\"", printable(http.listen)));
  }
  return {};
}

void report_ignored_keys(const load_context& context, const ignored_keys& ignored) {
  if (ignored.patterns.empty()) return;
  context.warn(ignored.first_pointer, fmt::format("keys of other parts of the old firmware are ignored: {}",
                                                  fmt::join(ignored.patterns, ", ")));
}

/// A typing mistake at the top must not stop a device that ran with it before; one word of ours may be meant.
void set_unknown_sections_aside(const load_context& context, json_tree& root) {
  if (!root.IsObject()) return;
  std::vector<std::string> known = top_level_keys();
  known.emplace_back("$schema");
  json_value kept(campush_config_rapidjson::kObjectType);
  for (auto& member : root.GetObject()) {
    const std::string key(text_of(member.name));
    if (std::find(known.begin(), known.end(), key) != known.end()) {
      kept.AddMember(member.name, member.value, root.GetAllocator());
    } else {
      context.warn(child_pointer("", key), "unknown section, ignored" + suggestion(key, known));
    }
  }
  static_cast<json_value&>(root) = kept;
}

result<system_config> load_checked(std::string text, const std::string& base_dir, const std::string& name) {
  auto document = json_document::parse(std::move(text), name);
  if (!document) return tl::unexpected(document.error());
  system_config config;
  address_users users;
  std::set<std::string> judged_files;
  source_places places;
  const load_context context{*document, base_dir, config, users, judged_files, places};
  report_ignored_keys(context, strip_legacy_keys(*document));
  set_unknown_sections_aside(context, document->root());
  if (auto checked = check_schema(*document); !checked) return tl::unexpected(checked.error());
  for (const auto part : {load_system, load_http, load_cameras, check_resource_limits}) {
    if (auto loaded = part(context); !loaded) return tl::unexpected(loaded.error());
  }
  return config;
}

}  // namespace

located located::child(std::string_view key) const {
  return {child_pointer(pointer, key), value == nullptr ? nullptr : find_member(*value, key)};
}

located located::child(size_t index) const {
  return {child_pointer(pointer, index), &(*value)[static_cast<campush_config_rapidjson::SizeType>(index)]};
}

void load_context::warn(std::string_view pointer, std::string_view message) const {
  if (config.warnings.size() > max_warnings) return;
  if (config.warnings.size() == max_warnings) {
    config.warnings.emplace_back("there are more warnings than these");
    return;
  }
  config.warnings.push_back(document.line_at(pointer, message));
}

void load_context::note_file_problem(std::string_view pointer, std::string_view message) const {
  std::string line = document.line_at(pointer, message);
  std::vector<std::string>& lines = config.file_problems;
  if (lines.size() >= max_warnings || std::find(lines.begin(), lines.end(), line) != lines.end()) return;
  lines.push_back(std::move(line));
}

std::string load_context::resolve_path(std::string_view path) const {
  return anchor_path(path, base_dir);
}

result<located> rtmp_section(const load_context& context, const located& parent) {
  const located own = parent.child("rtmp");
  const located older = parent.child("outputs").child("rtmp");
  if (own && older) {
    return context.refuse(older.pointer, fmt::format("given twice: {} means the same", own.pointer));
  }
  return older ? older : own;
}

result<system_config> load_system_config(const std::string& path) {
  auto text = read_file(path);
  if (!text) return tl::unexpected(text.error());
  return load_system_config_text(std::move(*text), std::filesystem::path(path).parent_path().string(), path);
}

result<system_config> load_system_config_text(std::string text, const std::string& base_dir, const std::string& name) {
  try {
    return load_checked(std::move(text), base_dir, name);
  } catch (const std::exception& failure) {
    return fail(error_code::malformed, fmt::format("{}: cannot be read: {}", name, failure.what()));
  }
}

}  // namespace campush

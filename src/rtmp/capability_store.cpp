#include "rtmp/capability_store.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

// What RapidJSON includes comes first: an attribute cannot be added to what is declared already.
#include <algorithm>
#include <array>
#include <cassert>
#include <cerrno>
#include <cinttypes>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <iterator>
#include <limits>
#include <new>
#include <utility>
#include <vector>

// RapidJSON 1.1 compares pointers past an empty stack (internal/stack.h, Reserve): harmless, and reported by clang's sanitizer.
#if defined(__clang__)
#pragma clang attribute push(__attribute__((no_sanitize("pointer-overflow"))), apply_to = function)
#endif
#include <rapidjson/document.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>
#if defined(__clang__)
#pragma clang attribute pop
#endif

#include "rtmp/stream_url.h"
#include "util/log.h"

namespace campush {

namespace {

constexpr int file_version = 1;
/// Of an entry without its name: 138 bytes are the most that the fields need.
constexpr size_t entry_bytes = 256;
static_assert(capability_store::max_entries * (2 * capability_store::max_name_bytes + entry_bytes) <
                  capability_store::max_file_bytes,
              "load() must take what save() writes");

/// Each byte of such a name takes at most two in the file; a URL has no others.
bool is_writable_name(std::string_view name) noexcept {
  return name.size() <= capability_store::max_name_bytes &&
         std::none_of(name.begin(), name.end(), [](char each) { return static_cast<uint8_t>(each) < 0x20; });
}

struct flag {
  const char* name;
  bool server_capabilities::*value;
};
constexpr flag flags[] = {
    {"has_video_list", &server_capabilities::has_video_list},
    {"takes_hevc", &server_capabilities::takes_hevc},
    {"has_reconnect", &server_capabilities::has_reconnect},
    {"refuses_properties", &server_capabilities::refuses_properties},
};

class open_file {
 public:
  explicit open_file(int descriptor) noexcept : m_descriptor(descriptor) {}
  open_file(const open_file&) = delete;
  open_file& operator=(const open_file&) = delete;
  ~open_file() {
    if (m_descriptor >= 0) ::close(m_descriptor);
  }
  int get() const noexcept { return m_descriptor; }
  bool is_open() const noexcept { return m_descriptor >= 0; }

 private:
  const int m_descriptor;
};

result<void> write_all(int descriptor, std::string_view text, const std::string& path) {
  while (!text.empty()) {
    const ssize_t written = ::write(descriptor, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return tl::unexpected(error_from_errno(errno, path));
    text.remove_prefix(static_cast<size_t>(written));
  }
  if (::fsync(descriptor) != 0) return tl::unexpected(error_from_errno(errno, path));
  return {};
}

/// After a power cut the name leads to the old content or to the new one, both whole.
result<void> replace_file(const std::string& path, std::string_view text) {
  const std::string fresh = path + ".new";
  const size_t slash = path.rfind('/');
  const std::string folder = slash == std::string::npos ? "." : path.substr(0, std::max<size_t>(slash, 1));
  {
    const open_file file(::open(fresh.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600));
    if (!file.is_open()) return tl::unexpected(error_from_errno(errno, fresh));
    auto written = write_all(file.get(), text, fresh);
    if (!written) {
      ::unlink(fresh.c_str());
      return written;
    }
  }
  if (::rename(fresh.c_str(), path.c_str()) != 0) return tl::unexpected(error_from_errno(errno, path));
  const open_file entry(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!entry.is_open() || ::fsync(entry.get()) != 0) return tl::unexpected(error_from_errno(errno, folder));
  return {};
}

/// At most `limit` bytes and one more, by which a file that is too big shows.
result<std::string> read_file(const std::string& path, size_t limit) {
  const open_file file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!file.is_open()) return tl::unexpected(error_from_errno(errno, path));
  std::string text;
  std::array<char, 4096> piece{};
  while (text.size() <= limit) {
    const ssize_t got = ::read(file.get(), piece.data(), piece.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return tl::unexpected(error_from_errno(errno, path));
    if (got == 0) break;
    text.append(piece.data(), static_cast<size_t>(got));
  }
  return text;
}

int64_t unix_seconds(capability_store::wall_time at) {
  return std::chrono::duration_cast<std::chrono::seconds>(at.time_since_epoch()).count();
}

bool is_fresh(capability_store::wall_time learned_at, capability_store::wall_time now, std::chrono::hours age) {
  return learned_at <= now && now - learned_at < age;
}

}  // namespace

std::string server_key(const stream_url& url) {
  const bool is_ipv6 = url.host().find(':') != std::string::npos;
  std::string host = is_ipv6 ? "[" + url.host() + "]" : url.host();
  return std::string(scheme_name(url.scheme())) + "://" + host + ":" + std::to_string(url.port()) + "/" +
         url.app().substr(0, url.app().find('?'));
}

std::optional<server_capabilities> capability_store::find(const std::string& server, wall_time now) const {
  const std::lock_guard<std::mutex> hold(m_mutex);
  const auto found = m_entries.find(server);
  if (found == m_entries.end() || !is_fresh(found->second.learned_at, now, lifetime)) return std::nullopt;
  return found->second.answer;
}

void capability_store::remember(const std::string& server, const server_capabilities& answer, wall_time now) {
  {
    const std::lock_guard<std::mutex> hold(m_mutex);
    const auto found = m_entries.find(server);
    if (found != m_entries.end() && found->second.answer == answer &&
        is_fresh(found->second.learned_at, now, renewed_after)) {
      return;
    }
    m_entries[server] = {answer, now};
    if (m_entries.size() > max_entries) drop_oldest();
  }
  tell_changed();
}

void capability_store::forget(const std::string& server) {
  {
    const std::lock_guard<std::mutex> hold(m_mutex);
    if (m_entries.erase(server) == 0) return;
  }
  tell_changed();
}

size_t capability_store::size() const {
  const std::lock_guard<std::mutex> hold(m_mutex);
  return m_entries.size();
}

void capability_store::drop_oldest() {
  const auto oldest = std::min_element(m_entries.begin(), m_entries.end(), [](const auto& left, const auto& right) {
    return left.second.learned_at < right.second.learned_at;
  });
  if (oldest != m_entries.end()) m_entries.erase(oldest);
}

void capability_store::tell_changed() const {
  if (m_on_change) m_on_change();
}

result<void> capability_store::save(const std::string& path) const {
  rapidjson::StringBuffer text;
  rapidjson::Writer<rapidjson::StringBuffer> json(text);
  json.StartObject();
  json.Key("version");
  json.Int(file_version);
  json.Key("servers");
  json.StartArray();
  {
    const std::lock_guard<std::mutex> hold(m_mutex);
    for (const auto& [server, known] : m_entries) {
      if (!is_writable_name(server)) continue;
      json.StartObject();
      json.Key("server");
      json.String(server.data(), static_cast<rapidjson::SizeType>(server.size()));
      json.Key("learned_at");
      json.Int64(unix_seconds(known.learned_at));
      for (const flag& each : flags) {
        json.Key(each.name);
        json.Bool(known.answer.*each.value);
      }
      json.EndObject();
    }
  }
  json.EndArray();
  json.EndObject();
  return replace_file(path, {text.GetString(), text.GetSize()});
}

namespace {

struct stored_server {
  std::string name;
  int64_t learned_at = 0;
  server_capabilities answer;
};

/// Nothing of a server whose entry is not exactly as save() writes it.
std::optional<stored_server> read_server(const rapidjson::Value& item) {
  if (!item.IsObject()) return std::nullopt;
  const auto name = item.FindMember("server"), learned_at = item.FindMember("learned_at");
  if (name == item.MemberEnd() || !name->value.IsString() ||
      !is_writable_name({name->value.GetString(), name->value.GetStringLength()})) {
    return std::nullopt;
  }
  // Years that the clock's type can hold.
  constexpr int64_t latest = 4'000'000'000;
  if (learned_at == item.MemberEnd() || !learned_at->value.IsInt64()) return std::nullopt;
  stored_server server{{name->value.GetString(), name->value.GetStringLength()}, learned_at->value.GetInt64(), {}};
  if (server.learned_at < 0 || server.learned_at > latest) return std::nullopt;
  for (const flag& each : flags) {
    const auto value = item.FindMember(each.name);
    if (value == item.MemberEnd() || !value->value.IsBool()) return std::nullopt;
    server.answer.*each.value = value->value.GetBool();
  }
  return server;
}

struct stored_servers {
  std::vector<stored_server> good;
  size_t damaged = 0;
};

/// Empty text: `servers` holds what the file says.
std::string parse_servers(std::string& text, stored_servers& servers) {
  rapidjson::Document tree;
  tree.ParseInsitu<rapidjson::kParseIterativeFlag | rapidjson::kParseInsituFlag>(text.data());
  if (tree.HasParseError()) return "it is damaged at byte " + std::to_string(tree.GetErrorOffset());
  if (!tree.IsObject()) return "it is not an object";
  const auto version = tree.FindMember("version"), list = tree.FindMember("servers");
  if (version == tree.MemberEnd() || !version->value.IsInt()) return "it has no version";
  if (version->value.GetInt() != file_version) return "its version is " + std::to_string(version->value.GetInt());
  if (list == tree.MemberEnd() || !list->value.IsArray()) return "it has no list of servers";
  if (list->value.Size() > capability_store::max_entries) return "it holds too many servers";
  for (const rapidjson::Value& item : list->value.GetArray()) {
    auto server = read_server(item);
    if (!server) {
      ++servers.damaged;
      continue;
    }
    servers.good.push_back(std::move(*server));
  }
  return {};
}

}  // namespace

result<void> capability_store::load(const std::string& path) {
  auto text = read_file(path, max_file_bytes);
  if (!text) return tl::unexpected(std::move(text.error()));
  stored_servers servers;
  const std::string damage = text->size() > max_file_bytes ? "it is too big" : parse_servers(*text, servers);
  if (!damage.empty()) {
    log_warn(log_module::session, "{} is ignored, what servers can is learned anew: {}", path, damage);
    return {};
  }
  if (servers.damaged != 0) {
    log_warn(log_module::session, "{}: {} damaged entries are left out, what those servers can is learned anew", path,
             servers.damaged);
  }
  const std::lock_guard<std::mutex> hold(m_mutex);
  m_entries.clear();
  for (stored_server& server : servers.good) {
    m_entries[std::move(server.name)] = {server.answer, wall_time(std::chrono::seconds(server.learned_at))};
  }
  return {};
}

}  // namespace campush

#pragma once

#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "config/json_reader.h"
#include "config/system_config.h"
#include "util/secret_text.h"

namespace campush {

/// A value of the document and where it stands; `value` is null when it is not there (and `pointer` where it would be).
struct located {
  std::string pointer;
  const json_value* value = nullptr;

  explicit operator bool() const noexcept { return value != nullptr; }
  located child(std::string_view key) const;
  located child(size_t index) const;
};

/// Who pushes to an address.
struct address_user {
  std::string instance;
  std::string pointer;
};
struct by_revealed_text {
  bool operator()(const secret_text& left, const secret_text& right) const { return left.reveal() < right.reveal(); }
};
/// Where the source of a stream stands in the file, by camera_id and stream_id.
using source_places = std::map<std::pair<uint32_t, uint32_t>, std::string>;
using address_users = std::map<secret_text, address_user, by_revealed_text>;

/// What the parts of the loader share while one file is read. Thread: any-thread (one at a time).
struct load_context {
  const json_document& document;
  std::string base_dir;  ///< what relative paths are relative to; empty: the working directory
  system_config& config;
  address_users& users;
  std::set<std::string>& judged_files;  ///< pointers of keys whose files were looked at: reading CAs takes its time

  source_places& places;

  /// Adds a line to config.warnings; after 64 only that there are more.
  void warn(std::string_view pointer, std::string_view message) const;
  /// The same for config.file_problems; several sessions that inherit one mistake make one line.
  void note_file_problem(std::string_view pointer, std::string_view message) const;
  std::string resolve_path(std::string_view path) const;
  tl::unexpected<error> refuse(std::string_view pointer, std::string_view message) const {
    return tl::unexpected(document.error_at(pointer, message));
  }
};

/// The section `rtmp` of an object, or `outputs.rtmp`, its older form. Errors: invalid_argument when both are there.
[[nodiscard]] result<located> rtmp_section(const load_context& context, const located& parent);

/// Reads `cameras` and with them all sessions. Errors: invalid_argument, one line naming the place.
[[nodiscard]] result<void> load_cameras(const load_context& context);

/// Reads the destinations of one stream. `defaults` are the sections above it, the farthest first; `own` is the stream's.
[[nodiscard]] result<void> load_sessions(const load_context& context, const camera_config& camera,
                                         const stream_config& stream, const std::vector<located>& defaults,
                                         const located& own);

/// Reads `fallback` of a stream, once all streams and sessions of its camera are there.
[[nodiscard]] result<void> load_fallback(const load_context& context, const camera_config& camera, uint32_t stream_id,
                                         const located& node);

/// What the enabled cameras take must be there: a device serves one camera, a plug-in as many encoders as it has, the uplink what
/// system.uplink_kbps says. Errors: invalid_argument, one line naming both who contend.
[[nodiscard]] result<void> check_resource_limits(const load_context& context);

/// True when the addresses that `sections` give (nearest last) name the stream, so that two streams may use them.
bool addresses_tell_streams_apart(const std::vector<located>& sections);
bool has_address(const std::vector<located>& sections);

}  // namespace campush

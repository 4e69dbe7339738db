#include "device/vendor/hal_library.h"

#include <dlfcn.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <filesystem>
#include <system_error>
#include <thread>

#include "device/vendor/hal_unit.h"

namespace campush {

namespace {

/// Where a table ends that has all that is required of it.
constexpr size_t least_table_size = offsetof(campush_hal_table, close) + sizeof(campush_hal_table::close);
constexpr size_t least_info_size =
    offsetof(campush_hal_info, audio_channels) + sizeof(campush_hal_info::audio_channels);
constexpr size_t least_channel_size =
    offsetof(campush_hal_channel_info, codecs) + sizeof(campush_hal_channel_info::codecs);
/// Some plug-ins will say 4294967295 for "any".
constexpr uint32_t largest_cameras = 256;

std::string version_text(uint32_t version) {
  return std::to_string(version >> 16) + "." + std::to_string(version & 0xffff);
}

result<void> check_file(const std::string& path) {
  struct stat facts {};
  if (::stat(path.c_str(), &facts) != 0) return tl::unexpected<error>(error_from_errno(errno, path));
  if (!S_ISREG(facts.st_mode)) return fail(error_code::malformed, path + ": not a file");
  return {};
}

/// The loader searches its own folders for a name without a slash.
std::string loader_path(const std::string& path) {
  return path.find('/') == std::string::npos ? "./" + path : path;
}

result<const campush_hal_table*> find_table(const std::string& path) {
  void* const library = ::dlopen(loader_path(path).c_str(), RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
  if (library == nullptr) {
    const char* const reason = ::dlerror();
    return fail(error_code::io_failed, path + ": " + (reason != nullptr ? reason : "the loader refuses it"));
  }
  void* const symbol = ::dlsym(library, CAMPUSH_HAL_ENTRY_SYMBOL);
  if (symbol == nullptr) {
    return fail(error_code::malformed, path + ": no camera plug-in: it exports no " CAMPUSH_HAL_ENTRY_SYMBOL);
  }
  const auto entry = reinterpret_cast<campush_camera_hal_entry_function>(symbol);
  const campush_hal_table* const table = entry(CAMPUSH_HAL_VERSION);
  if (table == nullptr) {
    return fail(error_code::unsupported,
                path + ": it has no table for version " + version_text(CAMPUSH_HAL_VERSION) + " of the interface");
  }
  return table;
}

/// How much of a table of that size is whole entries that this agent knows: a half of a pointer would be called.
size_t whole_functions(size_t size) {
  constexpr size_t first = offsetof(campush_hal_table, describe);
  const size_t known = std::min(size, sizeof(campush_hal_table));
  return known - (known - first) % sizeof(void*);
}

result<campush_hal_table> check_table(const std::string& path, const campush_hal_table& theirs) {
  if (theirs.version >> 16 != CAMPUSH_HAL_MAJOR) {
    return fail(error_code::unsupported, path + ": compiled for version " + version_text(theirs.version) +
                                             " of the interface, this agent has " + version_text(CAMPUSH_HAL_VERSION));
  }
  if (theirs.size < least_table_size) {
    return fail(error_code::malformed, path + ": its table has " + std::to_string(theirs.size) + " bytes, at least " +
                                           std::to_string(least_table_size) + " are required");
  }
  campush_hal_table table{};
  std::memcpy(&table, &theirs, whole_functions(theirs.size));
  const std::pair<bool, const char*> required[] = {
      {table.describe != nullptr, "describe"}, {table.describe_channel != nullptr, "describe_channel"},
      {table.open != nullptr, "open"},         {table.start != nullptr, "start"},
      {table.get != nullptr, "get"},           {table.release != nullptr, "release"},
      {table.stop != nullptr, "stop"},         {table.close != nullptr, "close"},
  };
  for (const auto& [is_there, name] : required) {
    if (!is_there) return fail(error_code::malformed, path + ": its table lacks the required function " + name);
  }
  return table;
}

/// Whether a structure came back as the interface says. `least`: what cannot be missing in any version.
template <class Struct>
result<void> check_filled(const guarded<Struct>& filled, int code, size_t least, const std::string& what) {
  if (code != CAMPUSH_HAL_OK) {
    return fail(error_code::io_failed, what + " returned " + std::to_string(code) + " (" + hal_result_name(code) + ")");
  }
  if (filled.is_overrun())
    return fail(error_code::malformed, what + " wrote past the end of the structure it was given");
  if (filled.value.size < least || filled.value.size > sizeof(Struct)) {
    return fail(error_code::malformed, what + " left a size of " + std::to_string(filled.value.size) +
                                           ", allowed are " + std::to_string(least) + " to " +
                                           std::to_string(sizeof(Struct)));
  }
  return {};
}

result<plugin_channel_report> describe_channel(const campush_hal_table& table, track_kind kind, uint32_t channel) {
  const uint32_t hal_kind = kind == track_kind::video ? CAMPUSH_HAL_VIDEO : CAMPUSH_HAL_AUDIO;
  const std::string what =
      std::string("describe_channel of ") + (kind == track_kind::video ? "video " : "audio ") + std::to_string(channel);
  guarded<campush_hal_channel_info> filled;
  const int code = table.describe_channel(hal_kind, channel, &filled.value);
  if (auto checked = check_filled(filled, code, least_channel_size, what); !checked) {
    return tl::unexpected<error>(std::move(checked.error()));
  }
  const campush_hal_channel_info& info = filled.value;
  plugin_channel_report report;
  report.kind = kind;
  report.channel = channel;
  report.camera = info.camera;
  report.name = hal_text(info.name, sizeof info.name);
  report.max_width = info.max_width;
  report.max_height = info.max_height;
  report.min_bitrate_kbps = info.min_bitrate_kbps;
  report.max_bitrate_kbps = info.max_bitrate_kbps;
  report.max_frame_rate = info.max_frame_rate / 1000.0;
  report.max_sample_rate = info.max_sample_rate;
  report.max_audio_channels = info.max_audio_channels;
  for (uint32_t bit = 1; bit != 0; bit <<= 1) {
    const auto codec = codec_of_hal(info.codecs & bit);
    if (codec && is_video(*codec) == (kind == track_kind::video)) report.codecs.push_back(*codec);
  }
  if (report.codecs.empty()) {
    return fail(error_code::malformed,
                what + " names no codec of its kind (codecs: " + std::to_string(info.codecs) + ")");
  }
  return report;
}

result<void> describe_channels(const campush_hal_table& table, track_kind kind, uint32_t count,
                               std::vector<plugin_channel_report>& out) {
  if (count > CAMPUSH_HAL_MAX_CHANNELS) {
    return fail(error_code::malformed, "describe counts " + std::to_string(count) + " channels of one kind, at most " +
                                           std::to_string(CAMPUSH_HAL_MAX_CHANNELS) + " are allowed");
  }
  for (uint32_t channel = 0; channel < count; ++channel) {
    auto report = describe_channel(table, kind, channel);
    if (!report) return tl::unexpected<error>(std::move(report.error()));
    out.push_back(std::move(*report));
  }
  return {};
}

result<plugin_report> describe(const campush_hal_table& table) {
  guarded<campush_hal_info> filled;
  const int code = table.describe(&filled.value);
  if (auto checked = check_filled(filled, code, least_info_size, "describe"); !checked) {
    return tl::unexpected<error>(std::move(checked.error()));
  }
  const campush_hal_info& info = filled.value;
  plugin_report report;
  report.name = hal_text(info.name, sizeof info.name);
  report.vendor = hal_text(info.vendor, sizeof info.vendor);
  report.version = hal_text(info.plugin_version, sizeof info.plugin_version);
  report.interface_version = version_text(table.version);
  report.cameras = std::min(info.cameras, largest_cameras);
  report.is_parallel = (info.flags & CAMPUSH_HAL_PARALLEL_CHANNELS) != 0;
  report.has_keyframe_request = table.request_keyframe != nullptr;
  report.has_set_bitrate = table.set_bitrate != nullptr;
  report.has_set_codec = table.set_codec != nullptr;
  auto described = describe_channels(table, track_kind::video, info.video_channels, report.video);
  if (described) described = describe_channels(table, track_kind::audio, info.audio_channels, report.audio);
  if (!described) return tl::unexpected<error>(std::move(described.error()));
  if (report.video.empty() && report.audio.empty())
    return fail(error_code::malformed, "describe counts no channel at all");
  const uint32_t said = info.size < sizeof info ? 0 : info.max_encoders;
  report.max_encoders = said == 0 ? info.video_channels : std::min(said, info.video_channels);
  return report;
}

}  // namespace

result<std::shared_ptr<hal_library>> load_hal_library(const std::string& path) {
  try {
    if (auto checked = check_file(path); !checked) return tl::unexpected<error>(std::move(checked.error()));
    const auto theirs = find_table(path);
    if (!theirs) return tl::unexpected<error>(theirs.error());
    const auto table = check_table(path, **theirs);
    if (!table) return tl::unexpected<error>(table.error());
    auto report = describe(*table);
    if (!report) return tl::unexpected<error>(wrap(std::move(report.error()), path));
    report->path = path;
    return std::make_shared<hal_library>(*table, std::move(*report));
  } catch (...) {
    return fail(error_code::io_failed, path + ": it threw an exception while it was loaded");
  }
}

const plugin_channel_report* hal_library::find(track_kind kind, uint32_t channel) const noexcept {
  const auto& channels = kind == track_kind::video ? m_report.video : m_report.audio;
  return channel < channels.size() ? &channels[channel] : nullptr;
}

result<void> hal_library::claim(track_kind kind, uint32_t channel) {
  const char* const kind_name = kind == track_kind::video ? "video" : "audio";
  if (find(kind, channel) == nullptr) {
    const size_t count = kind == track_kind::video ? m_report.video.size() : m_report.audio.size();
    return fail(error_code::not_found, m_report.path + ": no " + kind_name + " channel " + std::to_string(channel) +
                                           "; the plug-in has " + std::to_string(count) + ", numbered from 0");
  }
  const std::lock_guard<std::mutex> hold(m_mutex);
  if (!m_in_use.insert({kind, channel}).second) {
    return fail(error_code::busy, m_report.path + ": " + kind_name + " channel " + std::to_string(channel) +
                                      " is in use, by another stream or by a call that has not returned");
  }
  m_claimed.fetch_add(1);
  return {};
}

void hal_library::give_back(track_kind kind, uint32_t channel) noexcept {
  const std::lock_guard<std::mutex> hold(m_mutex);
  if (m_in_use.erase({kind, channel}) > 0) m_claimed.fetch_sub(1);
}

/// One file on its way in. Shared with the thread that loads it, which may never come back.
struct hal_library_cache::loading {
  explicit loading(std::string place) : path(std::move(place)) {}
  const std::string path;
  std::mutex mutex;
  std::condition_variable changed;
  bool is_under_way = false;             // guarded by mutex, like all below
  std::shared_ptr<hal_library> library;  // for good once it is set
  error failure;
};

std::shared_ptr<hal_library_cache> hal_library_cache::of_process() {
  // Never destroyed: a thread inside a plug-in may outlive main().
  static auto* const cache = new std::shared_ptr<hal_library_cache>(std::make_shared<hal_library_cache>());
  return *cache;
}

result<std::shared_ptr<hal_library_cache::loading>> hal_library_cache::find(const std::string& path) {
  {
    const std::lock_guard<std::mutex> hold(m_mutex);
    if (const auto known = m_entries.find(path); known != m_entries.end()) return known->second;
  }
  std::error_code failure;
  const std::string file = std::filesystem::canonical(path, failure);
  if (failure) return tl::unexpected<error>(error_from_errno(failure.value(), path));
  const std::lock_guard<std::mutex> hold(m_mutex);
  auto& entry = m_entries[file];
  if (!entry) entry = std::make_shared<loading>(file);
  return entry;
}

result<std::shared_ptr<hal_library>> hal_library_cache::load(const std::string& path, duration limit) {
  const auto found = find(path);
  if (!found) return tl::unexpected<error>(found.error());
  const std::shared_ptr<loading>& entry = *found;
  std::unique_lock<std::mutex> hold(entry->mutex);
  std::thread loader;
  if (!entry->library && !entry->is_under_way) {
    try {
      loader = std::thread([entry = entry] {
        auto loaded = load_hal_library(entry->path);
        const std::lock_guard<std::mutex> hold_entry(entry->mutex);
        entry->is_under_way = false;
        if (loaded) {
          entry->library = std::move(*loaded);
        } else {
          entry->failure = std::move(loaded.error());
        }
        entry->changed.notify_all();
      });
      entry->is_under_way = true;
    } catch (const std::system_error& refused) {
      return tl::unexpected<error>(error_from_errno(refused.code().value(), path + ": thread to load it"));
    }
  }
  const bool is_done = entry->changed.wait_for(hold, limit, [&] { return !entry->is_under_way; });
  result<std::shared_ptr<hal_library>> out = entry->library;
  if (!is_done) {
    out = fail(error_code::timed_out,
               path + ": it did not answer within " +
                   std::to_string(std::chrono::duration_cast<std::chrono::seconds>(limit).count()) +
                   " s of being loaded");
  } else if (!entry->library) {
    out = tl::unexpected<error>(entry->failure);
  }
  hold.unlock();
  if (out) {
    const std::lock_guard<std::mutex> hold_names(m_mutex);
    m_entries.emplace(path, entry);
  }
  if (!loader.joinable()) return out;
  is_done ? loader.join() : loader.detach();
  return out;
}

std::shared_ptr<hal_library> hal_library_cache::loaded(const std::string& path) {
  const auto found = find(path);
  if (!found) return nullptr;
  const std::lock_guard<std::mutex> hold((*found)->mutex);
  return (*found)->library;
}

result<plugin_report> describe_plugin(const std::string& path) {
  const auto library = hal_library_cache::of_process()->load(path);
  if (!library) return tl::unexpected<error>(library.error());
  return (*library)->report();
}

}  // namespace campush

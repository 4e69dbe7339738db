#include "hal_check.h"

#include <cstddef>
#include <cstring>

namespace campush {

namespace {

using std::chrono::seconds;

uint32_t hal_kind(track_kind kind) {
  return kind == track_kind::video ? CAMPUSH_HAL_VIDEO : CAMPUSH_HAL_AUDIO;
}

bool is_same(const campush_hal_info& left, const campush_hal_info& right) {
  return left.video_channels == right.video_channels && left.audio_channels == right.audio_channels &&
         left.flags == right.flags && std::memcmp(left.name, right.name, sizeof left.name) == 0;
}

/// A structure as an agent of an older version has it: shorter, and then memory that is somebody else's.
template <class Struct>
struct shortened {
  Struct value{};
  explicit shortened(size_t known) : m_known(known) {
    std::memset(static_cast<void*>(&value), 0xa5, sizeof value);
    std::memset(static_cast<void*>(&value), 0, known);
    value.size = static_cast<uint32_t>(known);
  }
  bool is_overrun() const {
    const auto* const bytes = reinterpret_cast<const unsigned char*>(&value);
    for (size_t i = m_known; i < sizeof value; ++i) {
      if (bytes[i] != 0xa5) return true;
    }
    return false;
  }

 private:
  const size_t m_known;
};

}  // namespace

hal_check::hal_check(hal_check_options options) : m_options(std::move(options)) {}

const check_table& hal_check::run() {
  if (!check_load()) return m_table;
  check_description();
  check_older_agent();
  check_unknown_channel();
  const bool is_usable = open_channel();
  if (is_usable) check_second_open();
  const bool is_flowing = is_usable && check_first_unit(check_id::first_unit);
  if (is_flowing) {
    stream();
    check_controls();
    check_stop_and_start();
  }
  if (m_is_open) close();
  // What a call that has not returned refers to is not touched any more.
  if (is_flowing && !m_caller.is_stuck()) check_reopening();
  return m_table;
}

bool hal_check::check_load() {
  hal_library_cache plugins;
  auto loaded = plugins.load(m_options.path);
  if (!loaded) {
    m_table.fail(check_id::load, loaded.error().message);
    return false;
  }
  m_library = std::move(*loaded);
  const plugin_report& report = m_library->report();
  if (m_library->find(m_options.kind, m_options.channel) == nullptr) {
    m_table.fail(check_id::load, "it has no such channel: " + std::to_string(report.video.size()) + " of video, " +
                                     std::to_string(report.audio.size()) + " of sound, numbered from 0");
    return false;
  }
  m_table.pass(check_id::load, report.name + " " + report.version + " (" + report.vendor + "), interface " +
                                   report.interface_version + ", " + std::to_string(report.video.size()) +
                                   " video and " + std::to_string(report.audio.size()) + " audio channels");
  m_channel->table = m_library->table();
  m_channel->device = m_options.device;
  m_channel->options = m_options.options;
  if (m_library->table().last_error != nullptr) {
    m_caller.set_last_error([shared = m_channel] {
      const char* const words = shared->table.last_error();
      return words != nullptr ? hal_text(words, 200) : std::string();
    });
  }
  return true;
}

void hal_check::check_description() {
  const auto infos = std::make_shared<std::pair<guarded<campush_hal_info>, guarded<campush_hal_info>>>();
  const auto called = m_caller.call("describe", seconds(1), [shared = m_channel, infos] {
    const int code = shared->table.describe(&infos->first.value);
    return code != CAMPUSH_HAL_OK ? code : shared->table.describe(&infos->second.value);
  });
  if (!called.is(CAMPUSH_HAL_OK)) return m_table.fail(check_id::describe_again, called.text);
  is_same(infos->first.value, infos->second.value) ? m_table.pass(check_id::describe_again)
                                                   : m_table.fail(check_id::describe_again, "two answers differ");
}

void hal_check::check_older_agent() {
  const auto info = std::make_shared<shortened<campush_hal_info>>(offsetof(campush_hal_info, audio_channels));
  const auto channel =
      std::make_shared<shortened<campush_hal_channel_info>>(offsetof(campush_hal_channel_info, max_width));
  const auto called = m_caller.call("describe", seconds(1), [shared = m_channel, info, channel, options = m_options] {
    const int code = shared->table.describe(&info->value);
    if (code != CAMPUSH_HAL_OK) return code;
    return shared->table.describe_channel(hal_kind(options.kind), options.channel, &channel->value);
  });
  if (!called.is(CAMPUSH_HAL_OK)) return m_table.fail(check_id::older_agent, called.text);
  if (info->is_overrun()) m_table.fail(check_id::older_agent, "describe wrote beyond the size it was given");
  if (channel->is_overrun()) m_table.fail(check_id::older_agent, "describe_channel wrote beyond the size it was given");
  m_table.pass(check_id::older_agent);
}

void hal_check::check_unknown_channel() {
  const size_t count =
      m_options.kind == track_kind::video ? m_library->report().video.size() : m_library->report().audio.size();
  const auto info = std::make_shared<guarded<campush_hal_channel_info>>();
  for (const auto& [kind, channel] : {std::pair<uint32_t, size_t>{hal_kind(m_options.kind), count}, {77u, 0}}) {
    const auto called =
        m_caller.call("describe_channel", seconds(1),
                      [=, shared = m_channel, kind_now = kind, channel_now = static_cast<uint32_t>(channel)] {
                        return shared->table.describe_channel(kind_now, channel_now, &info->value);
                      });
    if (!called.is(CAMPUSH_HAL_INVALID)) {
      return m_table.fail(check_id::unknown_channel,
                          called.text + " for kind " + std::to_string(kind) + ", channel " + std::to_string(channel));
    }
  }
  m_table.pass(check_id::unknown_channel);
}

}  // namespace campush

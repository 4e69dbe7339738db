#include "device/v4l2/camera_list.h"

#include <linux/videodev2.h>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <optional>
#include <system_error>
#include <utility>

#include "device/v4l2/v4l2_formats.h"

namespace campush {

namespace {

namespace fs = std::filesystem;

/// A driver that enumerates without end is not believed.
constexpr int most_controls = 512;

std::optional<uint32_t> number_of_node(const std::string& name) {
  constexpr std::string_view stem = "video";
  uint32_t number = 0;
  const char* const end = name.data() + name.size();
  if (name.compare(0, stem.size(), stem) != 0) return std::nullopt;
  const auto [stop, failed] = std::from_chars(name.data() + stem.size(), end, number);
  if (failed != std::errc{} || stop != end) return std::nullopt;
  return number;
}

std::vector<camera_format_report> describe_formats(const v4l2_node& node) {
  std::vector<camera_format_report> out;
  for (const offered_format& format : enumerate_formats(node)) {
    camera_format_report report{fourcc_text(format.fourcc), format.description, format.is_compressed, {}};
    for (const offered_size& size : enumerate_sizes(node, format.fourcc)) {
      report.sizes.push_back({size.width, size.height, size.min_width, size.min_height,
                              enumerate_rates(node, format.fourcc, size.width, size.height).rates});
    }
    out.push_back(std::move(report));
  }
  return out;
}

int64_t control_value(const v4l2_node& node, uint32_t id) {
  v4l2_control plain{};
  plain.id = id;
  if (node.call(VIDIOC_G_CTRL, &plain) == 0) return plain.value;
  v4l2_ext_control single{};
  single.id = id;
  v4l2_ext_controls batch{};
  batch.ctrl_class = V4L2_CTRL_ID2CLASS(id);
  batch.count = 1;
  batch.controls = &single;
  return node.call(VIDIOC_G_EXT_CTRLS, &batch) == 0 ? single.value : 0;
}

std::vector<control_report> describe_controls(const v4l2_node& node) {
  constexpr uint32_t numeric_types[] = {V4L2_CTRL_TYPE_INTEGER, V4L2_CTRL_TYPE_BOOLEAN,      V4L2_CTRL_TYPE_MENU,
                                        V4L2_CTRL_TYPE_BUTTON,  V4L2_CTRL_TYPE_INTEGER_MENU, V4L2_CTRL_TYPE_BITMASK};
  std::vector<control_report> out;
  v4l2_queryctrl answer{};
  for (int i = 0; i < most_controls; ++i) {
    const uint32_t previous = answer.id;
    answer = {};
    answer.id = previous | V4L2_CTRL_FLAG_NEXT_CTRL;
    if (node.call(VIDIOC_QUERYCTRL, &answer) != 0 || answer.id <= previous) break;
    const bool is_number =
        std::find(std::begin(numeric_types), std::end(numeric_types), answer.type) != std::end(numeric_types);
    if (!is_number || (answer.flags & V4L2_CTRL_FLAG_DISABLED) != 0) continue;
    const bool has_value = answer.type != V4L2_CTRL_TYPE_BUTTON && (answer.flags & V4L2_CTRL_FLAG_WRITE_ONLY) == 0;
    out.push_back({driver_text(answer.name, sizeof answer.name), answer.minimum, answer.maximum,
                   has_value ? control_value(node, answer.id) : 0, (answer.flags & V4L2_CTRL_FLAG_READ_ONLY) != 0});
  }
  return out;
}

/// None for a node that is neither a camera nor an encoder, nor could become one.
std::optional<camera_report> describe_camera(const std::string& device, video_device_calls& calls) {
  camera_report out;
  out.device = device;
  v4l2_node node(calls);
  if (auto opened = node.open(device, v4l2_node::accepted_kind::any_video_node); !opened) {
    out.error = opened.error().message;
    return out;
  }
  const node_capabilities& has = node.capabilities();
  const bool is_output = (has.flags & (V4L2_CAP_VIDEO_OUTPUT | V4L2_CAP_VIDEO_OUTPUT_MPLANE)) != 0;
  if (!has.can_capture && !has.is_memory_to_memory && !is_output) return std::nullopt;
  out.name = has.card;
  out.driver = has.driver;
  out.bus = has.bus;
  out.can_stream = has.can_stream;
  out.can_read = has.can_read;
  out.is_multiplanar = has.is_multiplanar;
  out.is_encoder = has.is_memory_to_memory;
  out.controls = describe_controls(node);
  if (has.can_capture || has.is_memory_to_memory) {
    out.formats = describe_formats(node);
  } else {
    out.error =
        device + " (" + has.card + ") only takes pictures: an output, or a loopback into which nothing plays yet";
  }
  return out;
}

}  // namespace

std::vector<std::string> video_nodes(const std::string& folder) {
  std::vector<std::pair<uint32_t, std::string>> found;
  std::error_code failed;
  for (fs::directory_iterator entry(folder, failed), end; !failed && entry != end; entry.increment(failed)) {
    const auto number = number_of_node(entry->path().filename().string());
    if (number) found.emplace_back(*number, entry->path().string());
  }
  std::sort(found.begin(), found.end());
  std::vector<std::string> out;
  out.reserve(found.size());
  for (auto& [unused, path] : found) out.push_back(std::move(path));
  return out;
}

std::string link_to(const std::string& node, const std::string& folder) {
  std::error_code failed;
  const fs::path wanted = fs::weakly_canonical(node, failed);
  for (fs::directory_iterator entry(folder, failed), end; !failed && entry != end; entry.increment(failed)) {
    std::error_code unreadable;
    if (fs::weakly_canonical(entry->path(), unreadable) == wanted && !unreadable) return entry->path().string();
  }
  return {};
}

std::vector<camera_report> describe_cameras(const std::vector<std::string>& nodes, const std::string& link_folder,
                                            video_device_calls& calls) {
  std::vector<camera_report> out;
  for (const std::string& device : nodes) {
    auto report = describe_camera(device, calls);
    if (!report) continue;
    report->serial_link = link_to(device, link_folder);
    out.push_back(std::move(*report));
  }
  return out;
}

std::vector<camera_report> list_cameras() {
  return describe_cameras(video_nodes("/dev"), "/dev/v4l/by-id", system_video_calls());
}

}  // namespace campush

#include "app/device_listing.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace campush {

namespace {

std::string rate_text(double rate) {
  const double rounded = std::round(rate * 100) / 100;
  return fmt::format("{:g}", rounded);
}

std::string rates_text(const std::vector<double>& rates) {
  std::string out;
  for (const double rate : rates) out += (out.empty() ? " at " : ", ") + rate_text(rate);
  return out;
}

std::string size_text(const frame_size_report& size) {
  std::string out;
  if (size.min_width > 0) out = fmt::format("{}x{} to ", size.min_width, size.min_height);
  return out + fmt::format("{}x{}{}", size.width, size.height, rates_text(size.frame_rates));
}

std::string kind_of(const camera_report& camera) {
  if (camera.is_encoder) return "encoder, memory to memory";
  if (camera.can_stream) return camera.is_multiplanar ? "camera, multi-planar" : "camera";
  return camera.can_read ? "camera, read() only" : "not a camera";
}

void add_camera(std::string& out, const camera_report& camera) {
  if (camera.driver.empty() && !camera.error.empty()) {
    // Its name and kind are known to those alone who may open it; the error names the device.
    out += fmt::format("  {}\n", camera.error);
    return;
  }
  out += fmt::format("  {}  {} ({}{}{}), {}\n", camera.device, camera.name, camera.driver,
                     camera.bus.empty() ? "" : ", ", camera.bus, kind_of(camera));
  if (!camera.error.empty()) out += fmt::format("      not listed further: {}\n", camera.error);
  for (const camera_format_report& format : camera.formats) {
    out +=
        fmt::format("      {}  {}{}\n", format.fourcc, format.description, format.is_compressed ? ", compressed" : "");
    for (const frame_size_report& size : format.sizes) out += fmt::format("            {}\n", size_text(size));
  }
  if (!camera.controls.empty()) out += "      controls:\n";
  for (const control_report& control : camera.controls) {
    out += fmt::format("            {}: {} ({} to {}){}\n", control.name, control.value, control.minimum,
                       control.maximum, control.is_read_only ? ", read-only" : "");
  }
  if (camera.formats.empty() || camera.is_encoder) return;
  out += fmt::format("      config: \"source\": {{ \"type\": \"v4l2\", \"device\": \"{}\" }}\n",
                     camera.serial_link.empty() ? camera.device : camera.serial_link);
}

std::string range_text(uint32_t least, uint32_t most) {
  return least == most ? fmt::format("{}", most) : fmt::format("{} to {}", least, most);
}

void add_microphone(std::string& out, const microphone_report& microphone) {
  out += fmt::format("  {}  {}", microphone.device, microphone.name);
  if (!microphone.error.empty()) {
    out += fmt::format(": {}\n", microphone.error);
    return;
  }
  if (microphone.max_rate > 0) {
    out += fmt::format(", {} Hz, {} channels", range_text(microphone.min_rate, microphone.max_rate),
                       range_text(microphone.min_channels, microphone.max_channels));
  }
  out += fmt::format("\n      config: \"audio\": {{ \"type\": \"alsa\", \"device\": \"{}\" }}\n", microphone.device);
}

void add_channel(std::string& out, const plugin_channel_report& channel) {
  const bool is_picture = channel.kind == track_kind::video;
  out += fmt::format("      {} {}  {}:", is_picture ? "video" : "audio", channel.channel, channel.name);
  for (const codec_id codec : channel.codecs) out += fmt::format(" {}", codec_name(codec));
  if (channel.max_width > 0) out += fmt::format(", up to {}x{}", channel.max_width, channel.max_height);
  if (channel.max_frame_rate > 0) out += fmt::format(" at {}", rate_text(channel.max_frame_rate));
  if (channel.max_bitrate_kbps > 0) {
    out += fmt::format(", {} kbit/s", range_text(channel.min_bitrate_kbps, channel.max_bitrate_kbps));
  }
  if (channel.max_sample_rate > 0) {
    out += fmt::format(", up to {} Hz, {} channels", channel.max_sample_rate, channel.max_audio_channels);
  }
  out += "\n";
}

void add_plugin(std::string& out, const plugin_finding& plugin) {
  if (!plugin.report) {
    out += fmt::format("  {}\n", plugin.report.error().message);
    return;
  }
  const plugin_report& report = *plugin.report;
  out += fmt::format("  {}  {} {} ({}), interface {}, {} cameras, {} encoders at once\n", report.path, report.name,
                     report.version, report.vendor, report.interface_version, report.cameras, report.max_encoders);
  for (const plugin_channel_report& channel : report.video) add_channel(out, channel);
  for (const plugin_channel_report& channel : report.audio) add_channel(out, channel);
}

template <class Item, class Add>
void add_section(std::string& out, const char* title, const char* none, const std::vector<Item>& items, Add add) {
  out += fmt::format("{}{}\n", out.empty() ? "" : "\n", title);
  if (items.empty()) out += fmt::format("  {}\n", none);
  for (const Item& item : items) add(out, item);
}

}  // namespace

std::string listing_text(const device_listing& listing) {
  std::string out;
  add_section(out, "Cameras", "none: no /dev/video* here", listing.cameras, add_camera);
  add_section(out, "Microphones", "none: no sound card, or none that captures", listing.microphones, add_microphone);
  add_section(out, "Plug-ins", "none: the configuration names none (campush devices --library PATH asks one)",
              listing.plugins, add_plugin);
  return out;
}

}  // namespace campush

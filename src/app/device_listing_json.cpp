#include "app/device_listing.h"
#include "server/json.h"

namespace campush {

namespace {

void write(json_writer& out, const frame_size_report& size) {
  out.begin_object().member("width", uint64_t{size.width}).member("height", uint64_t{size.height});
  out.member("min_width", uint64_t{size.min_width}).member("min_height", uint64_t{size.min_height});
  out.key("frame_rates").begin_array();
  for (const double rate : size.frame_rates) out.value(rate);
  out.end_array().end_object();
}

void write(json_writer& out, const camera_format_report& format) {
  out.begin_object().member("fourcc", format.fourcc).member("description", format.description);
  out.member("is_compressed", format.is_compressed).key("sizes").begin_array();
  for (const frame_size_report& size : format.sizes) write(out, size);
  out.end_array().end_object();
}

void write(json_writer& out, const control_report& control) {
  out.begin_object().member("name", control.name).member("minimum", control.minimum);
  out.member("maximum", control.maximum).member("value", control.value);
  out.member("is_read_only", control.is_read_only).end_object();
}

void write(json_writer& out, const camera_report& camera) {
  out.begin_object().member("device", camera.device).member("name", camera.name).member("driver", camera.driver);
  out.member("bus", camera.bus).member("serial_link", camera.serial_link);
  out.member("can_stream", camera.can_stream).member("can_read", camera.can_read);
  out.member("is_multiplanar", camera.is_multiplanar).member("is_encoder", camera.is_encoder);
  out.key("formats").begin_array();
  for (const camera_format_report& format : camera.formats) write(out, format);
  out.end_array().key("controls").begin_array();
  for (const control_report& control : camera.controls) write(out, control);
  out.end_array().member("error", camera.error).end_object();
}

void write(json_writer& out, const microphone_report& microphone) {
  out.begin_object().member("device", microphone.device).member("name", microphone.name);
  out.member("min_rate", uint64_t{microphone.min_rate}).member("max_rate", uint64_t{microphone.max_rate});
  out.member("min_channels", uint64_t{microphone.min_channels});
  out.member("max_channels", uint64_t{microphone.max_channels}).member("error", microphone.error).end_object();
}

void write(json_writer& out, const plugin_channel_report& channel) {
  out.begin_object().member("channel", uint64_t{channel.channel}).member("camera", uint64_t{channel.camera});
  out.member("name", channel.name).key("codecs").begin_array();
  for (const codec_id codec : channel.codecs) out.value(std::string_view(codec_name(codec)));
  out.end_array().member("max_width", uint64_t{channel.max_width}).member("max_height", uint64_t{channel.max_height});
  out.member("max_frame_rate", channel.max_frame_rate);
  out.member("min_bitrate_kbps", uint64_t{channel.min_bitrate_kbps});
  out.member("max_bitrate_kbps", uint64_t{channel.max_bitrate_kbps});
  out.member("max_sample_rate", uint64_t{channel.max_sample_rate});
  out.member("max_audio_channels", uint64_t{channel.max_audio_channels}).end_object();
}

void write(json_writer& out, const plugin_finding& plugin) {
  out.begin_object().member("path", plugin.path);
  if (plugin.report) {
    const plugin_report& report = *plugin.report;
    out.member("name", report.name).member("vendor", report.vendor).member("version", report.version);
    out.member("interface_version", report.interface_version).member("cameras", uint64_t{report.cameras});
    out.member("max_encoders", uint64_t{report.max_encoders}).key("video").begin_array();
    for (const plugin_channel_report& channel : report.video) write(out, channel);
    out.end_array().key("audio").begin_array();
    for (const plugin_channel_report& channel : report.audio) write(out, channel);
    out.end_array();
  }
  out.member("error", plugin.report ? std::string() : plugin.report.error().message).end_object();
}

template <class Item>
void write_all(json_writer& out, const char* key, const std::vector<Item>& items) {
  out.key(key).begin_array();
  for (const Item& item : items) write(out, item);
  out.end_array();
}

}  // namespace

std::string listing_json(const device_listing& listing) {
  json_writer out;
  out.begin_object();
  write_all(out, "cameras", listing.cameras);
  write_all(out, "microphones", listing.microphones);
  write_all(out, "plugins", listing.plugins);
  out.end_object();
  return out.take();
}

}  // namespace campush

#include "device/v4l2/v4l2_node.h"

#include <linux/videodev2.h>

#include <cerrno>
#include <cstring>
#include <filesystem>

namespace campush {

namespace {

/// What an errno of a video driver means to a person (kernel documentation, "Generic Error Codes" and those of each call).
struct errno_words {
  int value;
  error_code code;
  const char* text;
};
constexpr errno_words words_of_errno[] = {
    {ENOENT, error_code::not_found, "there is no such device (is the camera plugged in?)"},
    {ENODEV, error_code::not_found, "the device is gone (unplugged, or its driver was unloaded)"},
    {ENXIO, error_code::not_found, "the device is gone (unplugged, or its driver was unloaded)"},
    {EACCES, error_code::permission_denied, "not permitted (the user has to be in the group video)"},
    {EPERM, error_code::permission_denied, "not permitted"},
    {EBUSY, error_code::busy, "in use by another stream or program"},
    {EIO, error_code::io_failed, "the driver reports an input/output error (no signal, or a fault of the bus)"},
    {EPIPE, error_code::io_failed, "the driver has ended its stream, or the formats of its media pipeline do not fit"},
    {ENOLINK, error_code::unsupported, "no sensor is linked to it (media-ctl sets up the pipeline)"},
    {ENOSPC, error_code::limit_reached,
     "not enough bandwidth on its bus (a smaller size, a lower rate or mjpeg needs less; so does a port of its own)"},
    {ENOMEM, error_code::limit_reached,
     "no memory for its buffers (a smaller size needs less; see cma= of the kernel)"},
    {EINVAL, error_code::unsupported, "the driver refuses it"},
    {ENOTTY, error_code::unsupported, "not a video device, or its driver lacks this call"},
    {EPROTO, error_code::io_failed, "the USB connection is disturbed (cable, hub or power)"},
    {EBADMSG, error_code::malformed, "the driver hands out a buffer that it was not given"},
    {ETIMEDOUT, error_code::timed_out, "the device does not answer"},
};

constexpr uint32_t capture_flags = V4L2_CAP_VIDEO_CAPTURE | V4L2_CAP_VIDEO_CAPTURE_MPLANE;
constexpr uint32_t output_flags = V4L2_CAP_VIDEO_OUTPUT | V4L2_CAP_VIDEO_OUTPUT_MPLANE;
constexpr uint32_t memory_to_memory_flags = V4L2_CAP_VIDEO_M2M | V4L2_CAP_VIDEO_M2M_MPLANE;

}  // namespace

std::string canonical_node(const std::string& path) {
  std::error_code unknown;
  const std::filesystem::path node = std::filesystem::canonical(path, unknown);
  return unknown ? path : node.string();
}

result<void> v4l2_node::open(const std::string& path, accepted_kind kind) {
  close();
  m_path = path;
  m_descriptor = m_calls.open(path.c_str());
  if (m_descriptor < 0) {
    const int reason = errno;
    m_descriptor = -1;
    return tl::unexpected<error>(error_of(reason, "open"));
  }
  auto usable = query();
  if (usable && kind == accepted_kind::camera) usable = refuse_other_than_camera();
  if (!usable) close();
  return usable;
}

void v4l2_node::close() noexcept {
  if (m_descriptor >= 0) m_calls.close(m_descriptor);
  m_descriptor = -1;
}

int v4l2_node::call(unsigned long request, void* argument) const noexcept {
  // A driver that is interrupted for ever is a fault of its own: the loop has an end.
  constexpr int most_interruptions = 100;
  for (int i = 0; i < most_interruptions; ++i) {
    if (m_calls.ioctl(m_descriptor, request, argument) == 0) return 0;
    if (errno != EINTR) return errno != 0 ? errno : EIO;
  }
  return EINTR;
}

uint32_t v4l2_node::buffer_type() const noexcept {
  return m_capabilities.is_multiplanar ? V4L2_BUF_TYPE_VIDEO_CAPTURE_MPLANE : V4L2_BUF_TYPE_VIDEO_CAPTURE;
}

error v4l2_node::error_of(int errno_value, std::string_view action) const {
  const std::string place = m_path + ": " + std::string(action);
  for (const errno_words& row : words_of_errno) {
    if (row.value == errno_value) return wrap({row.code, row.text}, place);
  }
  return error_from_errno(errno_value, place);
}

result<void> v4l2_node::query() {
  v4l2_capability answer{};
  if (const int reason = call(VIDIOC_QUERYCAP, &answer); reason != 0) {
    return tl::unexpected<error>(error_of(reason, "VIDIOC_QUERYCAP"));
  }
  node_capabilities& out = m_capabilities;
  out = {};
  out.driver = driver_text(answer.driver, sizeof answer.driver);
  out.card = driver_text(answer.card, sizeof answer.card);
  out.bus = driver_text(answer.bus_info, sizeof answer.bus_info);
  // Drivers before Linux 3.4 say nothing of the single node.
  const bool has_own_flags = (answer.capabilities & V4L2_CAP_DEVICE_CAPS) != 0;
  out.flags = has_own_flags ? answer.device_caps : answer.capabilities;
  out.can_capture = (out.flags & capture_flags) != 0;
  const bool has_single = (out.flags & (V4L2_CAP_VIDEO_CAPTURE | V4L2_CAP_VIDEO_M2M)) != 0;
  const bool has_multi = (out.flags & (V4L2_CAP_VIDEO_CAPTURE_MPLANE | V4L2_CAP_VIDEO_M2M_MPLANE)) != 0;
  out.is_multiplanar = has_multi && !has_single;
  out.can_stream = (out.flags & V4L2_CAP_STREAMING) != 0;
  out.can_read = (out.flags & V4L2_CAP_READWRITE) != 0;
  out.is_memory_to_memory = (out.flags & memory_to_memory_flags) != 0;
  return {};
}

result<void> v4l2_node::refuse_other_than_camera() const {
  const node_capabilities& has = m_capabilities;
  const std::string who = m_path + " (" + has.card + ") ";
  if (has.is_memory_to_memory) {
    return fail(error_code::unsupported,
                who + "is an encoder, decoder or scaler of pictures from memory, not a camera");
  }
  if (!has.can_capture && (has.flags & output_flags) != 0) {
    return fail(error_code::unsupported,
                who + "only takes pictures: it is an output, or a loopback into which nothing plays yet");
  }
  if (!has.can_capture) {
    return fail(
        error_code::unsupported,
        who + "delivers no pictures (cameras often have a second node for metadata; `campush devices` lists them)");
  }
  if (!has.can_stream && !has.can_read) {
    return fail(error_code::unsupported, who + "offers neither streaming nor read()");
  }
  return {};
}

std::string fourcc_text(uint32_t fourcc) {
  std::string text;
  for (int shift = 0; shift < 32; shift += 8) {
    const auto letter = static_cast<unsigned char>(fourcc >> shift & 0x7f);
    text.push_back(letter >= 0x20 && letter < 0x7f ? static_cast<char>(letter) : '?');
  }
  while (!text.empty() && text.back() == ' ') text.pop_back();
  return text;
}

std::string driver_text(const void* characters, size_t size) {
  const char* const begin = static_cast<const char*>(characters);
  std::string text(begin, strnlen(begin, size));
  for (char& letter : text) {
    if (static_cast<unsigned char>(letter) < 0x20 || letter == 0x7f) letter = ' ';
  }
  return text;
}

}  // namespace campush

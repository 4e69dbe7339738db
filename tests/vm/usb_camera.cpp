// usb_camera FILE h264|h265 WIDTH HEIGHT RATE [loop]: a UVC camera in software, on raw_gadget and dummy_hcd. Whenever the host starts
// the stream it plays FILE (access_unit_file.h) from its first picture at RATE, once or for ever. Killed, it is unplugged; stopped
// (SIGSTOP), it is a camera that hangs. Says "playing", "stopped" and "played" on its standard output.

#include <fcntl.h>
#include <linux/usb/ch9.h>
#include <linux/usb/raw_gadget.h>
#include <pthread.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <optional>
#include <thread>

#include "vm/usb_camera_descriptors.h"

namespace campush::vm {
namespace {

using clock = std::chrono::steady_clock;

/// usb_raw_ep_io and usb_raw_event with room for their data, which C++ does not let follow the kernel's structs.
struct endpoint_transfer {
  uint16_t ep, flags;
  uint32_t length;
  uint8_t data[camera_payload_size];
};
static_assert(offsetof(endpoint_transfer, data) == sizeof(usb_raw_ep_io));
struct control_event {
  uint32_t type, length;
  usb_ctrlrequest request;
};
static_assert(offsetof(control_event, request) == sizeof(usb_raw_event));

void say(const char* what) {
  std::puts(what);
  std::fflush(stdout);
}

/// The video endpoint, played by a thread of its own.
class player {
 public:
  player(int device, std::vector<bytes> units, uint32_t rate, bool is_looped)
      : m_device(device),
        m_units(std::move(units)),
        m_interval(std::chrono::microseconds(1'000'000 / rate)),
        m_is_looped(is_looped) {}

  void begin(int endpoint) {
    if (m_thread.joinable()) return;
    m_endpoint = endpoint;
    m_thread = std::thread([this] { run(); });
  }
  void play() {
    const std::lock_guard<std::mutex> lock(m_mutex);
    m_is_playing = true;
    m_changed.notify_all();
  }
  /// Returns when nothing of the play under way is left: a transfer that the host no longer waits for is taken back, or the next
  /// play would begin with its bytes. The signal is repeated, as one that comes before the call ends nothing.
  void stop() {
    std::unique_lock<std::mutex> lock(m_mutex);
    m_is_playing = false;
    m_changed.notify_all();
    while (!m_is_idle) {
      pthread_kill(m_thread.native_handle(), SIGUSR1);
      m_changed.wait_for(lock, std::chrono::milliseconds(5));
    }
  }

 private:
  void run() {
    std::unique_lock<std::mutex> lock(m_mutex);
    for (;;) {
      m_changed.wait(lock, [this] { return m_is_playing; });
      m_is_idle = false;
      say("playing");
      say(play_all(lock) ? "played" : "stopped");
      m_changed.wait(lock, [this] { return !m_is_playing; });
      m_is_idle = true;
      m_changed.notify_all();
    }
  }

  bool play_all(std::unique_lock<std::mutex>& lock) {
    clock::time_point due = clock::now();
    do {
      for (const bytes& unit : m_units) {
        if (m_changed.wait_until(lock, due, [this] { return !m_is_playing; })) return false;
        // After a stall it goes on from where it is, as a camera would.
        due = std::max(due + m_interval, clock::now() - m_interval);
        lock.unlock();
        const bool is_sent = send(unit);
        lock.lock();
        if (!is_sent) return false;
      }
    } while (m_is_looped);
    return true;
  }

  /// A picture: payloads with a header of 2 bytes, whose toggle bit changes with each picture and whose end bit is set in the last.
  bool send(const bytes& unit) {
    constexpr size_t room = camera_payload_size - 2;
    for (size_t at = 0; at < unit.size();) {
      const size_t size = std::min(room, unit.size() - at);
      const bool is_last = at + size == unit.size();
      m_transfer.ep = static_cast<uint16_t>(m_endpoint);
      m_transfer.flags = size < room ? USB_RAW_IO_FLAGS_ZERO : 0;
      m_transfer.length = static_cast<uint32_t>(size + 2);
      m_transfer.data[0] = 2;
      m_transfer.data[1] = static_cast<uint8_t>(0x80 | (is_last ? 2 : 0) | (m_toggle ? 1 : 0));
      std::copy_n(unit.data() + at, size, m_transfer.data + 2);
      if (ioctl(m_device, USB_RAW_IOCTL_EP_WRITE, &m_transfer) < 0) return false;
      at += size;
    }
    m_toggle = !m_toggle;
    return true;
  }

  const int m_device;
  const std::vector<bytes> m_units;
  const std::chrono::microseconds m_interval;
  const bool m_is_looped;
  int m_endpoint = -1;
  bool m_toggle = false;
  endpoint_transfer m_transfer{};
  std::mutex m_mutex;
  std::condition_variable m_changed;
  bool m_is_playing = false, m_is_idle = true;
  std::thread m_thread;
};

/// Answers the host on endpoint 0.
class camera {
 public:
  camera(int device, const camera_traits& traits, player& video) : m_device(device), m_traits(traits), m_video(video) {}

  int run() {
    for (;;) {
      control_event event{};
      event.length = sizeof event.request;
      if (ioctl(m_device, USB_RAW_IOCTL_EVENT_FETCH, &event) < 0) {
        if (errno == EINTR) continue;
        std::perror("event");
        return 1;
      }
      if (event.type == USB_RAW_EVENT_CONTROL) answer(event.request);
    }
  }

 private:
  void answer(const usb_ctrlrequest& request) {
    const int type = request.bRequestType & USB_TYPE_MASK;
    std::optional<bytes> reply;
    if (type == USB_TYPE_STANDARD) reply = standard(request);
    if (type == USB_TYPE_CLASS) reply = video_class(request);
    if (!reply) {
      ioctl(m_device, USB_RAW_IOCTL_EP0_STALL, 0);
      return;
    }
    endpoint_transfer transfer{};
    if ((request.bRequestType & USB_DIR_IN) != 0) {
      const size_t size = std::min<size_t>(reply->size(), request.wLength);
      std::copy_n(reply->data(), size, transfer.data);
      transfer.length = static_cast<uint32_t>(size);
      ioctl(m_device, USB_RAW_IOCTL_EP0_WRITE, &transfer);
    } else {
      transfer.length = std::min<uint32_t>(request.wLength, camera_payload_size);
      ioctl(m_device, USB_RAW_IOCTL_EP0_READ, &transfer);
    }
    // Only now has the host what it waits for.
    if (m_begins) m_video.play();
    m_begins = false;
  }

  std::optional<bytes> standard(const usb_ctrlrequest& request) {
    switch (request.bRequest) {
      case USB_REQ_GET_DESCRIPTOR:
        return described(static_cast<uint8_t>(request.wValue >> 8), static_cast<uint8_t>(request.wValue));
      case USB_REQ_SET_INTERFACE: return bytes{};
      case USB_REQ_SET_CONFIGURATION: configure(); return bytes{};
      case USB_REQ_GET_STATUS: return bytes{0, 0};
      case USB_REQ_GET_INTERFACE: return bytes{0};
      default: return std::nullopt;
    }
  }

  std::optional<bytes> described(uint8_t type, uint8_t index) const {
    switch (type) {
      case USB_DT_DEVICE: return device_descriptor();
      case USB_DT_DEVICE_QUALIFIER: return qualifier_descriptor();
      case USB_DT_CONFIG: return configuration_descriptor(m_traits);
      case USB_DT_STRING: {
        bytes text = string_descriptor(index);
        return text.empty() ? std::nullopt : std::optional<bytes>(std::move(text));
      }
      default: return std::nullopt;
    }
  }

  void configure() {
    if (m_endpoint >= 0) return;
    usb_endpoint_descriptor endpoint{};
    endpoint.bLength = USB_DT_ENDPOINT_SIZE;
    endpoint.bDescriptorType = USB_DT_ENDPOINT;
    endpoint.bEndpointAddress = camera_endpoint;
    endpoint.bmAttributes = USB_ENDPOINT_XFER_BULK;
    endpoint.wMaxPacketSize = 512;
    m_endpoint = ioctl(m_device, USB_RAW_IOCTL_EP_ENABLE, &endpoint);
    if (m_endpoint < 0) std::perror("endpoint");
    ioctl(m_device, USB_RAW_IOCTL_VBUS_DRAW, 50);
    ioctl(m_device, USB_RAW_IOCTL_CONFIGURE, 0);
    m_video.begin(m_endpoint);
  }

  /// Probe and commit of the streaming interface (UVC 1.1, 4.3.1.1); what the host sets is what it read before.
  std::optional<bytes> video_class(const usb_ctrlrequest& request) {
    constexpr uint8_t commit = 2, set_current = 1, get_length = 0x85, get_info = 0x86;
    const auto control = static_cast<uint8_t>(request.wValue >> 8);
    if ((request.wIndex & 0xFF) != 1 || control < 1 || control > commit) return std::nullopt;
    switch (request.bRequest) {
      case set_current:
        if (control == commit) {
          m_video.stop();
          m_begins = true;
        }
        return bytes{};
      case get_length: return bytes{34, 0};
      case get_info: return bytes{3};
      default: return stream_settings(m_traits);
    }
  }

  const int m_device;
  const camera_traits m_traits;
  player& m_video;
  int m_endpoint = -1;
  bool m_begins = false;
};

/// Plugged in: the host begins to enumerate.
int plug_in() {
  const int device = open("/dev/raw-gadget", O_RDWR | O_CLOEXEC);
  usb_raw_init init{};
  std::snprintf(reinterpret_cast<char*>(init.driver_name), sizeof init.driver_name, "dummy_udc");
  std::snprintf(reinterpret_cast<char*>(init.device_name), sizeof init.device_name, "dummy_udc.0");
  init.speed = USB_SPEED_HIGH;
  if (device < 0 || ioctl(device, USB_RAW_IOCTL_INIT, &init) < 0 || ioctl(device, USB_RAW_IOCTL_RUN, 0) < 0) {
    std::perror("raw-gadget");
    return -1;
  }
  return device;
}

int run(int count, char** arguments) {
  if (count < 6) return 2;
  std::vector<bytes> units = read_access_units(arguments[1]);
  if (units.empty()) {
    std::fprintf(stderr, "no pictures in %s\n", arguments[1]);
    return 2;
  }
  camera_traits traits;
  traits.is_h265 = std::strcmp(arguments[2], "h265") == 0;
  traits.width = static_cast<uint16_t>(std::atoi(arguments[3]));
  traits.height = static_cast<uint16_t>(std::atoi(arguments[4]));
  traits.frame_rate = static_cast<uint32_t>(std::atoi(arguments[5]));
  // Without SA_RESTART, so that the signal ends a transfer under way.
  struct sigaction action {};
  action.sa_handler = [](int) {};
  sigaction(SIGUSR1, &action, nullptr);
  const int device = plug_in();
  if (device < 0) return 1;
  player video(device, std::move(units), traits.frame_rate, count > 6);
  return camera(device, traits, video).run();
}

}  // namespace
}  // namespace campush::vm

int main(int count, char** arguments) {
  return campush::vm::run(count, arguments);
}

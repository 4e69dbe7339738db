// capture_probe DEVICE FOURCC WIDTH HEIGHT COUNT: captures with the agent's V4L2 layer alone. Built for other machines, it shows that their
// form of the kernel's interface is understood. Prints "size time sequence" of each buffer, in bytes and microseconds.

#include <poll.h>

#include <cinttypes>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "device/v4l2/v4l2_device.h"
#include "util/clock.h"

namespace campush::vm {
namespace {

int fail(const error& why) {
  std::fprintf(stderr, "%s\n", why.message.c_str());
  return 1;
}

int run(char** arguments) {
  const auto number = [arguments](int at) { return static_cast<uint32_t>(std::strtoul(arguments[at], nullptr, 10)); };
  const auto letter = [arguments](int at) { return uint32_t{static_cast<uint8_t>(arguments[2][at])} << 8 * at; };
  capture_request request;
  request.fourccs = {letter(0) | letter(1) | letter(2) | letter(3)};
  request.width = number(3);
  request.height = number(4);
  device_counters counters;
  v4l2_device device(system_video_calls(), counters);
  const clock& time = system_clock();
  if (auto opened = device.open(arguments[1]); !opened) return fail(opened.error());
  if (auto agreed = device.configure(request); !agreed) return fail(agreed.error());
  if (auto started = device.start(4, time.now()); !started) return fail(started.error());
  for (uint32_t taken = 0; taken < number(5);) {
    pollfd watched{device.descriptor(), POLLIN, 0};
    poll(&watched, 1, 100);
    v4l2_device::taken_buffer picture;
    auto has_one = device.take(time.now(), picture);
    if (!has_one) return fail(has_one.error());
    if (!*has_one) continue;
    std::printf("%u %" PRId64 " %u\n", picture.buffer.planes[0].used,
                static_cast<int64_t>(picture.captured_at.time_since_epoch().count()), picture.buffer.sequence);
    device.give_back(picture.buffer);
    ++taken;
  }
  return 0;
}

}  // namespace
}  // namespace campush::vm

int main(int count, char** arguments) {
  return count == 6 ? campush::vm::run(arguments) : 2;
}

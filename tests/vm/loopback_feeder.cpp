// loopback_feeder DEVICE FILE h264|h265 WIDTH HEIGHT RATE [SECONDS]: writes the pictures of FILE (access_unit_file.h) into a v4l2loopback
// device at RATE, again and again: a camera as a user-space driver makes one. The first is due at SECONDS of the monotonic clock, or
// at once. Says "feeding" on its standard output.

#include <fcntl.h>
#include <linux/videodev2.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <thread>

#include "vm/access_unit_file.h"

namespace campush::vm {
namespace {

bool set_format(int device, bool is_h265, uint32_t width, uint32_t height) {
  v4l2_format format{};
  format.type = V4L2_BUF_TYPE_VIDEO_OUTPUT;
  if (ioctl(device, VIDIOC_G_FMT, &format) < 0) return false;
  format.fmt.pix.width = width;
  format.fmt.pix.height = height;
  format.fmt.pix.pixelformat = is_h265 ? V4L2_PIX_FMT_HEVC : V4L2_PIX_FMT_H264;
  format.fmt.pix.field = V4L2_FIELD_NONE;
  format.fmt.pix.bytesperline = 0;
  format.fmt.pix.sizeimage = width * height * 3 / 2;
  return ioctl(device, VIDIOC_S_FMT, &format) == 0;
}

int run(int count, char** arguments) {
  if (count < 7) return 2;
  const std::vector<bytes> units = read_access_units(arguments[2]);
  const int device = open(arguments[1], O_RDWR | O_CLOEXEC);
  const auto number = [arguments](int at) { return static_cast<uint32_t>(std::atoi(arguments[at])); };
  if (units.empty() || device < 0 ||
      !set_format(device, std::strcmp(arguments[3], "h265") == 0, number(4), number(5))) {
    std::perror(arguments[1]);
    return 1;
  }
  std::puts("feeding");
  std::fflush(stdout);
  const auto interval = std::chrono::microseconds(1'000'000 / number(6));
  using clock = std::chrono::steady_clock;
  clock::time_point due = clock::now();
  if (count > 7) {
    due = clock::time_point(
        std::chrono::duration_cast<clock::duration>(std::chrono::duration<double>(std::atof(arguments[7]))));
  }
  for (;;) {
    for (const bytes& unit : units) {
      std::this_thread::sleep_until(due);
      due += interval;
      // After a halt it goes on from where it is, as a camera would; but not where the times are given.
      if (count <= 7) due = std::max(due, clock::now() - interval);
      if (write(device, unit.data(), unit.size()) < 0) {
        std::perror("write");
        return 1;
      }
    }
  }
}

}  // namespace
}  // namespace campush::vm

int main(int count, char** arguments) {
  return campush::vm::run(count, arguments);
}

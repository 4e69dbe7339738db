#include <cstdlib>

#include "rtmp/protocol/amf0.h"

/// What parses must be written and parsed again to the same bytes.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace campush;
  const auto write_all = [](const std::vector<amf0_value>& values) {
    std::vector<uint8_t> bytes;
    byte_writer out(bytes);
    for (const amf0_value& each : values) write_amf0(out, each);
    return bytes;
  };
  const auto values = read_amf0_all({data, size});
  if (!values) return 0;
  const std::vector<uint8_t> once = write_all(*values);
  const auto again = read_amf0_all(once);
  if (!again || write_all(*again) != once) std::abort();
  return 0;
}

#include "vm/usb_camera_descriptors.h"

#include <initializer_list>
#include <string>

namespace campush::vm {
namespace {

constexpr uint32_t units_of_100_ns = 10'000'000;
constexpr uint32_t clock_hz = 48'000'000;
/// bDescriptorType of class-specific interface descriptors.
constexpr uint8_t class_interface = 0x24;

/// Bytes in USB's order.
class builder {
 public:
  builder& u8(std::initializer_list<uint8_t> values) {
    m_bytes.insert(m_bytes.end(), values);
    return *this;
  }
  builder& u16(uint32_t value) { return u8({static_cast<uint8_t>(value), static_cast<uint8_t>(value >> 8)}); }
  builder& u32(uint32_t value) { return u16(value & 0xFFFF).u16(value >> 16); }
  builder& append(const bytes& more) {
    m_bytes.insert(m_bytes.end(), more.begin(), more.end());
    return *this;
  }
  bytes take() { return std::move(m_bytes); }

 private:
  bytes m_bytes;
};

/// The first byte of a descriptor is its length.
bytes descriptor(builder& content) {
  bytes whole = content.take();
  whole.insert(whole.begin(), static_cast<uint8_t>(whole.size() + 1));
  return whole;
}

bytes control_interface() {
  const bytes camera =
      descriptor(builder{}.u8({class_interface, 2, 1}).u16(0x0201).u8({0, 0}).u16(0).u16(0).u16(0).u8({3, 0, 0, 0}));
  const bytes output = descriptor(builder{}.u8({class_interface, 3, 2}).u16(0x0101).u8({0, 1, 0}));
  constexpr size_t header_size = 13;
  const bytes header = descriptor(builder{}
                                      .u8({class_interface, 1})
                                      .u16(0x0110)
                                      .u16(static_cast<uint32_t>(header_size + camera.size() + output.size()))
                                      .u32(clock_hz)
                                      .u8({1, 1}));
  return builder{}
      .append(descriptor(builder{}.u8({4, 0, 0, 0, 0x0E, 1, 0, 0})))
      .append(header)
      .append(camera)
      .append(output)
      .take();
}

bytes streaming_interface(const camera_traits& traits) {
  const uint8_t digits[2] = {static_cast<uint8_t>('2'), static_cast<uint8_t>(traits.is_h265 ? '5' : '4')};
  const bytes format = descriptor(builder{}
                                      .u8({class_interface, 0x10, 1, 1})
                                      .u8({'H', digits[0], '6', digits[1]})
                                      .u8({0, 0, 0x10, 0, 0x80, 0, 0, 0xAA, 0, 0x38, 0x9B, 0x71})
                                      .u8({16, 1, 0, 0, 0, 0, 1}));
  const uint32_t interval = units_of_100_ns / traits.frame_rate;
  const bytes frame = descriptor(builder{}
                                     .u8({class_interface, 0x11, 1, 0})
                                     .u16(traits.width)
                                     .u16(traits.height)
                                     .u32(100'000)
                                     .u32(8'000'000)
                                     .u32(interval)
                                     .u8({1})
                                     .u32(0)
                                     .u32(interval));
  constexpr size_t header_size = 14;
  const bytes header = descriptor(builder{}
                                      .u8({class_interface, 1, 1})
                                      .u16(static_cast<uint32_t>(header_size + format.size() + frame.size()))
                                      .u8({camera_endpoint, 0, 2, 0, 0, 0, 1, 0}));
  return builder{}
      .append(descriptor(builder{}.u8({4, 1, 0, 1, 0x0E, 2, 0, 0})))
      .append(header)
      .append(format)
      .append(frame)
      .append(descriptor(builder{}.u8({5, camera_endpoint, 2}).u16(512).u8({0})))
      .take();
}

}  // namespace

bytes device_descriptor() {
  return descriptor(
      builder{}.u8({1}).u16(0x0200).u8({0xEF, 2, 1, 64}).u16(0x1D6B).u16(0x0105).u16(0x0100).u8({1, 2, 3, 1}));
}

bytes qualifier_descriptor() {
  return descriptor(builder{}.u8({6}).u16(0x0200).u8({0xEF, 2, 1, 64, 1, 0}));
}

bytes configuration_descriptor(const camera_traits& traits) {
  const bytes association = descriptor(builder{}.u8({11, 0, 2, 0x0E, 3, 0, 0}));
  const bytes control = control_interface();
  const bytes streaming = streaming_interface(traits);
  constexpr size_t header_size = 9;
  const bytes header =
      descriptor(builder{}
                     .u8({2})
                     .u16(static_cast<uint32_t>(header_size + association.size() + control.size() + streaming.size()))
                     .u8({2, 1, 0, 0x80, 50}));
  return builder{}.append(header).append(association).append(control).append(streaming).take();
}

bytes string_descriptor(uint8_t index) {
  static constexpr const char* names[] = {"", "Test optics", "Test USB camera", "0001"};
  if (index == 0) return descriptor(builder{}.u8({3}).u16(0x0409));
  if (index >= std::size(names)) return {};
  builder text;
  text.u8({3});
  for (const char* at = names[index]; *at != 0; ++at) text.u16(static_cast<uint8_t>(*at));
  return descriptor(text);
}

bytes stream_settings(const camera_traits& traits) {
  return builder{}
      .u16(1)
      .u8({1, 1})
      .u32(units_of_100_ns / traits.frame_rate)
      .u16(0)
      .u16(0)
      .u16(0)
      .u16(0)
      .u16(0)
      .u32(uint32_t{traits.width} * traits.height * 3 / 2)
      .u32(camera_payload_size)
      .u32(clock_hz)
      .u8({3, 0, 1, 0})
      .take();
}

}  // namespace campush::vm

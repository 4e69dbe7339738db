#include <cstdlib>

#include "media/aac.h"

/// ADTS header and AudioSpecificConfig from the same bytes; what ADTS gives must make a configuration that reads back.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace campush;
  const byte_view bytes(data, size);
  static_cast<void>(parse_audio_specific_config(bytes).has_value());
  const auto header = parse_adts_header(bytes);
  if (!header) return 0;
  if (header->frame_bytes <= header->header_bytes || header->frame_bytes > 8191) std::abort();
  const auto config = parse_audio_specific_config(make_audio_specific_config(*header));
  if (!config || config->sample_rate != header->sample_rate) std::abort();
  return 0;
}
